"""Station queues kept up to date from the live index, by whoever holds the market's rounds.

The moments of joining are rows, so that a restart or a standby keeps the order; who is away, and for how long, is
in memory only, as positions are: after a restart everybody has their whole time to be heard of again.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import numpy as np

from domain.rules.events import EventType
from domain.rules.stations import Look, Seen, Turn, look
from domain.rules.turns import is_due
from domain.store import duty
from domain.store import stations as store
from domain.usecases.views.duty import duty_view
from domain.usecases.work import Work
from geo.live import STALE_AFTER
from geo.zones import Zones

LOOK_EVERY: Final = 1.0  # s: phones report every few seconds
ZONES_READ_EVERY: Final = 60.0  # s: a station is drawn once in years


class Stations:
    """One market's queues. Two keepers by accident only repeat each other: a place is one row."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._zones = Zones()
        self._zones_read_at: float | None = None
        self._absent: Mapping[UUID, float] = {}
        self._looked_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether the last look is long enough ago (Unix seconds), be it one that failed."""
        return self._looked_at is None or is_due(now, self._looked_at, LOOK_EVERY)

    async def step(self, work: Work) -> Look | None:
        """One look: who joined, who has left; each of them hears of it. `None` in a market without a station."""
        now, looked_at = work.now.timestamp(), self._looked_at
        self._looked_at = now
        if self._zones_read_at is None or is_due(now, self._zones_read_at, ZONES_READ_EVERY):
            self._zones, self._zones_read_at = await store.zones(work.db, self._market), now
        turns = await store.turns(work.db, self._market) if self._zones else []
        if not self._zones:
            return None
        seen = await self._seen(work, turns, now)
        changes = look(
            turns,
            seen,
            zones=[zone.slug for zone in self._zones],
            absent=self._absent,
            before=now if looked_at is None else looked_at,
            now=now,
        )
        await store.leave(work.db, [turn.provider for turn in changes.lost])
        joined = await store.join(work.db, self._market, changes.joined)
        await self._tell(work, [turn.provider for turn in (*changes.lost, *joined)])
        self._absent = changes.absent
        return changes

    async def _seen(self, work: Work, turns: Sequence[Turn], now: float) -> list[Seen]:
        """Those in a zone, and those with a place wherever they are."""
        live = work.tools.live.of(self._market)
        town = live.snapshot(now)
        inside = np.flatnonzero(
            np.any([zone.contains_many(town.lat, town.lon) for zone in self._zones], axis=0)
        )
        fix_at = {town.ids[row]: float(town.at[row]) for row in inside.tolist()}
        holders = {turn.provider for turn in turns}
        asked = [*fix_at, *holders.difference(fix_at)]
        lat, lon, age_s = live.known_of(asked, now)
        here = np.flatnonzero(~np.isnan(age_s))
        away = {zone.slug: zone.away_m(lat[here], lon[here]).tolist() for zone in self._zones}
        free = await store.free_of(work.db, self._market, set(fix_at) - holders)
        return [
            Seen(
                provider=one,
                fix_at=fix_at.get(one, now - age),
                away_m={zone: meters[n] for zone, meters in away.items()},
                free=one in free and age <= STALE_AFTER,
            )
            for n, (one, age) in enumerate(
                zip([asked[row] for row in here.tolist()], age_s[here].tolist(), strict=True)
            )
        ]

    async def _tell(self, work: Work, providers: Sequence[UUID]) -> None:
        sessions = await duty.current_sessions(work.db, providers)
        places = await store.places_of(work.db, providers)
        for provider in providers:
            if (session := sessions.get(provider)) is not None:
                data = {**duty_view(session, places.get(provider)), "market": session.market_id}
                work.emit(provider, EventType.DUTY_CHANGED, data)
