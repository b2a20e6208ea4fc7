"""What phones say of their places: a reading, a report's receipt, and many reports taken together.

Fix by fix, Python objects and an index's bookkeeping cost twenty microseconds; as columns they cost one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Annotated
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from domain.store.positions import Duty
from geo.live import VERDICTS, Fix, Fixes, FixRefusal, LiveIndex

Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One reading of a phone's receiver, taken at `at` by the phone's clock."""

    lat: Lat
    lon: Lon
    at: Annotated[datetime, Meta(tz=True)]
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None

    @property
    def fix(self) -> Fix:
        return Fix(self.lat, self.lon, self.at.timestamp(), self.accuracy_m, self.heading_deg, self.speed_mps)


Report = tuple[int, Sequence[Reading]]
"""What one phone sent at once, and its place among what is taken together."""


@dataclass(frozen=True, slots=True)
class DroppedFix:
    """A fix that changed nothing: its place in the report, and why."""

    index: int
    reason: FixRefusal


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report."""

    accepted: int
    dropped: tuple[DroppedFix, ...] = ()


def without_first(receipt: Receipt, too_many: int) -> Receipt:
    """The receipt of a report whose first so many fixes were left out."""
    if not too_many:
        return receipt
    left_out = (DroppedFix(n, FixRefusal.TOO_MANY) for n in range(too_many))
    dropped = (DroppedFix(drop.index + too_many, drop.reason) for drop in receipt.dropped)
    return Receipt(receipt.accepted, (*left_out, *dropped))


class Trails:
    """Reports to one live index, gathered to be taken together: of each account one trail, report after report."""

    def __init__(self, index: LiveIndex) -> None:
        self._index = index
        self._whose: list[tuple[UUID, Duty]] = []
        self._reports: list[Sequence[Report]] = []  # of each of them
        self._taken: list[list[Reading]] = []  # of each of them, once taken: in order of time

    def add(self, account: UUID, duty: Duty, reports: Sequence[Report]) -> None:
        """All reports of one account, in the order they came."""
        self._whose.append((account, duty))
        self._reports.append(reports)

    def report(self, now: float) -> list[tuple[int, Receipt]]:
        """Take all of it: each report in order of time, an account's reports in theirs. A receipt for each place."""
        reports = list(chain.from_iterable(self._reports))
        readings = list(chain.from_iterable(report for _, report in reports))
        fixes, sizes = columns(readings), [len(report) for _, report in reports]
        order = np.lexsort((fixes.at, np.repeat(np.arange(len(reports)), sizes)))
        lengths = [sum(len(report) for _, report in mine) for mine in self._reports]
        accounts = [account for account, _ in self._whose]
        verdicts = self._index.report_trails(accounts, lengths, _in_order(fixes, order), now)
        self._remember([readings[n] for n in order.tolist()], verdicts.tolist(), lengths)
        if not verdicts.any():
            return [(place, Receipt(len(report))) for place, report in reports]
        as_sent = np.empty_like(verdicts)
        as_sent[order] = verdicts
        answers = iter(as_sent.tolist())
        return [(place, _receipt([next(answers) for _ in report])) for place, report in reports]

    def taken(self) -> Iterator[tuple[UUID, Duty, Sequence[Reading]]]:
        """Whose readings were taken, and which, the newest last."""
        for (account, duty), taken in zip(self._whose, self._taken, strict=True):
            if taken:
                yield account, duty, taken

    def _remember(self, readings: Sequence[Reading], verdicts: Sequence[int], lengths: Sequence[int]) -> None:
        start = 0
        for length in lengths:
            end = start + length
            self._taken.append([readings[n] for n in range(start, end) if not verdicts[n]])
            start = end


def columns(readings: Sequence[Reading]) -> Fixes:
    """The readings as an index takes many."""
    return Fixes.of(
        [one.lat for one in readings],
        [one.lon for one in readings],
        [one.at.timestamp() for one in readings],
        accuracy_m=_told([one.accuracy_m for one in readings]),
        heading_deg=_told([one.heading_deg for one in readings]),
        speed_mps=_told([one.speed_mps for one in readings]),
    )


def _told(values: list[float | None]) -> NDArray[np.float64]:
    return np.array(values, np.float64)  # None becomes NaN


def _in_order(fixes: Fixes, order: NDArray[np.int64]) -> Fixes:
    return Fixes(
        fixes.lat[order],
        fixes.lon[order],
        fixes.at[order],
        fixes.accuracy_m[order],
        fixes.heading_deg[order],
        fixes.speed_mps[order],
    )


def _receipt(verdicts: Sequence[int]) -> Receipt:
    refused = [(n, VERDICTS[verdict]) for n, verdict in enumerate(verdicts)]
    dropped = tuple(DroppedFix(n, refusal) for n, refusal in refused if refusal is not None)
    return Receipt(len(verdicts) - len(dropped), dropped)
