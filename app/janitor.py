"""The janitor: once an hour, lets go of what no rule needs any more. Several may run; twice does no harm."""

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.clock import stopped_within
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.work import ENGINE, Tools, working

EVERY: Final = 3_600.0  # s
MOST_AT_ONCE: Final = 2_000  # transactions a sweep: ten million rows of a kind; the next hour takes the rest

log = logging.getLogger(__name__)


class Janitor:
    """Sweeps at the start and then each hour."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._stop = asyncio.Event()

    async def step(self) -> None:
        """One sweep: as many short transactions as it takes."""
        for _ in range(MOST_AT_ONCE):
            async with working(self._tools, ENGINE) as work:
                more = await forget_leftovers(work)
            if not more or self._stop.is_set():
                return

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until told to stop."""
        self._stop = stop
        while not stop.is_set():
            try:
                await self.step()
            except (SQLAlchemyError, OSError):
                log.warning("nothing could be swept; trying again in an hour", exc_info=True)
            await stopped_within(stop, EVERY)
