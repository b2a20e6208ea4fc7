"""The timekeeper: does what is due. Several may run; each timer is one transaction of whoever claims it first."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.watch.errands import TimerSeries
from domain.rules.traces import doing
from domain.store import timers
from domain.store.tables import Timer
from domain.store.timers import TimerKind
from domain.usecases.timers import HANDLERS, Handler
from domain.usecases.work import ENGINE, Tools, Work, commit, working

AT_ONCE: Final = 4  # timers at a time: a payment service slow to answer does not hold the rest
LONGEST_NAP: Final = 1.0  # s; timers set by another process whose wake-up call got lost are found within it
TAKEN_NAP: Final = 0.05  # s; what is due is being done by somebody else
WAKE: Final = "wake.timers"
KNOWN: Final[frozenset[str]] = frozenset(TimerKind)

log = logging.getLogger(__name__)


class Timekeeper:
    """Claims due timers and has their use case done. A failure is written on the timer, which rings again later."""

    def __init__(
        self,
        tools: Tools,
        handlers: Mapping[TimerKind, Handler] = HANDLERS,
        series: TimerSeries | None = None,
    ) -> None:
        self._tools, self._series = tools, series
        self._handlers = handlers
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()

    async def step(self) -> int:
        """Do everything that is due now; returns how many timers rang, failures included."""
        rang = await asyncio.gather(*(self._work_off() for _ in range(AT_ONCE)))
        return sum(rang)

    async def _look(self) -> float:
        """Do what is due, if anything is: the only question that a quiet house is asked. How long to nap, in s."""
        nap = await self._nap()
        if nap > 0.0:
            return nap
        if not await self.step():
            return TAKEN_NAP
        return await self._nap()

    async def run(self, stop: asyncio.Event) -> None:
        """Step, sleep until the next timer or a wake-up call, and so on until told to stop."""
        self._stop = stop
        unsubscribe = await self._tools.bus.subscribe(WAKE, lambda *_: self._woken.set())
        try:
            while not stop.is_set():
                self._woken.clear()
                try:
                    nap = await self._look()
                except (SQLAlchemyError, OSError):  # the database is away: it comes back, and nothing is lost
                    log.warning("the timers cannot be read; trying again", exc_info=True)
                    nap = LONGEST_NAP
                await _first_of(self._woken, stop, within=nap)
        finally:
            await unsubscribe()

    async def _work_off(self) -> int:
        """One after another, until none is due or we are told to stop."""
        rang = 0
        while not self._stop.is_set() and await self._ring():
            rang += 1
        return rang

    async def _ring(self) -> bool:
        """Claim one due timer and do it, in one transaction; False when none is due.

        What a failing use case wrote is undone to a savepoint: the claim stays ours until the timer is put off.
        """
        async with self._tools.sessions() as db:
            work = Work(db=db, tools=self._tools, actor=ENGINE, now=self._tools.clock.now())
            claimed = await timers.claim_due(db, work.now, limit=1)
            if not claimed:
                return False
            (timer,) = claimed
            timer_id = timer.id
            try:
                with doing(self._tools.traces, f"timer {timer.kind}"):
                    await self._do(work, timer)
                    await commit(work)
            except (
                SQLAlchemyError
            ) as failure:  # the commit itself: a broken invariant, or the database is away
                await db.rollback()
                words = _words(failure)
            else:
                return True
        await self._postpone(timer_id, words)
        return True

    async def _do(self, work: Work, timer: Timer) -> None:
        """Have the timer's use case done, or put the timer off with what went wrong."""
        if timer.kind not in KNOWN:  # a newer version's, which will find it again
            timers.postpone(timer, work.now, "this version does not know such a timer")
            return
        kind, late_s = TimerKind(timer.kind), (work.now - timer.due_at).total_seconds()
        done = False
        try:
            async with work.db.begin_nested():
                await self._handlers[kind](work, timer.ref)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the other timers must ring
            log.info("timer %s for %s: %s", kind, timer.ref, _words(failure))
            work.forget()
            timers.postpone(timer, work.now, _words(failure))
        else:
            await timers.done(work.db, timer)
            done = True
        if self._series is not None:
            self._series.rang(kind, late_s=late_s, done=done)

    async def _postpone(self, timer_id: UUID, words: str) -> None:
        """Put a timer off in a transaction of its own."""
        log.warning("timer %s: %s", timer_id, words)
        async with working(self._tools, ENGINE) as work:
            timer = await work.db.get(Timer, timer_id, with_for_update=True)
            if timer is not None:
                timers.postpone(timer, work.now, words)

    async def _nap(self) -> float:
        """Seconds until the next timer rings, at most `LONGEST_NAP`."""
        async with self._tools.sessions() as db:
            due = await timers.next_due(db)
        if due is None:
            return LONGEST_NAP
        return min(max((due - self._tools.clock.now()) / timedelta(seconds=1), 0.0), LONGEST_NAP)


def _words(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


async def _first_of(*events: asyncio.Event, within: float) -> None:
    """Until one of the events is set, or for `within` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
