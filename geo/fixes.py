"""A phone's fixes, one or many at a time, and why one is not believed."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, nan
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.points import LatLng

STALE_AFTER = (
    30.0  # s without a fix: offered nothing more (phones report every 1-5 s, some networks pause for 20 s)
)
GONE_AFTER = 120.0  # s: off the map
CLOCK_SKEW = 5.0  # s a phone's clock may run ahead: NTP-kept phones stay within 1 s, a tired one within a few
POOR_ACCURACY_M = 200.0  # a cell-tower fix: worse than the cells it would be indexed by
FASTEST_MPS = 70.0  # 252 km/h: no vehicle of the catalogue
JUMP_OVER_M = 300.0  # shorter leaps are GPS multipath between buildings, not impossible
TRUST_FOR = 60.0  # s: a fix older than this no longer proves a newer one impossible


@dataclass(frozen=True, slots=True)
class Fix:
    """What a phone says of its place at unix second `at`. Negative: unknown, as on iOS."""

    lat: float
    lon: float
    at: float
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None

    def __post_init__(self) -> None:
        LatLng(self.lat, self.lon)
        if not isfinite(self.at):
            raise ValueError(f"a fix at {self.at} has no moment")


class FixRefusal(StrEnum):
    """Why a fix changed nothing."""

    OLDER = "older_than_known"
    FUTURE = "from_the_future"
    ANCIENT = "too_old"
    INACCURATE = "poor_accuracy"
    JUMP = "impossible_jump"
    DUPLICATE = "duplicate"
    OFF_DUTY = "off_duty"  # a late fix must not bring back someone who has left
    TOO_MANY = "too_many"  # more of them than a receiver gives


VERDICTS: Final[tuple[FixRefusal | None, ...]] = (None, *FixRefusal)  # what the numbers of a batch mean
VERDICT_OF: Final = {verdict: number for number, verdict in enumerate(VERDICTS)}


@dataclass(frozen=True, slots=True)
class Fixes:
    """Columns of fixes of one length. NaN in the last three: the phone said nothing."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    at: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    speed_mps: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        lat: ArrayLike,
        lon: ArrayLike,
        at: ArrayLike,
        *,
        accuracy_m: ArrayLike | None = None,
        heading_deg: ArrayLike | None = None,
        speed_mps: ArrayLike | None = None,
    ) -> Self:
        """ValueError where a `Fix` would raise one, or if the lengths differ."""
        lats, lons, moments = (np.asarray(column, np.float64) for column in (lat, lon, at))
        told = [
            np.full(len(lats), nan) if column is None else np.asarray(column, np.float64)
            for column in (accuracy_m, heading_deg, speed_mps)
        ]
        if any(column.shape != (len(lats),) for column in (lats, lons, moments, *told)):
            raise ValueError("columns of fixes are of one length")
        sound = (np.abs(lats) <= 90.0) & (np.abs(lons) <= 180.0) & np.isfinite(moments)
        if not sound.all():
            bad = int(np.argmin(sound))
            Fix(float(lats[bad]), float(lons[bad]), float(moments[bad]))  # raises in its own words
        return cls(lats, lons, moments, *told)

    def __len__(self) -> int:
        return len(self.at)

    def fix(self, n: int) -> Fix:
        """The n-th as one fix."""
        told = (float(column[n]) for column in (self.accuracy_m, self.heading_deg, self.speed_mps))
        lat, lon, at = float(self.lat[n]), float(self.lon[n]), float(self.at[n])
        return Fix(lat, lon, at, *(value if value == value else None for value in told))  # noqa: PLR0124 - NaN


def too_bad(fix: Fix, now: float) -> FixRefusal | None:
    if fix.at > now + CLOCK_SKEW:
        return FixRefusal.FUTURE
    if fix.at < now - GONE_AFTER:
        return FixRefusal.ANCIENT
    if fix.accuracy_m is not None and not 0 <= fix.accuracy_m <= POOR_ACCURACY_M:
        return FixRefusal.INACCURATE  # below zero is how iOS says "no position"
    return None


def too_bad_many(fixes: Fixes, now: float) -> NDArray[np.int8]:
    """The numbers of `too_bad`'s verdicts."""
    future, ancient = fixes.at > now + CLOCK_SKEW, fixes.at < now - GONE_AFTER
    poor = ~np.isnan(fixes.accuracy_m) & ~((fixes.accuracy_m >= 0) & (fixes.accuracy_m <= POOR_ACCURACY_M))
    numbers = [
        VERDICT_OF[refusal] for refusal in (FixRefusal.FUTURE, FixRefusal.ANCIENT, FixRefusal.INACCURATE)
    ]
    return np.select([future, ancient, poor], numbers, 0).astype(np.int8)


def known_or_nan(value: float | None) -> float:
    return value if value is not None and 0 <= value < inf else nan


def known_or_nan_many(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of each."""
    return np.where((values >= 0) & (values < inf), values, nan)


def turns(rows: NDArray[np.int64], capacity: int) -> list[NDArray[np.int64]]:
    """Places in `rows` (below `capacity`), so split that no row comes twice in a part; parts keep the order."""
    seen = np.zeros(capacity, np.bool_)
    seen[rows] = True
    if np.count_nonzero(seen) == len(rows):
        return [np.arange(len(rows))]
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    turn = np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)]))
    return [np.sort(order[turn == n]) for n in range(int(turn.max()) + 1)]
