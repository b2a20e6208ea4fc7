"""The engine's connections to its database: how many, and how a dead one is told from a live one."""

from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.watch.pool import CountingPool, count_outages
from domain.store.outage import DatabaseAway

CONNECTIONS: Final = 32
"""A process's most. All are kept: one opened for a burst and closed after it costs more than the burst's work
(a living town on a busy machine opened 98 in a minute)."""

LOOPS: Final = 16  # of the loops' own: a flood of requests leaves rounds, events, timers and pushes theirs

STATEMENTS: Final = 400  # prepared, a connection; a living town uses 370 and the driver's default keeps 100

CONNECT_WITHIN: Final = 5.0  # s; a server that runs answers in milliseconds, the driver's default is a minute
WAIT_AT_MOST: Final = (
    5.0  # s for one of the connections to be free; whoever waits longer is told to come back
)


def open_database(url: str, connections: int = CONNECTIONS) -> AsyncEngine:
    """The engine over a database that may not be there yet. Whoever opens it disposes of it."""
    database = create_async_engine(
        url,
        poolclass=CountingPool,
        hide_parameters=True,  # an error's words go to the log, what was asked for does not
        pool_size=connections,
        max_overflow=0,
        pool_timeout=WAIT_AT_MOST,
        pool_use_lifo=True,  # the same few serve a quiet hour: their statements are prepared, their memory is warm
        connect_args={"prepared_statement_cache_size": STATEMENTS, "timeout": CONNECT_WITHIN},
    )
    event.listen(database.sync_engine, "do_connect", _connect)
    event.listen(database.sync_engine, "checkout", _refuse_if_closed)
    count_outages(database)
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
