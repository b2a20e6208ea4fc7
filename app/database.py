"""The engine's connections to its database: how many, which are dead, and how long one is waited for."""

import asyncio
import logging
import time
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.watch.pool import CountingPool, count_outages
from domain.store.asking import DEADLINE
from domain.store.outage import DatabaseAway

CONNECTIONS: Final = 12
"""A process's most. All are kept: one opened for a burst and closed after it costs more than the burst's work
(a living town on a busy machine opened 98 in a minute). A process has one core to feed them from, and each has every
statement to prepare for itself: more of them only take longer to be warm."""

LOOPS: Final = 6  # of the loops' own: a flood of requests leaves rounds, events, timers and pushes theirs

BESIDE: Final = (
    2  # for a word that is kept though its request is refused: who holds a connection asks for it here
)

STATEMENTS: Final = 400  # prepared, a connection; a living town uses 370 and the driver's default keeps 100

CONNECT_WITHIN: Final = 5.0  # s; a server that runs answers in milliseconds, the driver's default is a minute
WAIT_AT_MOST: Final = 8.0
"""s for one of the connections to be free; whoever waits longer is told to come back. A burst is served in that time,
and with a statement that is never answered it stays under a phone's patience."""

ANSWER_WITHIN: Final = 10.0
"""s for one statement, its locks waited for. Ours take milliseconds; a server that is frozen, or a network that
swallows, never answers. Under a phone's own patience (20 s and more), so that it hears a 503."""

IDLE_WITHIN: Final = 30.0
"""s that a transaction may be left open with nothing asked; the server then ends it. Who has begun one and is frozen,
or cut off, keeps rows locked that everybody else waits for. A living one asks again within milliseconds, and its answer
begins within 15 s in any case."""

TAKES_ITS_TIME: Final = "coudmain_takes_its_time"
"""The execution option of a connection whose statements have no deadline."""

LOOKS_A_DEADLINE: Final = 20  # an answer that is late is noticed a twentieth later

log = logging.getLogger(__name__)


def _plain(value: Any) -> Any:
    """What the standard library writes too: a number or a text of a kind of its own, a numpy float."""
    for kind in (float, int, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=_plain).decode()


JSON: Final[dict[str, Any]] = {"json_serializer": _as_json, "json_deserializer": msgspec.json.decode}
"""How columns of JSON are written and read, in a tenth of the standard library's time: the stored round of a busy
market holds thousands of verdicts."""


def open_database(
    url: str,
    connections: int = CONNECTIONS,
    *,
    answer_within: float = ANSWER_WITHIN,
    idle_within: float = IDLE_WITHIN,
) -> AsyncEngine:
    """The engine over a database that may not be there yet. Whoever opens it disposes of it.

    `answer_within`: s for a statement; `idle_within`: s between two of a transaction, 0: as long as it likes.
    """
    database = create_async_engine(
        url,
        poolclass=CountingPool,
        hide_parameters=True,  # an error's words go to the log, what was asked for does not
        pool_size=connections,
        max_overflow=0,
        pool_timeout=WAIT_AT_MOST,
        pool_use_lifo=True,  # the same few serve a quiet hour: their statements are prepared, their memory is warm
        **JSON,
        connect_args={
            "prepared_statement_cache_size": STATEMENTS,
            "timeout": CONNECT_WITHIN,
            "server_settings": {"idle_in_transaction_session_timeout": f"{round(idle_within * 1_000)}ms"},
        },
    )
    event.listen(database.sync_engine, "do_connect", _connect)
    event.listen(database.sync_engine, "checkout", _refuse_if_closed)
    count_outages(database)
    _give_deadlines(database, answer_within)
    return database


def _connect(dialect: Any, _record: object, arguments: Any, named: Any) -> Any:
    """Connect; a socket that is not there, refuses or keeps silent says the same: the database is away."""
    try:
        return dialect.connect(*arguments, **named)
    except OSError as error:
        raise DatabaseAway(f"no connection to the database: {str(error) or type(error).__name__}") from error


def _refuse_if_closed(connection: Any, *_: object) -> None:
    """A connection whose server has gone is replaced, and all others of its time with it.

    The driver hears of the end from its socket, so that a look at it says what a ping would (three exchanges
    with the server before each transaction, a twentieth of a busy engine's time).
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _give_deadlines(database: AsyncEngine, within: float) -> None:
    """Close a connection that has not answered in time: whoever waits hears of an outage at that moment.

    The driver's own `command_timeout` would ask the server to cancel, and wait for it: a frozen one does not.
    What was asked may have been done or not, as when the server dies.
    """
    deadlines = _Deadlines(within)

    def begin(connection: Connection, *_: object) -> None:
        if not connection.invalidated and not connection.get_execution_options().get(TAKES_ITS_TIME):
            deadlines.begin(connection.connection.driver_connection)

    def end(connection: Connection, *_: object) -> None:
        deadlines.end(connection.connection.driver_connection)

    def failed(context: Any) -> None:
        if context.connection is not None and not context.is_disconnect:
            end(context.connection)

    def opened(_driver: object, record: Any) -> None:
        record.info[DEADLINE] = _Deadline(deadlines, record.driver_connection)

    def put_back(_connection: object, record: Any, _state: object) -> None:
        deadlines.begin(record.driver_connection)

    def is_back(_connection: object, record: Any) -> None:
        deadlines.end(record.driver_connection)

    engine = database.sync_engine
    for moment in ("before_cursor_execute", "commit", "rollback"):
        event.listen(engine, moment, begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", failed)
    event.listen(engine, "connect", opened)
    event.listen(engine, "reset", put_back)  # the pool's own rollback; then it is checked in
    event.listen(engine, "checkin", is_back)


class _Deadline:
    """One connection's, for statements that are asked past SQLAlchemy's events."""

    __slots__ = ("_deadlines", "_driver")

    def __init__(self, deadlines: "_Deadlines", driver: Any) -> None:
        self._deadlines, self._driver = deadlines, driver

    def begin(self) -> None:
        """It is asked something."""
        self._deadlines.begin(self._driver)

    def end(self) -> None:
        """It has answered."""
        self._deadlines.end(self._driver)


class _Deadlines:
    """Which connections wait for an answer, and since when. One timer looks at all of them: one a statement was a
    sixth of the statement's cost."""

    def __init__(self, within: float) -> None:
        self._within = within
        self._since: dict[Any, float] = {}
        self._looking: asyncio.AbstractEventLoop | None = None

    def begin(self, driver: Any) -> None:
        """It is asked something, or given something to do, from now on."""
        if driver is None:
            return
        self._since[driver] = time.monotonic()
        loop = asyncio.get_running_loop()
        if self._looking is not loop:
            self._look_later(loop)

    def end(self, driver: Any) -> None:
        """It has answered."""
        self._since.pop(driver, None)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = loop
        loop.call_later(self._within / LOOKS_A_DEADLINE, self._look)

    def _look(self) -> None:
        late = time.monotonic() - self._within
        for driver in [driver for driver, since in self._since.items() if since <= late]:
            self.end(driver)
            log.warning("the database has not answered for %g s; the connection is closed", self._within)
            driver.terminate()
        looking, self._looking = self._looking, None
        if self._since and looking is not None:
            self._look_later(looking)
