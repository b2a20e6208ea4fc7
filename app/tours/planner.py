"""Plans tours in a worker process: VROOM and our search hold the interpreter for a second or more, which an event
loop with sockets cannot spare."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Final

from app.tours import worker
from domain.usecases.work import PlannerAway
from matching.tours.answer import Tours
from matching.tours.effort import A_DAY, POOLING, Effort
from matching.tours.problem import TourProblem

PLAN_WITHIN: Final = 60.0
"""s; the most that may be asked takes five of CPU at worst, and others may come first. Over it the worker is ended and
the caller told. Proxies have as much patience for an answer, as a rule."""

MOST_WAITING: Final = 4  # callers, the one whose tours are planned included; the next is told to come back


class TourPlanner:
    """One worker, started on first use and again after it died; one problem at a time. `close` ends it.

    Raises `PlannerAway` where there is no answer in time, whoever's fault it was; the next call starts anew."""

    def __init__(self, within_s: float = PLAN_WITHIN) -> None:
        self._within_s = within_s
        self._worker: ProcessPoolExecutor | None = None
        self._ready: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def plan(self, problem: TourProblem, effort: Effort = A_DAY) -> Tours:
        """Tours of a day: VROOM's, bettered by our search."""
        return await self._asked(worker.planned, problem, effort)

    async def pool(self, problem: TourProblem, effort: Effort = POOLING) -> Tours:
        """Running plans with as many of the other errands as pay."""
        return await self._asked(worker.pooled, problem, effort)

    def close(self) -> None:
        """End the worker, whatever it is at."""
        self._end()

    async def _asked(
        self, deed: Callable[[TourProblem, Effort], Tours], problem: TourProblem, effort: Effort
    ) -> Tours:
        if self._waiting >= MOST_WAITING:
            raise PlannerAway("others are having tours planned")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._within_s), self._turn:
                return await self._done(deed, problem, effort)
        except TimeoutError:
            raise PlannerAway(f"no tours were found in {self._within_s:g} s") from None
        except BrokenProcessPool:
            raise PlannerAway("the planner has died") from None
        finally:
            self._waiting -= 1

    async def _done(
        self, deed: Callable[[TourProblem, Effort], Tours], problem: TourProblem, effort: Effort
    ) -> Tours:
        """In the worker, once it is ready: on a slow machine without kept kernels that takes a minute, and whoever
        gives up meanwhile leaves it to be ready for the next."""
        try:
            pool, ready = self._started()
            await asyncio.shield(ready)
        except BrokenProcessPool:
            self._end()
            raise
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, deed, problem, effort)
        except (asyncio.CancelledError, BrokenProcessPool):
            self._end()  # nothing else ends a search, and a pool is broken for good
            raise

    def _started(self) -> tuple[ProcessPoolExecutor, asyncio.Future[None]]:
        if self._worker is None or self._ready is None:
            # Spawned: a fork would carry the server's sockets and threads along.
            self._worker = ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn"), initializer=worker.begin
            )
            self._ready = asyncio.get_running_loop().run_in_executor(self._worker, worker.ready)
            self._ready.add_done_callback(_heard)
        return self._worker, self._ready

    def _end(self) -> None:
        if self._worker is None:
            return
        pool, self._worker, self._ready = self._worker, None, None
        for process in list(pool._processes.values()):  # noqa: SLF001 - no public way to end one at work
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _heard(ready: "asyncio.Future[None]") -> None:
    """That a worker died before it was ready is told to whoever waits for it; there may be nobody."""
    with suppress(asyncio.CancelledError):
        ready.exception()
