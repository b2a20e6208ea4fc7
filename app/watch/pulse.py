"""The loops that look at the house itself: how late the event loop is, how far behind the work owed is."""

import asyncio
import logging
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from sqlalchemy.exc import SQLAlchemyError

from app.clock import stopped_within
from domain.usecases.backlog import behind
from domain.usecases.work import ENGINE, Tools, working

log = logging.getLogger(__name__)

BEAT: Final = 0.25  # s; four looks a second cost nothing and find a stall of a tenth
LOOK_EVERY: Final = 5.0  # s between looks at the backlog: a query over three small indexes
LATE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # s


class LoopPulse:
    """How much later than asked the event loop wakes us: what every socket and request waits as well."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._late = Histogram(
            "coudmain_loop_lag_seconds", "Lateness of the event loop.", registry=registry, buckets=LATE
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until told to stop."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            asked = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self._late.observe(max(0.0, loop.time() - asked))


class BacklogWatch:
    """How far behind the house is with events, timers and pushes, whoever should have done them."""

    def __init__(self, tools: Tools, registry: CollectorRegistry) -> None:
        self._tools = tools
        self._relay = Gauge(
            "coudmain_relay_lag_seconds", "Age of the oldest event not yet told.", registry=registry
        )
        self._timers = Gauge(
            "coudmain_timers_overdue", "Timers that are due, ten thousand at most.", registry=registry
        )
        self._timers_s = Gauge(
            "coudmain_timers_lag_seconds", "How long the oldest of them has been due.", registry=registry
        )
        self._pushes = Gauge(
            "coudmain_pushes_lag_seconds", "How long the oldest push has been due.", registry=registry
        )

    async def step(self) -> None:
        """One look."""
        async with working(self._tools, ENGINE) as work:
            found = await behind(work)
        self._relay.set(found.relay_s)
        self._timers.set(found.timers)
        self._timers_s.set(found.timers_s)
        self._pushes.set(found.pushes_s)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop. While the database is away the last numbers stay."""
        while not stop.is_set():
            try:
                await self.step()
            except (SQLAlchemyError, OSError):
                log.warning("how far behind we are cannot be read; looking again", exc_info=True)
            await stopped_within(stop, LOOK_EVERY)
