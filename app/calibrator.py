"""The calibrator: learns each market's travel factors anew from time to time. Every process keeps its own copy.

The factors follow from rows alone, so processes that read the same rows promise the same.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.clock import stopped_within
from app.ground import Ground
from domain.usecases.calibration import learnt
from domain.usecases.work import ENGINE, Tools, working

EVERY: Final = 900.0  # s; a factor moves slowly

log = logging.getLogger(__name__)


class Calibrator:
    """Learns at the start and then each quarter of an hour."""

    def __init__(self, tools: Tools, cities: Mapping[str, Ground]) -> None:
        self._tools, self._cities = tools, cities

    async def step(self) -> None:
        """Learn every market's factors and use them."""
        for market, ground in sorted(self._cities.items()):
            async with working(self._tools, ENGINE) as work:
                ground.travel.use(await learnt(work, market))

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until told to stop."""
        while not stop.is_set():
            try:
                await self.step()
            except (SQLAlchemyError, OSError):
                log.warning("no travel factors could be learnt; the old ones stay", exc_info=True)
            await stopped_within(stop, EVERY)
