"""What a replayed day anticipates, learnt from days lived before it: the table of `matching.anticipation`, where its
trips end, and which kinds of trip are served too seldom."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geo.cells import cells_of
from geo.planes import Plane
from matching.anticipation import LATER, Floor, Stretches, Value, learn
from matching.forecast import SLOT_S
from matching.whatif.city import ZONE_RES, Day, Floats
from matching.whatif.measures import CLASSES_KM
from matching.whatif.outcome import Outcome
from matching.whatif.round import Ahead, Indexes


def learn_value(lived: Sequence[Outcome], plane: Plane) -> Value:
    """From days lived under a way of deciding: each car from one drop to the next. `ValueError` where no car earned
    anything."""
    rows = [_stretches(outcome) for outcome in lived]
    drop, free_s, given_s, pay, next_drop, next_s = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    on_duty_s = sum(float(outcome.on_duty_s.sum()) for outcome in lived)
    earned = sum(float(outcome.income.sum()) for outcome in lived)
    return learn(
        Stretches(
            cell=_cells(plane, drop),
            free_s=free_s,
            given_s=given_s,
            pay=pay,
            next_cell=_cells(plane, next_drop),
            next_s=next_s,
        ),
        per_s=earned / max(on_duty_s, 1.0),
    )


def _stretches(outcome: Outcome) -> tuple[Floats, ...]:
    """Of two trips of one car in a row: where and when the first left it, when it was given the second and for what
    pay, where and when that left it."""
    day, served = outcome.day, np.flatnonzero(outcome.served)
    trips = served[np.lexsort((outcome.given_s[served], outcome.car[served]))]
    one, other = trips[:-1], trips[1:]
    same = outcome.car[one] == outcome.car[other]
    one, other = one[same], other[same]
    end_s = outcome.given_s + outcome.eta_s + day.duration_s
    return (
        day.drop[one],
        end_s[one],
        outcome.given_s[other],
        outcome.fares[other],
        day.drop[other],
        end_s[other],
    )


def _cells(plane: Plane, places: Floats) -> NDArray[np.uint64]:
    lat, lon = plane.to_lat_lon(places)
    return cells_of(lat, lon, ZONE_RES)


class Foresight:
    """One day's, while it is lived."""

    def __init__(self, day: Day, value: Value, plane: Plane) -> None:
        self._value, self._plane, self._day = value, plane, day
        self._ends = _cells(plane, day.drop)
        self._kind = np.searchsorted(np.array(CLASSES_KM), day.crow_m / 1_000, side="right").astype(np.intp)
        self._floor = Floor(len(CLASSES_KM) + 1)

    def settled(self, asks: Indexes, *, served: bool, now_s: float) -> None:
        """These requests were served, or lost."""
        if len(asks):
            self._floor.settled(self._kind[asks], served, now_s)

    def ahead(
        self, asks: Indexes, pay: Floats, places: Floats, pairs: tuple[Indexes, Indexes, Floats], now_s: float
    ) -> Ahead:
        """What these requests bring beyond what the round's pairs (row, column, approach in s) bring on the mean."""
        value, duration_s = self._value, self._day.duration_s[asks]
        brings_s = value.pay_s(pay)
        after_s = value.after_s(self._ends[asks], duration_s, now_s)
        place_s = value.place_s(_cells(self._plane, places), now_s)
        row, column, eta_s = pairs
        gained_s = brings_s[row] + after_s[row] * LATER ** (eta_s / SLOT_S) - place_s[column]
        return Ahead(
            brings_s=brings_s - gained_s.mean(),
            after_s=after_s,
            spared=self._floor.spared()[self._kind[asks]],
            place_s=place_s,
        )
