"""`engagement:<id>`: where its provider is, at most once a second, to those who may follow it."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.rules.turns import is_due
from domain.rules.wire import moment
from domain.usecases import following
from domain.usecases.following import Following
from domain.usecases.positions import Positions, TrackHint
from domain.usecases.work import ENGINE, Tools, working
from realtime.connection import Connection
from realtime.frames import Track, write

log = logging.getLogger(__name__)

FRAME_EVERY: Final = 1.0  # s between two frames of one channel
LOOK_EVERY: Final = (
    5.0  # s between looks at the state, and between computed arrival times: counted down meanwhile
)

Unsubscribe = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Room:
    """One followed engagement."""

    following: Following
    looked_at: float
    members: dict[Connection, str] = field(default_factory=dict)  # the channel as each spelt it
    newest: TrackHint | None = None
    told: TrackHint | None = None
    told_at: float = 0.0
    eta_s: float | None = None
    eta_at: float = -math.inf
    unsubscribe: Unsubscribe | None = None


class Tracking:
    """The followed engagements of this process. `step` about four times a second."""

    def __init__(self, tools: Tools, positions: Positions) -> None:
        self._tools = tools
        self._positions = positions
        self._rooms: dict[UUID, Room] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._rooms)

    async def join(self, connection: Connection, engagement_id: UUID, channel: str) -> None:
        """Follow, if one may (`NotFound`, `IllegalMove` when it is over). The newest place comes at once.

        `channel` is the name as the client spelt it: it hears of it under that name.
        """
        async with working(self._tools, connection.actor) as work:
            found = await following.follow(work, engagement_id)
        async with self._opening:
            room = self._rooms.get(engagement_id)
            if room is None:
                room = Room(found, self._now())
                room.unsubscribe = await self._tools.bus.subscribe(f"track.{engagement_id}", self._heard)
                self._rooms[engagement_id] = (
                    room  # whole, or not at all: its first member may leave meanwhile
                )
        room.members[connection] = channel
        if room.newest is None and found.tracked:
            point = self._positions.newest(found.provider_id)
            room.newest = None if point is None else TrackHint(point.lat, point.lon, point.at)
        room.told = None  # whoever came last sees the place too

    async def leave(self, connection: Connection, engagement_id: UUID) -> None:
        """Follow no longer. The last one out turns off the light."""
        room = self._rooms.get(engagement_id)
        if room is None or connection not in room.members:
            return
        connection.outbox.discard(room.members.pop(connection))
        if not room.members:
            await self._close(room)

    async def leave_all(self, connection: Connection) -> None:
        """The connection is closed."""
        for engagement_id, room in list(self._rooms.items()):
            if connection in room.members:
                await self.leave(connection, engagement_id)

    def look_again(self, engagement_id: UUID) -> None:
        """Something happened to this engagement."""
        room = self._rooms.get(engagement_id)
        if room is not None:
            room.looked_at = -math.inf

    async def step(self) -> None:
        """Look at the states that are due, then tell every room what is new."""
        now = self._now()
        due = {key: room for key, room in self._rooms.items() if is_due(now, room.looked_at, LOOK_EVERY)}
        if due:
            await self._look(due, now)
        for room in list(self._rooms.values()):
            is_news = room.newest is not None and room.newest is not room.told
            if is_news and room.following.tracked and is_due(now, room.told_at, FRAME_EVERY):
                await self._tell(room, now)

    async def stop(self) -> None:
        for room in list(self._rooms.values()):
            await self._close(room)

    async def _look(self, due: dict[UUID, Room], now: float) -> None:
        for room in due.values():
            room.looked_at = now
        looked_for = {key: list(room.members) for key, room in due.items()}  # others may come meanwhile
        allowed: dict[UUID, set[UUID]] = {}
        async with working(self._tools, ENGINE) as work:
            found = await following.still(work, list(due))
            for key, one in found.items():
                readers = {member.actor.id for member in looked_for[key]}
                allowed[key] = await following.still_allowed(work, one, readers)
        for key, room in due.items():
            if key not in found:
                self._cut(room, list(room.members))
                await self._close(room)
                continue
            self._cut(room, [one for one in looked_for[key] if one.actor.id not in allowed[key]])
            if looked_for[key] and not room.members:
                await self._close(room)
            elif found[key] != room.following:
                room.following, room.eta_at = found[key], -math.inf

    def _cut(self, room: Room, members: Sequence[Connection]) -> None:
        """End the channel of those who may follow no longer: the work is over, or they are staff no more."""
        for member in members:
            channel = room.members.pop(member, None)
            if channel is not None:
                member.outbox.discard(channel)
                member.perform(member.session.ended(channel))

    async def _tell(self, room: Room, now: float) -> None:
        seen = room.newest
        assert seen is not None
        if is_due(now, room.eta_at, LOOK_EVERY):
            room.eta_s = await self._eta(room, seen)
            room.eta_at = now
        left = None if room.eta_s is None else max(0, round(room.eta_s - (now - room.eta_at)))
        frame = write(
            Track(
                engagement_id=str(room.following.engagement_id),
                lat=seen.lat,
                lon=seen.lon,
                at=moment(datetime.fromtimestamp(seen.at, UTC)),
                eta_s=left,
            )
        )
        room.told, room.told_at = seen, now
        for member, channel in list(room.members.items()):
            member.put(channel, frame)

    async def _eta(self, room: Room, seen: TrackHint) -> float | None:
        try:
            return await following.eta_s(self._tools, room.following, seen.place)
        except Exception:  # whatever it is: the place is told without it, and other rooms wait for their turn
            log.exception("no arrival time for engagement %s", room.following.engagement_id)
            return None

    def _heard(self, subject: str, payload: bytes) -> None:
        room = self._rooms.get(UUID(subject.partition(".")[2]))
        hint = _hints.decode(payload)
        if room is not None and (room.newest is None or hint.at > room.newest.at):
            room.newest = hint

    async def _close(self, room: Room) -> None:
        self._rooms.pop(room.following.engagement_id, None)
        if room.unsubscribe is not None:
            await room.unsubscribe()

    def _now(self) -> float:
        return self._tools.clock.now().timestamp()


_hints = msgspec.json.Decoder(TrackHint)
