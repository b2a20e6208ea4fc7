"""The janitor: once an hour, lets go of what no rule needs any more. Several may run; twice does no harm."""

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.clock import stopped_within
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.work import ENGINE, Tools, working

EVERY: Final = 3_600.0  # s

log = logging.getLogger(__name__)


class Janitor:
    """Sweeps at the start and then each hour."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def step(self) -> None:
        """One sweep."""
        async with working(self._tools, ENGINE) as work:
            await forget_leftovers(work)

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until told to stop."""
        while not stop.is_set():
            try:
                await self.step()
            except (SQLAlchemyError, OSError):
                log.warning("nothing could be swept; trying again in an hour", exc_info=True)
            await stopped_within(stop, EVERY)
