"""How many requests to expect, per zone and quarter of an hour, from requests of past days.

Counts in, rates out. Nothing of positions or persons goes in: a request's cell and its quarter-hour are all
there is. How little the past tells is part of the answer (`sd`), and where nothing was asked there is no zone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOT_S = 900
"""s; a quarter of an hour."""
SLOTS = 86_400 // SLOT_S
NEXT_SLOT = 0.3
"""What the slot after this one counts in a need: a car that is in place early waits there. From the project's
first study of repositioning on San Francisco's cabs."""

KERNEL = np.array([0.25, 0.5, 0.25])
"""A quarter-hour borrows half of its strength from its two neighbours. A judgement: demand has no edge at
:00, :15, :30 and :45."""
UNSEEN = 0.5
"""Jeffreys' prior of a Poisson rate: what stands for the requests that a few days happened not to show."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Requests per quarter-hour of a day, by zone.

    `cells` are H3 cells in ascending order, of one resolution. `mean` and `sd` are (zones, 96): the rate, and
    the standard deviation of what is known about the rate (not of the demand itself, which varies around it).
    """

    cells: NDArray[np.uint64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    days: int

    def need(self, slot: int) -> NDArray[np.float64]:
        """Requests to be ready for from this quarter-hour on, by zone."""
        return np.asarray(self.mean[:, slot] + NEXT_SLOT * self.mean[:, (slot + 1) % SLOTS], np.float64)

    def doubt(self, slot: int) -> NDArray[np.float64]:
        """The standard deviation of `need`."""
        after = NEXT_SLOT * self.sd[:, (slot + 1) % SLOTS]
        return np.asarray(np.hypot(self.sd[:, slot], after), np.float64)

    def zones_of(self, cells: NDArray[np.uint64]) -> NDArray[np.intp]:
        """The zone of each cell, -1 where nothing was ever asked."""
        if len(self.cells) == 0:
            return np.full(len(cells), -1, dtype=np.intp)
        at = np.minimum(np.searchsorted(self.cells, cells), len(self.cells) - 1)
        return np.where(self.cells[at] == cells, at, -1).astype(np.intp)


def forecast(cells: NDArray[np.uint64], slots: NDArray[np.intp], *, days: int) -> Forecast:
    """The rates of requests seen in `cells` at quarter-hours `slots` (0..95) of `days` days, empty ones
    included. Raises `ValueError` for fewer days than one."""
    if days < 1:
        raise ValueError(f"a forecast from {days} days")
    zones, zone = np.unique(cells, return_inverse=True)
    seen = np.zeros((len(zones), SLOTS))
    np.add.at(seen, (zone, slots), 1.0)
    return Forecast(
        cells=zones.astype(np.uint64),
        mean=_blurred(seen, KERNEL) / days,
        sd=np.sqrt(_blurred(seen + UNSEEN, KERNEL**2)) / days,
        days=days,
    )


def _blurred(table: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each slot with its neighbours, the day being round."""
    return np.asarray(
        kernel[0] * np.roll(table, 1, axis=1) + kernel[1] * table + kernel[2] * np.roll(table, -1, axis=1),
        np.float64,
    )
