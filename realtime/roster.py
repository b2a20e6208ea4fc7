"""Who is connected: the sockets of each account, and what is told to all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from realtime.connection import Connection
from realtime.effects import LEFT, Close, CloseCode

SOCKETS_AN_ACCOUNT: Final = 5  # a phone, a tablet, some tabs; the oldest gives way
ENDINGS: Final = {code: name.lower() for name, code in vars(CloseCode).items() if name.isupper()}
"""Every code this server closes with, by its name."""


class Roster:
    """The connections of this process, by account. Those that have not said who they are wait apart."""

    def __init__(self) -> None:
        self._strangers: set[Connection] = set()
        self._met = 0
        self._accounts: defaultdict[UUID, list[Connection]] = defaultdict(list)
        self.ended: Counter[str] = (
            Counter()
        )  # since the start, by the name of the close; `left`: by the client

    def __len__(self) -> int:
        return len(self._strangers) + sum(len(mine) for mine in self._accounts.values())

    def __iter__(self) -> Iterator[Connection]:
        """Every connection, as of now: they may leave while one looks."""
        yield from [*self._strangers, *(one for mine in self._accounts.values() for one in mine)]

    def meet(self, connection: Connection) -> None:
        """A socket has been opened; nobody knows whose."""
        self._met += 1
        connection.arrival = self._met
        self._strangers.add(connection)

    def join(self, connection: Connection, *, session: str | None) -> None:
        """It is this account's. An older socket of the same device, or the session it names, is replaced.

        The older one is the one that came first, whichever was looked at first: who was replaced is told to stop, and
        the newer is where the client is.
        """
        for other in self.of(connection.actor.id):
            same_device = connection.device is not None and other.device == connection.device
            if same_device or other.session.id == session:
                older = connection if same_device and connection.arrival < other.arrival else other
                older.perform(older.session.close(CloseCode.REPLACED, "replaced by a newer session"))
        if connection.closing is not None:
            return
        self._strangers.discard(connection)
        mine = self._accounts[connection.actor.id]
        mine.append(connection)
        for oldest in mine[:-SOCKETS_AN_ACCOUNT]:
            oldest.perform(oldest.session.close(CloseCode.REPLACED, "too many sockets for this account"))

    def leave(self, connection: Connection) -> None:
        """It is closed. Twice does no harm."""
        account = connection.actor.account_id
        mine = [] if account is None else self._accounts.get(account, [])
        if connection in self._strangers:
            self._strangers.remove(connection)
        elif connection in mine:
            mine.remove(connection)
        else:
            return
        self.ended[_ending(connection.closing)] += 1
        if account is not None and not mine:
            self._accounts.pop(account, None)

    @property
    def waiting_bytes(self) -> int:
        """What all of them together still have to be sent."""
        return sum(one.outbox.waiting for one in self)

    def of(self, account: UUID) -> list[Connection]:
        """The account's connections, oldest first."""
        return list(self._accounts.get(account, ()))


def _ending(close: Close | None) -> str:
    if close is None or close.reason == LEFT:
        return "left"
    return ENDINGS.get(close.code, "other")
