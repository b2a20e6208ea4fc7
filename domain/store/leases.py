"""The lease of a market's dispatcher: a session lock, whose holder is to be heard of."""

import asyncio
import logging
import zlib
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from domain.store.outage import is_outage

LEASE_CLASS: Final = 0x0D15_0A7C  # the first key of our advisory locks; the second is the market

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0  # s between two signs of life of a holder
SILENT_AFTER: Final = timedelta(seconds=3)
"""A holder that has not been heard of for so long is sent off. The lease guards nothing, so one that was only slow
loses its turn and nothing else."""

GONE_WITHIN_MS: Final = 1_000  # for its connection to end, once it is told to

_SEND_OFF: Final = text("""
    select pg_terminate_backend(pid, :gone_within) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and classid = :kind and objid = :market and objsubid = 2
    and pg_locks.database = pg_stat_activity.datid and pg_stat_activity.datname = current_database()
    and state_change <= clock_timestamp() - cast(:silent_for as interval)
""")
"""PostgreSQL itself notes when a connection was last asked something, by its own clock."""


class MarketLease:
    """One dispatcher a market: a session lock that PostgreSQL lets go of when its holder's connection ends.

    A process that is killed ends its connection. One that is frozen, or whose machine is cut off, does not: it falls
    silent, and the next who wants the market ends it. The lease spares work; it guards nothing. Two dispatchers on
    one market still cannot assign twice.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        market: str,
        *,
        silent_after: timedelta = SILENT_AFTER,
    ) -> None:
        self._sessions = sessions
        self._market = market
        self._key = zlib.crc32(market.encode()) - (1 << 31)  # a signed 32-bit integer
        self._silent_after = silent_after
        self._session: AsyncSession | None = None
        self._one_at_a_time = asyncio.Lock()  # a sign of life may fall into a round's first question

    async def held(self) -> bool:
        """Whether this dispatcher has the market now; takes it when it is free, or its holder silent."""
        async with self._one_at_a_time:
            try:
                return await self._heard() or await self._take()
            except (DBAPIError, OSError) as error:
                if not is_outage(error):  # a right that is missing, say: a human must look
                    log.warning("the lease of %s cannot be had: %s", self._market, error)
                await self._drop()
                return False

    async def beat(self) -> None:
        """A sign of life, where this dispatcher has the market."""
        async with self._one_at_a_time:
            try:
                await self._heard()
            except (DBAPIError, OSError):
                await self._drop()

    async def release(self) -> None:
        """Let a standby take over at once."""
        async with self._one_at_a_time:
            if self._session is None:
                return
            try:
                await self._session.execute(select(func.pg_advisory_unlock(LEASE_CLASS, self._key)))
            except (DBAPIError, OSError):
                await self._drop()
                return
            await self._session.close()
            self._session = None

    async def _heard(self) -> bool:
        """Ask the server something, which notes it; whether there is a lease at all."""
        if self._session is None:
            return False
        try:
            await self._session.execute(select(1))
        except asyncio.CancelledError:
            await self._drop()  # half an answer may be under way on it
            raise
        return True

    async def _take(self) -> bool:
        session = self._sessions()
        taken = False
        try:
            # Outside a transaction: an idle one would hold back the vacuum for as long as the dispatcher lives.
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            asked = select(func.pg_try_advisory_lock(LEASE_CLASS, self._key))
            taken = bool((await session.execute(asked)).scalar_one())
            if not taken and (await session.execute(_SEND_OFF, self._holder())).scalars().all():
                log.warning("the dispatcher of %s has fallen silent; its lease is ended", self._market)
                taken = bool((await session.execute(asked)).scalar_one())
        finally:
            if not taken:
                await session.close()
        self._session = session if taken else None
        return taken

    def _holder(self) -> dict[str, object]:
        return {
            "kind": LEASE_CLASS,
            "market": self._key & 0xFFFF_FFFF,  # as `pg_locks` spells the second key
            "silent_for": self._silent_after,
            "gone_within": GONE_WITHIN_MS,
        }

    async def _drop(self) -> None:
        """The connection is gone, and the lock with it."""
        session, self._session = self._session, None
        if session is not None:
            await session.invalidate()
