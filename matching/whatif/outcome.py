"""What a replayed day came to, before it is measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.whatif.city import HOUR_S, Day, Floats
from matching.whatif.round import Indexes, Round

SENIORITY = ("first hour on duty", "second to fourth hour", "after the fourth hour")
SENIORITY_S = np.array([HOUR_S, 4 * HOUR_S])


class Chances:
    """How often somebody could have been given a request, and was: by pick-up zone, and by time on duty.

    A chance is a car among the candidates of a request that was given to some car.
    """

    def __init__(self, day: Day) -> None:
        self.zones, self._zone = np.unique(day.pickup_cell, return_inverse=True)
        self.zone = np.zeros((len(self.zones), 2), dtype=np.int64)
        """Chances and offers, by zone."""
        self.seniority = np.zeros((len(SENIORITY), 2), dtype=np.int64)

    def count(self, question: Round, pairs: Indexes, on_duty_s: Floats) -> None:
        """Add a round's. `on_duty_s` is how long each of its cars has been on duty."""
        senior = np.searchsorted(SENIORITY_S, on_duty_s, side="right")
        had = np.isin(question.row, question.row[pairs])
        for which, these in enumerate((np.flatnonzero(had), pairs)):
            np.add.at(self.zone, (self._zone[question.asks[question.row[these]]], which), 1)
            np.add.at(self.seniority, (senior[question.column[these]], which), 1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcome:
    """One row a request: its car (-1: lost), when it was given, how long the car took, how far it came; NaN where
    it was lost. One row a car: seconds on duty, metres driven empty, cents earned."""

    day: Day
    fares: Floats
    car: Indexes
    given_s: Floats
    eta_s: Floats
    approach_m: Floats
    on_duty_s: Floats
    empty_m: Floats
    income: Floats
    chances: Chances
    detour: float
    rounds: int
    fairness_price_s: float

    @property
    def served(self) -> NDArray[np.bool_]:
        """Which requests were served; all others were lost."""
        return self.car >= 0

    @property
    def wait_s(self) -> Floats:
        """From request to pick-up, of those served."""
        served = self.served
        return np.asarray((self.given_s + self.eta_s - self.day.request_s)[served], np.float64)
