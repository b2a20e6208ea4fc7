"""The relay: what was committed is told. Several may run; each event is claimed by one of them.

Claim (and plan the pushes of what is claimed) in one transaction, commit, then publish. A relay killed between
the two has told nobody on the bus: the gateways find the gap in the log, at the next event or look.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.watch.errands import RelaySeries
from domain.rules.traces import carried
from domain.store import streams
from domain.store.tables import EventRow
from domain.usecases import pushes
from domain.usecases.stream import told
from domain.usecases.work import ENGINE, Tools, working
from realtime.hints import event_hint

log = logging.getLogger(__name__)

BATCH: Final = 500  # events a transaction: about 10 ms, so that nobody waits long behind a burst
LOOK_EVERY: Final = 0.2  # s; a wake-up call that got lost costs at most this
GATHER: Final = (
    0.002  # s after a wake-up: the commits of one moment travel together (a claim a commit is 2x dearer)
)
AWAY: Final = 1.0  # s before trying again when the database is away
WAKE: Final = "wake.relay"


class Relay:
    """Moves events from the log to the bus."""

    def __init__(self, tools: Tools, series: RelaySeries | None = None) -> None:
        self._tools, self._series = tools, series
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()

    async def step(self) -> int:
        """Tell everything that waits, or what can be told until the stop; returns how many events that was."""
        count = 0
        while True:
            rows = await self._claim()
            for row in rows:
                await self._tools.bus.publish(f"account.{row.account_id}", event_hint(told(row)))
                self._trace(row)
            if self._series is not None:
                self._series.told(rows, self._tools.clock.now())
            count += len(rows)
            if len(rows) < BATCH or self._stop.is_set():
                return count

    async def run(self, stop: asyncio.Event) -> None:
        """Step when woken, and from time to time, until told to stop."""
        self._stop = stop
        unsubscribe = await self._tools.bus.subscribe(WAKE, lambda *_: self._woken.set())
        try:
            while not stop.is_set():
                self._woken.clear()
                pause = LOOK_EVERY
                try:
                    await self.step()
                except (SQLAlchemyError, OSError):  # it comes back, and nothing is lost
                    log.warning("the events cannot be read; trying again", exc_info=True)
                    pause = AWAY
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
                        await asyncio.sleep(GATHER)
        finally:
            await unsubscribe()

    def _trace(self, row: EventRow) -> None:
        traces = self._tools.traces
        if traces is not None:
            event = carried(row.account_id, row.seq, row.type, row.data)
            if event is not None:
                traces.relayed(event, row.at)

    async def _claim(self) -> Sequence[EventRow]:
        async with working(self._tools, ENGINE) as work:
            rows = await streams.claim_unsent(work.db, BATCH)
            if rows:
                await pushes.plan(work, rows)
        return rows
