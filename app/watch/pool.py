"""The pool of connections, counting: how often one had to be waited for, how often the database was away."""

import time
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import AsyncAdaptedQueuePool, PoolProxiedConnection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.store.outage import is_outage


@dataclass(slots=True)
class PoolTally:
    """Since the start of the process."""

    waits: int = 0  # a connection was wanted while all were in use
    outages: int = 0  # a connection or a statement failed because the database was away


class CountingPool(AsyncAdaptedQueuePool):
    """The usual pool; its tally outlives a pool that is replaced."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.tally = PoolTally()
        self._waiting: dict[object, float] = {}  # since when, in the order of their coming

    @property
    def full(self) -> bool:
        """Whether whoever wants a connection now has to wait."""
        return self.checkedout() >= self.size()

    @property
    def waited_s(self) -> float:
        """How long whoever waits longest has been waiting; 0 where nobody does."""
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else time.monotonic() - since

    def connect(self) -> PoolProxiedConnection:
        """A connection, when one is free."""
        waits = object()
        if self.full:
            self.tally.waits += 1
            self._waiting[waits] = time.monotonic()
        try:
            return super().connect()
        except Exception as error:
            self.tally.outages += is_outage(error)
            raise
        finally:
            self._waiting.pop(waits, None)

    def recreate(self) -> Self:
        """The pool that follows this one."""
        fresh = super().recreate()
        assert isinstance(fresh, type(self))
        fresh.tally = self.tally
        return fresh


def pool_of(database: AsyncEngine) -> CountingPool:
    """The engine's pool, which `app.database` opened."""
    pool = database.sync_engine.pool
    assert isinstance(pool, CountingPool)
    return pool


def count_outages(database: AsyncEngine) -> None:
    """Count statements that fail because the database has gone."""

    def failed(context: ExceptionContext) -> None:
        if context.connection is not None and is_outage(
            context.sqlalchemy_exception or context.original_exception
        ):
            pool_of(database).tally.outages += 1

    event.listen(database.sync_engine, "handle_error", failed)
