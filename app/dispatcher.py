"""The dispatcher: a round a market every two seconds, at once where supply is in plenty, less often where it is
scarce (`domain.rules.rounds.rest_after`).

Several may run; a market is leased to one of them at a time and a standby takes over. The lease only spares
work: two dispatchers on one market still cannot put two offers to one provider or assign anything twice.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.watch.rounds import RoundMetrics
from domain.rules.traces import doing
from domain.rules.turns import is_due
from domain.store.leases import BEAT_S, MarketLease
from domain.usecases.dispatch import RoundReport, run_round
from domain.usecases.incomes import Incomes
from domain.usecases.stations import Stations
from domain.usecases.telling import Crier
from domain.usecases.work import ENGINE, Tools, working

TELL_EVERY: Final = 10.0  # s between looks for people who have not heard of a posted job yet
ONE_ROUND: Final = 15.0  # s at most: a street graph answers in milliseconds, a remote one may hang

log = logging.getLogger(__name__)


class MarketDispatcher:
    """One market's rounds, one after another, on one lease."""

    def __init__(self, tools: Tools, market: str, metrics: RoundMetrics | None = None) -> None:
        self._metrics = metrics
        self._incomes = Incomes(market)
        self._tools = tools
        self._market = market
        self._lease = MarketLease(tools.sessions, market)
        self._woken = asyncio.Event()
        self._told_at: datetime | None = None
        self._stations = Stations(market)
        self._crier = Crier(market)

    async def step(self) -> RoundReport | None:
        """One round now, and now and then a look for newcomers; `None` when another dispatcher has the market."""
        held = await self._lease.held()
        if self._metrics is not None:
            self._metrics.leased(self._market, held=held)
        if not held:
            return None
        began = self._tools.clock.now()
        async with asyncio.timeout(ONE_ROUND):
            if self._stations.due(began.timestamp()):
                async with working(self._tools, ENGINE) as work:
                    await self._stations.step(work)
            with doing(self._tools.traces, "round"):
                async with working(self._tools, ENGINE) as work:
                    report = await run_round(work, self._market, self._incomes)
            if self._metrics is not None:
                took_s = (self._tools.clock.now() - began).total_seconds()
                self._metrics.observe(self._market, report, took_s)
            if self._told_at is None or is_due(began.timestamp(), self._told_at.timestamp(), TELL_EVERY):
                self._told_at = began
                with doing(self._tools.traces, "telling"):
                    async with working(self._tools, ENGINE) as work:
                        await self._crier.step(work)
        return report

    async def run(self, stop: asyncio.Event) -> None:
        """Rounds until told to stop. Whatever goes wrong in one is logged, and the next one comes."""
        subject = f"wake.dispatch.{self._market}"
        unsubscribe = await self._tools.bus.subscribe(subject, lambda *_: self._woken.set())
        alive = asyncio.create_task(self._give_signs_of_life())
        try:
            while not stop.is_set():
                self._woken.clear()
                report = None
                try:
                    report = await self.step()
                except Exception:  # a bad row or an outage must not stop the market
                    log.exception("the round of %s failed; the next one comes", self._market)
                    if self._metrics is not None:
                        self._metrics.failed(self._market)
                usual = self._tools.knobs.round_window
                await _first_of(
                    *self._reasons_to_rise(stop, report),
                    within=min(usual, BEAT_S) if report is None else report.rest.window_s,
                )
        finally:
            alive.cancel()
            await unsubscribe()
            await self._lease.release()

    async def _give_signs_of_life(self) -> None:
        """However long a round takes, the lease's server hears of its holder."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._lease.beat()
            except (
                Exception
            ):  # the next one comes: a holder that fell silent for good would be sent off each time
                log.exception("a sign of life for %s failed", self._market)

    def _reasons_to_rise(self, stop: asyncio.Event, report: RoundReport | None) -> tuple[asyncio.Event, ...]:
        """What ends the rest before the window is over.

        In a market that has something to match and nobody to spare nothing does: requests that come close together
        are matched together. In a quiet one, or with supply in plenty, none is kept waiting.
        """
        return (stop, self._woken) if report is not None and report.rest.at_once else (stop,)


class Dispatcher:
    """Every market of this process, each at its own pace."""

    def __init__(self, tools: Tools, markets: Sequence[str]) -> None:
        self._markets = [MarketDispatcher(tools, market) for market in markets]

    async def step(self) -> list[RoundReport | None]:
        """One round in each market."""
        return [await market.step() for market in self._markets]

    async def run(self, stop: asyncio.Event) -> None:
        """All of them until told to stop."""
        async with asyncio.TaskGroup() as group:
            for market in self._markets:
                group.create_task(market.run(stop))


async def _first_of(*events: asyncio.Event, within: float) -> None:
    """Until one of the events is set, or for `within` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
