"""Sockets that have not been welcomed yet, by network address: how many there may be of one.

An open socket costs thirty kilobytes and a descriptor before anybody knows whose it is. One is let in within
milliseconds of its hello, or closed after seconds without one, so that a town of phones behind one address has few of
them at any moment; only somebody who opens sockets for their own sake has hundreds.
"""

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import Final

from realtime.connection import Connection

UNWELCOMED: Final = 256  # of one address; at 50 ms a welcome that is five thousand phones a second
REFUSALS: Final = ("crowd", "origin")
"""Why an upgrade is refused: too many wait of its address; a page of somebody else asks."""

SUBNET: Final = (1 << 64) - 1  # of an IPv6 address the last 64 bits are their owner's to choose


class Doorstep:
    """Who waits to be welcomed. Owned by one event loop."""

    def __init__(self, most: int = UNWELCOMED) -> None:
        """`most`: of one network address at once."""
        self.most = most
        self.refused: Counter[str] = Counter()  # upgrades since the start, by why
        self._from: dict[Connection, str] = {}
        self._waiting: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._from)

    def has_room(self, address: str) -> bool:
        """Whether one more of this address may wait."""
        return self._waiting[network_of(address)] < self.most

    def enter(self, connection: Connection, address: str) -> None:
        """A socket is open, and nobody knows whose."""
        network = self._from[connection] = network_of(address)
        self._waiting[network] += 1

    def leave(self, connection: Connection) -> None:
        """It has been welcomed, or has gone for good. Twice does no harm."""
        network = self._from.pop(connection, None)
        if network is not None:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]


def network_of(address: str) -> str:
    """What one customer of a network has: an IPv4 address, the first half of an IPv6 one; any other text is itself."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(IPv6Address(int(known) & ~SUBNET))
