"""`map:<market>`: the live map for ops. One state a market a second, however many look; a frame per viewport.

A frame is the difference to what its reader was sent last; of a view of thousands it is cut into several. It is made
only when the last one has left, so a slow reader gets fewer, larger ones, and the numbers `n` have no gaps; one dropped
for room is followed by a full one.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from domain.rules.errors import Invalid
from domain.rules.turns import is_due
from domain.usecases import mapview
from domain.usecases.mapview import EVERYWHERE, Box, Item, MapMemory, MapState
from domain.usecases.work import ENGINE, Tools, working
from realtime.connection import Connection
from realtime.effects import Subscribe
from realtime.frames import Map, write
from realtime.outbox import LIMIT_BYTES

log = logging.getLogger(__name__)

RIGHTS_EVERY: Final = 5.0  # s between looks at whether a map's readers are still ops
CLOSE_UP: Final = 14.0  # the zoom of a client that names none
PART_BYTES: Final = (
    LIMIT_BYTES // 2
)  # of one frame, about: a larger one than the outbox holds would never leave


@dataclass(slots=True)
class Screen:
    """One client's viewport, and what it has been sent. `sent` None: nothing it could build on."""

    box: Box
    zoom: float
    n: int = 0
    sent: dict[str, Item] | None = None  # what was sent longest ago comes first


@dataclass(slots=True)
class Desk:
    """One market's map."""

    memory: MapMemory
    rights_at: float  # when its readers' rights were last looked at; unix seconds
    screens: dict[Connection, tuple[str, Screen]] = field(default_factory=dict)
    state: MapState | None = None


class MapDesk:
    """The map channels of this process. `step` once a second."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._desks: dict[str, Desk] = {}

    def __len__(self) -> int:
        return sum(len(desk.screens) for desk in self._desks.values())

    async def join(self, connection: Connection, ask: Subscribe) -> None:
        """Look at a market, if one may; or move the view, which is answered with a full frame."""
        market = ask.channel.partition(":")[2]
        box = EVERYWHERE if ask.bbox is None else Box(*ask.bbox)
        if box.south > box.north:
            raise Invalid.field("/bbox", "a bbox is west, south, east, north")
        async with working(self._tools, connection.actor) as work:
            await mapview.open_map(work, market)
        if connection.closing is not None:
            return
        desk = self._desks.setdefault(market, Desk(MapMemory(market), self._tools.clock.now().timestamp()))
        _, before = desk.screens.get(connection, ("", Screen(box, 0.0)))
        zoom = CLOSE_UP if ask.zoom is None else ask.zoom
        desk.screens[connection] = (ask.channel, Screen(box, zoom, n=before.n))
        connection.outbox.discard(ask.channel)
        if desk.state is not None:
            for _ in self._show(connection, ask.channel, desk.screens[connection][1], desk.state):
                return  # the rest, if any, within a second

    def leave(self, connection: Connection, channel: str) -> None:
        """Look no longer."""
        market = channel.partition(":")[2]
        desk = self._desks.get(market)
        if desk is None:
            return
        desk.screens.pop(connection, None)
        connection.outbox.discard(channel)
        if not desk.screens:
            del self._desks[market]

    def leave_all(self, connection: Connection) -> None:
        """The connection is closed."""
        for desk in list(self._desks.values()):
            if connection in desk.screens:
                self.leave(connection, desk.screens[connection][0])

    async def step(self) -> None:
        """Look at every market somebody looks at, and send what is new."""
        for market, desk in list(self._desks.items()):
            try:
                await self._step(market, desk)
            except Exception:  # one market's trouble is not another's
                log.exception("the map of %s could not be drawn; the next second tries again", market)

    async def _step(self, market: str, desk: Desk) -> None:
        async with working(self._tools, ENGINE) as work:
            if is_due(work.now.timestamp(), desk.rights_at, RIGHTS_EVERY):
                desk.rights_at = work.now.timestamp()
                looked_for = list(desk.screens)  # others may come meanwhile, who have just been let in
                allowed = await mapview.still_ops(work, market, {one.actor.id for one in looked_for})
                self._cut(desk, [one for one in looked_for if one.actor.id not in allowed])
            desk.state = await mapview.look(work, desk.memory)
        if self._desks.get(market) is not desk:
            return
        for connection, (channel, screen) in list(desk.screens.items()):
            for _ in self._show(connection, channel, screen, desk.state):
                await asyncio.sleep(0)  # its writer's turn
                if desk.screens.get(connection, ("", None))[1] is not screen:
                    break  # it looks elsewhere by now, or no longer

    def _cut(self, desk: Desk, connections: Sequence[Connection]) -> None:
        """End the channel of those who may look no longer."""
        for connection in connections:
            channel, _ = desk.screens.get(connection, ("", None))
            if channel:
                self.leave(connection, channel)
                connection.perform(connection.session.ended(channel))

    def _show(self, connection: Connection, channel: str, screen: Screen, state: MapState) -> Iterator[None]:
        """Send what is new, a part a step, while the client keeps up; the next second goes on from there."""
        outbox = connection.outbox
        if outbox.forgotten(channel):
            screen.sent = None
        if outbox.holds(channel):
            return
        seen, counters = mapview.view(state, screen.box, screen.zoom), dict[str, Any](state.counters)
        for upsert, remove in mapview.parts(*mapview.difference(screen.sent or {}, seen), PART_BYTES):
            frame = Map(
                channel=channel,
                n=screen.n + 1,
                full=screen.sent is None,
                upsert=upsert,
                remove=remove,
                counters=counters,
            )
            if not connection.put(channel, write(frame)):
                return
            screen.n += 1
            screen.sent = {} if screen.sent is None else screen.sent
            for key in (*remove, *(item.id for item in upsert)):
                screen.sent.pop(key, None)
            screen.sent.update((item.id, item) for item in upsert)
            yield
            if outbox.forgotten(channel):
                screen.sent = None
                return
            if outbox.holds(channel):
                return
