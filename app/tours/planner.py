"""Plans scheduled tours in a worker process: both VROOM and our search hold the interpreter for a second or more,
which an event loop with sockets cannot spare."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from matching.tours.problem import TourProblem
from matching.tours.solve import A_DAY, Effort, Tours

PLAN_WITHIN: Final = 60.0  # s; four hundred stops take five. Over it the worker is ended and the caller told


class TourPlanner:
    """One worker, started on first use and again after it died. `close` ends it."""

    def __init__(self) -> None:
        self._worker: ProcessPoolExecutor | None = None

    async def plan(
        self, problem: TourProblem, effort: Effort = A_DAY, within_s: float = PLAN_WITHIN
    ) -> Tours:
        """Tours: VROOM's, bettered by our search. `TimeoutError` when it takes too long; the next call starts anew."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                return await loop.run_in_executor(self._pool(), planned, problem, effort)
        except (TimeoutError, BrokenProcessPool):
            self._end()
            raise

    def close(self) -> None:
        self._end()

    def _pool(self) -> ProcessPoolExecutor:
        if self._worker is None:
            # Spawned: a fork would carry the server's sockets and threads along.
            self._worker = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        return self._worker

    def _end(self) -> None:
        if self._worker is None:
            return
        worker, self._worker = self._worker, None
        for process in list(worker._processes.values()):  # noqa: SLF001 - no public way to end one at work
            process.kill()
        worker.shutdown(wait=False, cancel_futures=True)


def planned(problem: TourProblem, effort: Effort) -> Tours:
    """What the worker does. Imports wait until there is something to plan: compiled kernels, pandas."""
    from app.tours.vroom_start import started  # noqa: PLC0415 - see above
    from matching.tours.solve import plan  # noqa: PLC0415 - see above

    return plan(started(problem, fewest=effort.shrink > 0), effort)
