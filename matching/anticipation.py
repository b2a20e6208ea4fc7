"""What being free at a place and a time is worth: a table learnt from what providers of past days went on to earn.

Whoever is busy earns nothing else meanwhile, and whoever ends where nobody asks waits. Where providers are scarce it
pays to weigh both: a trip is worth its pay and the place and time it leaves one free at, less the place and time it
takes one from (after Xu et al., KDD 2018). By itself that refuses far trips, or short ones, for the others: so it is
capped (`policy.anticipation_cap_s`), counts for every kind of trip that is served too seldom and never against it
(`Floor`), and is nothing at all where supply is ample.

Nothing of a person goes in: a place's cell, a quarter-hour, cents.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.forecast import SLOT_S, SLOTS

Floats = NDArray[np.float64]

LATER = 0.9
"""What a cent a quarter-hour later counts: half after an hour and three quarters. From the project's first study; 0.8
and 0.95 made no difference that would tell them apart (tuned on San Francisco's 2008-05-17 to 19)."""
PAY_WEIGHT = 0.6
"""How much of a trip's own pay counts, tuned on the same days: all of it favours far trips over short ones (revenue up,
service down), none of it the reverse."""
PRIOR_TRIPS = 8.0
"""Trips that what is known of a wider place or time counts for. A judgement."""
SWEEPS = 60  # at most; each sees a quarter-hour further
SETTLED_CENTS = 0.5  # a sweep that changes less than this is the last
KERNEL = (0.25, 0.5, 0.25)  # a quarter-hour and its neighbours, as in `forecast`

FLOOR_SLACK = 0.02
"""A kind of trip served this much below all trips is spared. Tuned with the rest: without a floor more is served (+1.2
in place of +0.8 points) and middling trips lose more (3.5 in place of 2.1)."""
FLOOR_MEMORY_S = 7_200.0  # s after which what was served counts a third
FLOOR_START = 20.0  # trips of each kind that are taken as served before anything is known


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stretches:
    """From being free to being free again, a row each: where and when (s after midnight) somebody became free, when
    they were given their next trip, what it paid in cents, and where and when it left them. Parallel arrays."""

    cell: NDArray[np.uint64]
    free_s: Floats
    given_s: Floats
    pay: Floats
    next_cell: NDArray[np.uint64]
    next_s: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Value:
    """Cents that being free is worth, discounted: (cells, 96) by place, (96,) where the place is not known."""

    cells: NDArray[np.uint64]
    cents: Floats
    anywhere: Floats
    per_s: float
    """Cents that a provider on duty earns in a second, which turns cents into seconds."""

    def at(self, cells: NDArray[np.uint64], at_s: Floats) -> Floats:
        """Cents of being free in these cells at these seconds of the day."""
        slot = (at_s // SLOT_S).astype(np.intp) % SLOTS
        if len(self.cells) == 0:
            return self.anywhere[slot]
        row = np.minimum(np.searchsorted(self.cells, cells), len(self.cells) - 1)
        return np.where(self.cells[row] == cells, self.cents[row, slot], self.anywhere[slot])

    def place_s(self, cells: NDArray[np.uint64], now_s: float) -> Floats:
        """Seconds of earning that being free in these cells is worth now (`Supply.place_s`)."""
        return np.asarray(self.at(cells, np.full(len(cells), now_s)) / self.per_s, np.float64)

    def pay_s(self, pay: Floats) -> Floats:
        """Seconds of earning that a trip's pay counts for (`Ask.brings_s`)."""
        return np.asarray(PAY_WEIGHT * pay / self.per_s, np.float64)

    def after_s(self, ends: NDArray[np.uint64], duration_s: Floats, now_s: float) -> Floats:
        """Seconds of earning that being free after trips of this length which end in these cells is worth, were they
        begun now (`Ask.after_s`)."""
        return np.asarray(
            LATER ** (duration_s / SLOT_S) * self.at(ends, now_s + duration_s) / self.per_s, np.float64
        )


def learn(stretches: Stretches, *, per_s: float) -> Value:
    """The table under which each stretch's pay and what it leads to agree on average: backward from what follows,
    sweep by sweep, the day being round.

    A cell's quarter-hour is drawn towards the cell's whole day, and that towards everywhere at that quarter-hour, by
    `PRIOR_TRIPS` each. Raises `ValueError` where nobody earned anything.
    """
    if not per_s > 0:
        raise ValueError("a value learnt from providers who earned nothing")
    cells = np.unique(np.concatenate((stretches.cell, stretches.next_cell)))
    here, there = np.searchsorted(cells, stretches.cell), np.searchsorted(cells, stretches.next_cell)
    slot, next_slot = ((s // SLOT_S).astype(np.intp) % SLOTS for s in (stretches.free_s, stretches.next_s))
    paid = stretches.pay * LATER ** ((stretches.given_s - stretches.free_s) / SLOT_S)
    kept = LATER ** ((stretches.next_s - stretches.free_s) / SLOT_S)
    counts = _blurred(_summed(here, slot, np.ones(len(here)), len(cells)))
    cents, anywhere = np.zeros((len(cells), SLOTS)), np.zeros(SLOTS)
    for _ in range(SWEEPS):
        before = cents
        sums = _blurred(_summed(here, slot, paid + kept * cents[there, next_slot], len(cells)))
        anywhere = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1e-9)
        above = (sums - counts * anywhere).sum(axis=1) / (counts.sum(axis=1) + PRIOR_TRIPS)
        prior = anywhere[None, :] + above[:, None]
        cents = (sums + PRIOR_TRIPS * prior) / (counts + PRIOR_TRIPS)
        if float(np.abs(cents - before).max(initial=0.0)) < SETTLED_CENTS:
            break
    return Value(cells=cells, cents=cents, anywhere=anywhere, per_s=per_s)


def _summed(row: NDArray[np.intp], slot: NDArray[np.intp], what: Floats, rows: int) -> Floats:
    table = np.zeros((rows, SLOTS))
    np.add.at(table, (row, slot), what)
    return table


def _blurred(table: Floats) -> Floats:
    before, now, after = KERNEL
    return before * np.roll(table, 1, axis=1) + now * table + after * np.roll(table, -1, axis=1)


class Floor:
    """How much of each kind of trip was served lately, and which kinds are served too seldom to be passed over."""

    def __init__(self, kinds: int) -> None:
        self._asked = np.full(kinds, FLOOR_START)
        self._served = np.full(kinds, FLOOR_START)
        self._at_s = 0.0

    def settled(self, kinds: NDArray[np.intp], served: bool, now_s: float) -> None:
        """Requests of these kinds were served, or lost."""
        fade = np.exp(-(now_s - self._at_s) / FLOOR_MEMORY_S)
        self._at_s = now_s
        counted = np.bincount(kinds, minlength=len(self._asked))
        self._asked = self._asked * fade + counted
        self._served = self._served * fade + (counted if served else 0)

    def spared(self) -> NDArray[np.bool_]:
        """By kind: served so much less than all that anticipation may not count against it."""
        overall = self._served.sum() / self._asked.sum()
        return np.asarray(self._served / self._asked < overall - FLOOR_SLACK, np.bool_)
