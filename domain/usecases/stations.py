"""Station queues kept up to date from the live index, by whoever holds the market's rounds.

The moments of joining are rows, so that a restart or a standby keeps the order; who is away, and for how long, is
in memory only, as positions are: after a restart everybody has their whole time to be heard of again.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.rules.events import EventType
from domain.rules.stations import Look, Seen, Turn, look
from domain.store import duty
from domain.store import stations as store
from domain.usecases.views.duty import duty_view
from domain.usecases.work import Work
from geo.livepoints import LiveSnapshot
from geo.zones import Zones

ZONES_READ_EVERY: Final = 60.0  # s: a station is drawn once in years


class Stations:
    """One market's queues. Two keepers by accident only repeat each other: a place is one row."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._zones = Zones()
        self._zones_read_at: float | None = None
        self._absent: Mapping[UUID, float] = {}
        self._looked_at: float | None = None

    async def step(self, work: Work) -> Look | None:
        """One look: who joined, who has left; each of them hears of it. `None` in a market without a station."""
        now = work.now.timestamp()
        if self._zones_read_at is None or now - self._zones_read_at >= ZONES_READ_EVERY:
            self._zones, self._zones_read_at = await store.zones(work.db, self._market), now
        turns = await store.turns(work.db, self._market) if self._zones else []
        if not self._zones:
            return None
        seen = await self._seen(work, turns, work.tools.live.of(self._market).snapshot(now))
        changes = look(
            turns,
            seen,
            zones=[zone.slug for zone in self._zones],
            absent=self._absent,
            before=now if self._looked_at is None else self._looked_at,
            now=now,
        )
        await store.leave(work.db, [turn.provider for turn in changes.lost])
        joined = await store.join(work.db, self._market, changes.joined)
        await self._tell(work, [turn.provider for turn in (*changes.lost, *joined)])
        self._absent, self._looked_at = changes.absent, now
        return changes

    async def _seen(self, work: Work, turns: list[Turn], snapshot: LiveSnapshot) -> list[Seen]:
        """Those in a zone, and those with a place wherever they are."""
        away = {zone.slug: zone.away_m(snapshot.lat, snapshot.lon) for zone in self._zones}
        inside = {row for meters in away.values() for row in (meters == 0.0).nonzero()[0].tolist()}
        holders = {turn.provider for turn in turns}
        rows = [row for row, who in enumerate(snapshot.ids) if row in inside or who in holders]
        free = await store.free_of(work.db, self._market, {snapshot.ids[row] for row in rows} - holders)
        return [
            Seen(
                provider=snapshot.ids[row],
                fix_at=float(snapshot.at[row]),
                away_m={zone: float(meters[row]) for zone, meters in away.items()},
                free=snapshot.ids[row] in free and not bool(snapshot.stale[row]),
            )
            for row in rows
        ]

    async def _tell(self, work: Work, providers: Sequence[UUID]) -> None:
        sessions = await duty.current_sessions(work.db, providers)
        places = await store.places_of(work.db, providers)
        for provider in providers:
            if (session := sessions.get(provider)) is not None:
                data = {**duty_view(session, places.get(provider)), "market": session.market_id}
                work.emit(provider, EventType.DUTY_CHANGED, data)
