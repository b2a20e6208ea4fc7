"""What a client may follow: a literal table from the kind in a channel's name to who carries it.

The carrier decides who may: for the parties of an engagement and staff, for staff alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.rules.errors import Invalid, NotFound
from domain.rules.ids import parse_id
from realtime.connection import Connection
from realtime.effects import Subscribe
from realtime.mapdesk import MapDesk
from realtime.tracking import Tracking


@dataclass(frozen=True, slots=True)
class Carriers:
    """Those who carry the channels of one gateway."""

    tracking: Tracking
    maps: MapDesk

    async def join(self, connection: Connection, ask: Subscribe) -> None:
        """Follow a channel, if one may; a second time changes the view. Raises what its carrier refuses."""
        channel = CHANNELS.get(ask.channel.partition(":")[0])
        if channel is None:
            raise Invalid.field(
                "/channel", f"a channel is {' or '.join(one.name for one in CHANNELS.values())}"
            )
        await channel.join(self, connection, ask)

    async def leave(self, connection: Connection, name: str) -> None:
        """Follow it no longer. What is no channel was not followed."""
        channel = CHANNELS.get(name.partition(":")[0])
        if channel is not None:
            await channel.leave(self, connection, name)

    async def leave_all(self, connection: Connection) -> None:
        """The connection is closed."""
        self.maps.leave_all(connection)
        await self.tracking.leave_all(connection)


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of channel: how one is named, and how to join and leave it."""

    name: str
    join: Callable[[Carriers, Connection, Subscribe], Awaitable[None]]
    leave: Callable[[Carriers, Connection, str], Awaitable[None]]


async def _join_engagement(carriers: Carriers, connection: Connection, ask: Subscribe) -> None:
    engagement_id = parse_id(ask.channel.partition(":")[2])
    if engagement_id is None:
        raise NotFound
    await carriers.tracking.join(connection, engagement_id, ask.channel)


async def _leave_engagement(carriers: Carriers, connection: Connection, name: str) -> None:
    engagement_id = parse_id(name.partition(":")[2])
    if engagement_id is not None:
        await carriers.tracking.leave(connection, engagement_id)


async def _join_map(carriers: Carriers, connection: Connection, ask: Subscribe) -> None:
    await carriers.maps.join(connection, ask)


async def _leave_map(carriers: Carriers, connection: Connection, name: str) -> None:
    carriers.maps.leave(connection, name)


CHANNELS: Final[Mapping[str, Channel]] = {
    "engagement": Channel("engagement:<id>", _join_engagement, _leave_engagement),
    "map": Channel("map:<market>", _join_map, _leave_map),
}
