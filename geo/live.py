"""The live index: where every provider on duty is now. In memory only; the newest fix wins."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, nan
from typing import TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo.cells import LIVE_RES, cell_of, cells_of, parents
from geo.nearby import Crowd, Rows
from geo.points import LatLng, crow_m, crow_many_m
from geo.units import Meters

STALE_AFTER = (
    30.0  # s without a fix: offered nothing more (phones report every 1-5 s, some networks pause for 20 s)
)
GONE_AFTER = 120.0  # s: off the map
CLOCK_SKEW = 5.0  # s a phone's clock may run ahead: NTP-kept phones stay within 1 s, a tired one within a few
POOR_ACCURACY_M = 200.0  # a cell-tower fix: worse than the cells it would be indexed by
FASTEST_MPS = 70.0  # 252 km/h: no vehicle of the catalogue
JUMP_OVER_M = 300.0  # shorter leaps are GPS multipath between buildings, not impossible
TRUST_FOR = 60.0  # s: a fix older than this no longer proves a newer one impossible

ANY_SERVICE = -1

_T = TypeVar("_T", bound=np.generic)


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


@dataclass(frozen=True, slots=True)
class LivePoint:
    """One provider's newest fix. `away_m` is set by a search: straight meters from its point."""

    provider: UUID
    lat: float
    lon: float
    at: float
    cell: int
    services: int
    available: bool
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None
    away_m: Meters | None = None

    @property
    def place(self) -> LatLng:
        return LatLng(self.lat, self.lon)


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """Everybody who is not gone, by ascending id: read-only arrays of one length, fit for another thread."""

    now: float
    ids: tuple[UUID, ...]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    at: NDArray[np.float64]
    age_s: NDArray[np.float64]
    cell: NDArray[np.uint64]
    services: NDArray[np.int64]
    available: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    heading: NDArray[np.float64]  # degrees, NaN = unknown

    def __len__(self) -> int:
        return len(self.ids)


class LiveIndex:
    """A struct of arrays, one row per provider on duty; `len` counts them. Owned by one event loop."""

    def __init__(self, fastest_mps: float = FASTEST_MPS) -> None:
        """`fastest_mps`: an implied speed above it is a JUMP (a town in fast motion needs more)."""
        self._fastest_mps = fastest_mps
        self._row_of: dict[UUID, int] = {}
        self._free: list[int] = []
        self._crowd = Crowd()
        self._id = np.empty(0, np.object_)
        self._id_high, self._id_low = np.empty(0, np.uint64), np.empty(0, np.uint64)  # to sort by id
        self._services, self._available = np.empty(0, np.int64), np.empty(0, np.bool_)
        self._stamp = np.empty(0)  # unix s on the phone's clock: orders its fixes; -inf without a fix
        self._at = np.empty(0)  # the same, never ahead of ours
        self._lat, self._lon, self._cell = np.empty(0), np.empty(0), np.empty(0, np.uint64)
        self._accuracy, self._heading, self._speed = np.empty(0), np.empty(0), np.empty(0)  # NaN: unknown
        self._grow(64)

    def __len__(self) -> int:
        return len(self._row_of)

    # Duty

    def put_on_duty(self, provider: UUID, services_mask: int) -> None:
        """From now on take fixes. A new row is available; a repeat changes the services and nothing else."""
        row = self._row_of.get(provider)
        if row is None:
            if not self._free:
                self._grow(2 * len(self._at))
            row = self._row_of[provider] = self._free.pop()
            self._id[row] = provider
            self._id_high[row], self._id_low[row] = divmod(provider.int, 2**64)
            self._available[row] = True
        self._services[row] = services_mask

    def take_off_duty(self, provider: UUID) -> None:
        """Forget the row at once; nothing if there is none."""
        row = self._row_of.pop(provider, None)
        if row is not None:
            self._forget_fix(row)
            self._id[row] = None
            self._free.append(row)

    def set_available(self, provider: UUID, available: bool) -> None:
        """Whether searches may find this provider; nothing to say of someone off duty."""
        row = self._row_of.get(provider)
        if row is not None:
            self._available[row] = available

    # Fixes

    def report(self, provider: UUID, fix: Fix, now: float) -> FixRefusal | None:
        """Take a fix that is newer than the known one by its own timestamp, and believable: None."""
        row = self._row_of.get(provider)
        if row is None:
            return FixRefusal.OFF_DUTY
        refusal = _too_bad(fix, now) or self._against_known(row, fix)
        if refusal is None:
            self._write(row, fix, now)
        return refusal

    def _against_known(self, row: int, fix: Fix) -> FixRefusal | None:
        since = fix.at - float(self._stamp[row])
        if since < 0:
            return FixRefusal.OLDER
        if since == 0:
            return FixRefusal.DUPLICATE
        if since <= TRUST_FOR:
            known = LatLng(float(self._lat[row]), float(self._lon[row]))
            leap = crow_m(known, LatLng(fix.lat, fix.lon))
            if leap > JUMP_OVER_M and leap / max(since, 1.0) > self._fastest_mps:
                return FixRefusal.JUMP
        return None

    def _write(self, row: int, fix: Fix, now: float) -> None:
        place = LatLng(fix.lat, fix.lon)
        self._stamp[row], self._at[row] = fix.at, min(fix.at, now)
        self._lat[row], self._lon[row] = fix.lat, fix.lon
        self._cell[row] = cell_of(place, LIVE_RES)
        self._accuracy[row] = _or_nan(fix.accuracy_m)
        self._heading[row] = _or_nan(fix.heading_deg)
        self._speed[row] = _or_nan(fix.speed_mps)
        self._crowd.put(row, place)

    def sweep(self, now: float) -> list[UUID]:
        """Forget the fixes that are gone; whose they were, by id. Duty stays: tunnels end."""
        rows = np.flatnonzero(np.isfinite(self._at) & (now - self._at > GONE_AFTER))
        for row in rows.tolist():
            self._forget_fix(row)
        return sorted(self._id[rows].tolist())

    # Reading

    def newest(self, provider: UUID) -> LivePoint | None:
        """The newest fix however old, until `sweep` forgets it; None without one."""
        row = self._row_of.get(provider)
        return None if row is None or not isfinite(self._at[row]) else self._point(row, None)

    def nearest(
        self,
        p: LatLng,
        *,
        k: int,
        within_m: Meters,
        services_mask: int = ANY_SERVICE,
        now: float,
        only_available: bool = True,
    ) -> list[LivePoint]:
        """At most `k` providers at most `within_m` straight meters away, nearest first, ties by id. Exact.

        Leaves out the stale and those who offer none of the services in the mask.
        """

        def findable(rows: Rows) -> Rows:
            found = now - self._at[rows] <= STALE_AFTER
            if only_available:
                found &= self._available[rows]
            if services_mask != ANY_SERVICE:
                found &= (self._services[rows] & services_mask) != 0
            return rows[found]

        rows = self._crowd.candidates(p, k, within_m, findable)
        away = crow_many_m(self._lat[rows], self._lon[rows], p)
        rows, away = rows[away <= within_m], away[away <= within_m]
        order = np.lexsort((self._id_low[rows], self._id_high[rows], away))[:k]
        return [
            self._point(row, Meters(m))
            for row, m in zip(rows[order].tolist(), away[order].tolist(), strict=True)
        ]

    def snapshot(self, now: float) -> LiveSnapshot:
        """A frozen copy for a round of matching or a frame of the map."""
        rows = self._live_rows(now)
        rows = rows[np.lexsort((self._id_low[rows], self._id_high[rows]))]
        age = np.maximum(0.0, now - self._at[rows])
        return LiveSnapshot(
            now=now,
            ids=tuple(self._id[rows].tolist()),
            lat=_frozen(self._lat[rows]),
            lon=_frozen(self._lon[rows]),
            at=_frozen(self._at[rows]),
            age_s=_frozen(age),
            cell=_frozen(self._cell[rows]),
            services=_frozen(self._services[rows]),
            available=_frozen(self._available[rows]),
            stale=_frozen(age > STALE_AFTER),
            heading=_frozen(self._heading[rows]),
        )

    def counts_by_cell(self, res: int, now: float) -> dict[int, int]:
        """How many providers, the stale included and the gone not, each cell holds; by ascending cell.

        Coarser than the index's own cells it counts by their parents, so that counts add up between
        resolutions.
        """
        rows = self._live_rows(now)
        cells = (
            parents(self._cell[rows], res)
            if res <= LIVE_RES
            else cells_of(self._lat[rows], self._lon[rows], res)
        )
        unique, counts = np.unique(cells, return_counts=True)
        return dict(zip(unique.tolist(), counts.tolist(), strict=True))

    # Rows

    def _live_rows(self, now: float) -> Rows:
        return np.flatnonzero(now - self._at <= GONE_AFTER)

    def _point(self, row: int, away: Meters | None) -> LivePoint:
        return LivePoint(
            provider=self._id[row],
            lat=float(self._lat[row]),
            lon=float(self._lon[row]),
            at=float(self._at[row]),
            cell=int(self._cell[row]),
            services=int(self._services[row]),
            available=bool(self._available[row]),
            accuracy_m=_or_none(self._accuracy[row]),
            heading_deg=_or_none(self._heading[row]),
            speed_mps=_or_none(self._speed[row]),
            away_m=away,
        )

    def _forget_fix(self, row: int) -> None:
        self._stamp[row] = self._at[row] = -inf
        self._lat[row] = self._lon[row] = nan
        self._cell[row] = 0
        self._accuracy[row] = self._heading[row] = self._speed[row] = nan
        self._crowd.remove(row)

    def _grow(self, capacity: int) -> None:
        old = len(self._at)
        for name, empty in _COLUMNS.items():
            column = getattr(self, name)
            setattr(self, name, np.concatenate((column, np.full(capacity - old, empty, column.dtype))))
        self._crowd.grow(capacity)
        self._free.extend(range(capacity - 1, old - 1, -1))


# What a row without a provider, or without a fix, holds in each column.
_COLUMNS = {
    "_id": None,
    "_id_high": 0,
    "_id_low": 0,
    "_services": 0,
    "_available": False,
    "_stamp": -inf,
    "_at": -inf,
    "_lat": nan,
    "_lon": nan,
    "_cell": 0,
    "_accuracy": nan,
    "_heading": nan,
    "_speed": nan,
}


def _too_bad(fix: Fix, now: float) -> FixRefusal | None:
    if fix.at > now + CLOCK_SKEW:
        return FixRefusal.FUTURE
    if fix.at < now - GONE_AFTER:
        return FixRefusal.ANCIENT
    if fix.accuracy_m is not None and not 0 <= fix.accuracy_m <= POOR_ACCURACY_M:
        return FixRefusal.INACCURATE  # below zero is how iOS says "no position"
    return None


def _or_nan(value: float | None) -> float:
    return value if value is not None and 0 <= value < inf else nan


def _or_none(value: float) -> float | None:
    return float(value) if value == value else None  # noqa: PLR0124  NaN is unequal to itself


def _frozen(column: NDArray[_T]) -> NDArray[_T]:
    column.setflags(write=False)
    return column
