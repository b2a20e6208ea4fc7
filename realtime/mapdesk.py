"""`map:<market>`: the live map for ops. One state a market a second, however many look; a frame per viewport.

A frame is the difference to what its reader was sent last. It is made only when the last one has left, so a
slow reader gets fewer, larger ones, and the numbers `n` have no gaps; one dropped for room is followed by a full one.
"""

import logging
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from domain.rules.errors import Invalid
from domain.usecases import mapview
from domain.usecases.mapview import EVERYWHERE, Box, MapMemory, MapState, View
from domain.usecases.work import ENGINE, Tools, working
from realtime.connection import Connection
from realtime.effects import Subscribe
from realtime.frames import Map, write

log = logging.getLogger(__name__)

RIGHTS_EVERY: Final = 5.0  # s between looks at whether a map's readers are still ops
CLOSE_UP: Final = 14.0  # the zoom of a client that names none


@dataclass(slots=True)
class Screen:
    """One client's viewport, and what it has been sent. `sent` None: nothing it could build on."""

    box: Box
    zoom: float
    n: int = 0
    sent: View | None = None


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
            self._show(connection, ask.channel, desk.screens[connection][1], desk.state)

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
            async with working(self._tools, ENGINE) as work:
                if work.now.timestamp() - desk.rights_at >= RIGHTS_EVERY:
                    desk.rights_at = work.now.timestamp()
                    readers = {one.actor.id for one in desk.screens}
                    self._cut(desk, await mapview.still_ops(work, market, readers))
                desk.state = await mapview.look(work, desk.memory)
            if self._desks.get(market) is not desk:
                continue
            for connection, (channel, screen) in list(desk.screens.items()):
                self._show(connection, channel, screen, desk.state)

    def _cut(self, desk: Desk, allowed: set[UUID]) -> None:
        """End the channel of whoever may look no longer."""
        for connection, (channel, _) in list(desk.screens.items()):
            if connection.actor.id not in allowed:
                self.leave(connection, channel)
                connection.perform(connection.session.ended(channel))

    def _show(self, connection: Connection, channel: str, screen: Screen, state: MapState) -> None:
        if connection.outbox.forgotten(channel):
            screen.sent = None
        if connection.outbox.holds(channel):
            return
        seen = mapview.view(state, screen.box, screen.zoom)
        upsert, remove = mapview.difference(screen.sent or {}, seen)
        counters: dict[str, Any] = dict(state.counters)
        frame = Map(
            channel=channel,
            n=screen.n + 1,
            full=screen.sent is None,
            upsert=upsert,
            remove=remove,
            counters=counters,
        )
        if connection.put(channel, write(frame)):
            screen.n, screen.sent = screen.n + 1, seen
