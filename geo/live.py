"""The live index: where every provider on duty is now. In memory only; the newest fix wins."""

from collections.abc import Sequence
from math import inf, isfinite, nan
from typing import TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.addresses import Addresses
from geo.cells import LIVE_RES, cells_of, parents
from geo.fixes import CLOCK_SKEW as CLOCK_SKEW
from geo.fixes import FASTEST_MPS as FASTEST_MPS
from geo.fixes import GONE_AFTER as GONE_AFTER
from geo.fixes import (
    JUMP_OVER_M,
    TRUST_FOR,
    VERDICT_OF,
    known_or_nan,
    known_or_nan_many,
    too_bad,
    too_bad_many,
    turns,
)
from geo.fixes import STALE_AFTER as STALE_AFTER
from geo.fixes import VERDICTS as VERDICTS
from geo.fixes import Fix as Fix
from geo.fixes import Fixes as Fixes
from geo.fixes import FixRefusal as FixRefusal
from geo.livepoints import LivePoint, LiveSnapshot
from geo.nearby import Crowd, Rows, Search
from geo.points import LatLng, chord2_of, crow_m, crow_pairs_m, meters_of, on_sphere
from geo.register import Register
from geo.units import Meters

ANY_SERVICE = -1
_NEARLY_A_JUMP_M = JUMP_OVER_M - 1e-3  # from here on a batch's fix is judged as one fix is, to the last bit
_SETTLE_AT = 4_096  # rows: 2 ms of work put off, no more

_T = TypeVar("_T", bound=np.generic)


class LiveIndex:
    """A struct of arrays, one row per provider on duty; `len` counts them. Owned by one event loop."""

    def __init__(self, fastest_mps: float = FASTEST_MPS) -> None:
        """`fastest_mps`: an implied speed above it is a JUMP (a town in fast motion needs more)."""
        self._fastest_mps = fastest_mps
        self._register, self._crowd, self._addresses = Register(), Crowd(), Addresses()
        self._unsettled: list[int] = []  # rows whose newest fix the crowd has not been told of
        self._services, self._available = np.empty(0, np.int64), np.empty(0, np.bool_)
        self._stamp = np.empty(0)  # unix s on the phone's clock: orders its fixes; -inf without a fix
        self._at = np.empty(0)  # the same, never ahead of ours
        self._lat, self._lon = np.empty(0), np.empty(0)
        self._accuracy, self._heading, self._speed = np.empty(0), np.empty(0), np.empty(0)  # NaN: unknown
        self._grow(64)

    def __len__(self) -> int:
        return len(self._register)

    def __contains__(self, provider: UUID) -> bool:
        """Whether they are on duty."""
        return self._register.row(provider) is not None

    # Duty

    def put_on_duty(self, provider: UUID, services_mask: int) -> None:
        """From now on take fixes. A new row is available; a repeat changes the services and nothing else."""
        row = self._register.row(provider)
        if row is None:
            if self._register.is_full:
                self._grow(2 * len(self._at))
            row = self._register.enter(provider)
            self._available[row] = True
        self._services[row] = services_mask
        self._offer(row)

    def take_off_duty(self, provider: UUID) -> None:
        """Forget the row at once; nothing if there is none."""
        row = self._register.leave(provider)
        if row is not None:
            self._forget_fix(row)

    def set_available(self, provider: UUID, available: bool) -> None:
        """Whether searches may find this provider; nothing to say of someone off duty."""
        row = self._register.row(provider)
        if row is not None:
            self._available[row] = available
            self._offer(row)

    def _offer(self, row: int) -> None:
        self._crowd.offer(row, int(self._services[row]), bool(self._available[row]))

    # Fixes

    def report(self, provider: UUID, fix: Fix, now: float) -> FixRefusal | None:
        """Take a fix that is newer than the known one by its own timestamp, and believable: None."""
        row = self._register.row(provider)
        if row is None:
            return FixRefusal.OFF_DUTY
        refusal = too_bad(fix, now) or self._against_known(row, fix)
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
        self._stamp[row], self._at[row] = fix.at, min(fix.at, now)
        self._lat[row], self._lon[row] = fix.lat, fix.lon
        self._addresses.move(row, fix.lat, fix.lon)
        self._accuracy[row] = known_or_nan(fix.accuracy_m)
        self._heading[row] = known_or_nan(fix.heading_deg)
        self._speed[row] = known_or_nan(fix.speed_mps)
        self._unsettled.append(row)
        if len(self._unsettled) >= _SETTLE_AT:
            self._settle()

    def _settle(self) -> None:
        """Let searches see the fixes that came one by one: together they cost a tenth."""
        if self._unsettled:
            rows = np.unique(np.array(self._unsettled, np.int64))
            self._unsettled.clear()
            rows = rows[np.isfinite(self._at[rows])]  # some may have been forgotten since
            self._crowd.put(rows, on_sphere(self._lat[rows], self._lon[rows]), self._at[rows])

    def report_many(self, providers: Sequence[UUID], fixes: Fixes, now: float) -> NDArray[np.int8]:
        """Exactly `report` of one after another, in order: of each fix the place of its answer in `VERDICTS`."""
        return self.report_rows(self.rows_of(providers), fixes, now)

    def report_rows(self, rows: Rows, fixes: Fixes, now: float) -> NDArray[np.int8]:
        """`report_many` of those whose rows are known (`rows_of`): whose duty has not ended since.

        ValueError if there are not as many rows as fixes.
        """
        if len(rows) != len(fixes):
            raise ValueError(f"{len(fixes)} fixes of {len(rows)} providers")
        verdicts = too_bad_many(fixes, now)
        verdicts[rows < 0] = VERDICT_OF[FixRefusal.OFF_DUTY]
        believable = np.flatnonzero(verdicts == 0)
        moves = turns(rows[believable], len(self._at))
        for turn in moves:
            asked = believable[turn]
            verdicts[asked] = self._against_known_many(rows[asked], asked, fixes)
            taken = asked[verdicts[asked] == 0]
            self._write_many(rows[taken], taken, fixes, now)
        self._move(rows[verdicts == 0] if len(moves) == 1 else np.unique(rows[verdicts == 0]))
        return verdicts

    def report_trails(
        self, providers: Sequence[UUID], lengths: Sequence[int], fixes: Fixes, now: float
    ) -> NDArray[np.int8]:
        """`report_many` of trails: the first `lengths[0]` fixes are the first provider's, and so on.

        A provider has one trail, of at least one fix. Where a trail is in order and believable, which is nearly
        always, only its last fix is written. ValueError if the lengths are not those of the fixes.
        """
        if sum(lengths) != len(fixes):
            raise ValueError(f"{len(fixes)} fixes in trails of {sum(lengths)}")
        if not len(fixes):
            return np.zeros(0, np.int8)
        rows, sizes = self.rows_of(providers), np.array(lengths, np.int64)
        ends = np.cumsum(sizes)
        starts = ends - sizes
        verdicts = too_bad_many(fixes, now)
        doubtful = (verdicts != 0) | self._out_of_step(rows, starts, fixes)
        plain = ~np.logical_or.reduceat(doubtful, starts) & (rows >= 0)
        taken = ends[plain] - 1
        self._write_many(rows[plain], taken, fixes, now)
        self._move(rows[plain])
        for trail in np.flatnonzero(~plain).tolist():
            for n in range(int(starts[trail]), int(ends[trail])):
                refusal = self.report(providers[trail], fixes.fix(n), now)
                verdicts[n] = 0 if refusal is None else VERDICT_OF[refusal]
        return verdicts

    def _out_of_step(self, rows: Rows, starts: NDArray[np.int64], fixes: Fixes) -> NDArray[np.bool_]:
        """Which fixes are not newer than the one before in their trail (or the known one), or nearly too far."""
        before = np.arange(-1, len(fixes) - 1)
        at, lat, lon = fixes.at[before], fixes.lat[before], fixes.lon[before]
        at[starts], lat[starts], lon[starts] = self._stamp[rows], self._lat[rows], self._lon[rows]
        since = fixes.at - at
        doubtful = since <= 0
        soon = np.flatnonzero((since > 0) & (since <= TRUST_FOR))
        leaps = crow_pairs_m(lat[soon], lon[soon], fixes.lat[soon], fixes.lon[soon])
        doubtful[soon] = leaps > _NEARLY_A_JUMP_M
        return doubtful

    def _move(self, moved: Rows) -> None:
        """Tell the searches of rows whose places were written."""
        lat, lon = self._lat[moved], self._lon[moved]
        places = on_sphere(lat, lon)
        self._addresses.move_many(moved, lat, lon, places)
        self._crowd.put(moved, places, self._at[moved])

    def _against_known_many(self, rows: Rows, asked: Rows, fixes: Fixes) -> NDArray[np.int8]:
        since = fixes.at[asked] - self._stamp[rows]
        verdicts = np.zeros(len(rows), np.int8)
        verdicts[since < 0] = VERDICT_OF[FixRefusal.OLDER]
        verdicts[since == 0] = VERDICT_OF[FixRefusal.DUPLICATE]
        soon = np.flatnonzero((since > 0) & (since <= TRUST_FOR))
        of, sent = rows[soon], asked[soon]
        leaps = crow_pairs_m(self._lat[of], self._lon[of], fixes.lat[sent], fixes.lon[sent])
        for n in soon[leaps > _NEARLY_A_JUMP_M].tolist():
            verdicts[n] = VERDICT_OF[self._against_known(int(rows[n]), fixes.fix(int(asked[n])))]
        return verdicts

    def _write_many(self, rows: Rows, taken: Rows, fixes: Fixes, now: float) -> None:
        self._stamp[rows], self._at[rows] = fixes.at[taken], np.minimum(fixes.at[taken], now)
        self._lat[rows], self._lon[rows] = fixes.lat[taken], fixes.lon[taken]
        self._accuracy[rows] = fixes.accuracy_m[taken]
        self._heading[rows] = known_or_nan_many(fixes.heading_deg[taken])
        self._speed[rows] = known_or_nan_many(fixes.speed_mps[taken])

    def sweep(self, now: float) -> list[UUID]:
        """Forget the fixes that are gone; whose they were, by id. Duty stays: tunnels end."""
        self._at[self._at > now] = now  # the clock was set back: they are counted from now on
        rows = np.flatnonzero(np.isfinite(self._at) & (now - self._at > GONE_AFTER))
        for row in rows.tolist():
            self._forget_fix(row)
        return sorted(map(self._register.who, rows.tolist()))

    # Reading

    def newest(self, provider: UUID) -> LivePoint | None:
        """The newest fix however old, until `sweep` forgets it; None without one."""
        row = self._register.row(provider)
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
        rows, away = self.nearest_many(
            [p.lat],
            [p.lon],
            k=k,
            within_m=within_m,
            services_mask=services_mask,
            now=now,
            only_available=only_available,
        )
        return [
            self._point(row, Meters(m))
            for row, m in zip(rows[0].tolist(), away[0].tolist(), strict=True)
            if row >= 0
        ]

    def nearest_many(
        self,
        lat: ArrayLike,
        lon: ArrayLike,
        *,
        k: int,
        within_m: Meters,
        services_mask: int = ANY_SERVICE,
        now: float,
        only_available: bool = True,
    ) -> tuple[Rows, NDArray[np.float64]]:
        """`nearest` of each point, no object a hit: rows and meters (n, k), -1 and inf where none is left.

        A row is its provider's until that one goes off duty: `providers_of` says whose it is.
        """
        self._settle()
        search = Search(k, chord2_of(within_m), now - STALE_AFTER, services_mask, only_available)
        rows, chord2 = self._crowd.nearest(on_sphere(lat, lon), search)
        return rows, meters_of(chord2)

    def rows_of(self, providers: Sequence[UUID]) -> Rows:
        """The row of each, now; -1 for who is off duty."""
        return self._register.rows_of(providers)

    def providers_of(self, rows: Rows) -> list[UUID | None]:
        """Whose each row is, now; None for -1 and for a free one."""
        return self._register.providers_of(rows)

    def snapshot(self, now: float) -> LiveSnapshot:
        """A frozen copy for a round of matching or a frame of the map."""
        rows = self._live_rows(now)
        ids = self._register.ids[rows]
        rows = rows[np.lexsort((ids[:, 1], ids[:, 0]))]
        age = np.maximum(0.0, now - self._at[rows])
        return LiveSnapshot(
            now=now,
            ids=self._register.all_of(rows),
            lat=_frozen(self._lat[rows]),
            lon=_frozen(self._lon[rows]),
            at=_frozen(self._at[rows]),
            age_s=_frozen(age),
            cell=_frozen(self._addresses.cell[rows]),
            services=_frozen(self._services[rows]),
            available=_frozen(self._available[rows]),
            stale=_frozen(age > STALE_AFTER),
            heading=_frozen(self._heading[rows]),
        )

    def known_of(self, providers: Sequence[UUID], now: float) -> tuple[NDArray[np.float64], ...]:
        """`(lat, lon, age_s)` of each newest fix; NaN of whom there is none, or who is gone."""
        rows = self._register.rows_of(providers)
        told, here = np.full((3, len(rows)), nan), np.flatnonzero(rows >= 0)
        here = here[now - self._at[rows[here]] <= GONE_AFTER]
        at = rows[here]
        told[:, here] = self._lat[at], self._lon[at], np.maximum(0.0, now - self._at[at])
        return told[0], told[1], told[2]

    def offering(self, services_mask: int, now: float) -> tuple[int, int]:
        """How many offer one of the services and were heard of lately, and how many of them are available."""
        offers = ((self._services & services_mask) != 0) & (now - self._at <= STALE_AFTER)
        return int(np.count_nonzero(offers)), int(np.count_nonzero(offers & self._available))

    def counts_by_cell(self, res: int, now: float) -> dict[int, int]:
        """How many providers, the stale included and the gone not, each cell holds; by ascending cell. Coarser than
        the index's own cells it counts by their parents, so that counts add up between resolutions."""
        rows = self._live_rows(now)
        cells = (
            parents(self._addresses.cell[rows], res)
            if res <= LIVE_RES
            else cells_of(self._lat[rows], self._lon[rows], res)
        )
        unique, counts = np.unique(cells, return_counts=True)
        return dict(zip(unique.tolist(), counts.tolist(), strict=True))

    def _live_rows(self, now: float) -> Rows:
        return np.flatnonzero(now - self._at <= GONE_AFTER)

    def _point(self, row: int, away: Meters | None) -> LivePoint:
        return LivePoint(
            provider=self._register.who(row),
            lat=float(self._lat[row]),
            lon=float(self._lon[row]),
            at=float(self._at[row]),
            cell=int(self._addresses.cell[row]),
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
        self._addresses.forget(row)
        self._accuracy[row] = self._heading[row] = self._speed[row] = nan
        self._crowd.remove(np.array([row]))

    def _grow(self, capacity: int) -> None:
        old = len(self._at)
        for name, empty in _COLUMNS.items():
            column = getattr(self, name)
            setattr(self, name, np.concatenate((column, np.full(capacity - old, empty, column.dtype))))
        self._register.grow(capacity)
        self._crowd.grow(self._register.ids)
        self._addresses.grow(capacity)


# What a row without a provider, or without a fix, holds in each column.
_COLUMNS = {
    "_services": 0,
    "_available": False,
    "_stamp": -inf,
    "_at": -inf,
    "_lat": nan,
    "_lon": nan,
    "_accuracy": nan,
    "_heading": nan,
    "_speed": nan,
}


def _or_none(value: float) -> float | None:
    return float(value) if value == value else None  # noqa: PLR0124  NaN is unequal to itself


def _frozen(column: NDArray[_T]) -> NDArray[_T]:
    column.setflags(write=False)
    return column
