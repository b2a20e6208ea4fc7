"""Fixes from all sockets, taken together a few times a second: one by one they cost ten times as much."""

import asyncio
from collections.abc import Callable
from typing import Final

from domain.rules.errors import NotOnDuty
from domain.usecases.positions import Positions
from domain.usecases.readings import Receipt
from realtime import frames
from realtime.connection import Connection
from realtime.effects import Effect, Report, Send
from realtime.frames import Dropped, write
from realtime.refusing import ProblemOf

Failed = Callable[[Connection, Effect, Exception], list[Effect]]

TOGETHER_EVERY: Final = 0.05  # s a fix may wait for others: a twentieth of the time between two of a phone
MOST_WAITING: Final = 4_096  # reports; over it a report waits for its turn, and its reader with it


class Intake:
    """What waits to be taken together. Owned by one event loop."""

    def __init__(self, positions: Positions, *, problem_of: ProblemOf, failed: Failed) -> None:
        """`failed`: what a phone is told when the house could not take its report."""
        self._positions = positions
        self._problem_of = problem_of
        self._failed = failed
        self._waiting: list[tuple[Connection, Report]] = []
        self._taking: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None  # named, so that it is not forgotten while it runs
        self._one_by_one = asyncio.Lock()

    def take(self, connection: Connection, report: Report) -> bool:
        """Take it with the next lot. False when too much waits already: it has to wait its turn."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append((connection, report))
        if self._taking is None:
            self._taking = asyncio.create_task(self._soon(), name="intake")
        return True

    async def settle(self) -> None:
        """Whatever was taken before this call is in the index when it returns. Who asks may leave or be given up
        meanwhile: the lot is everybody's, and is taken all the same."""
        if self._waiting or self._one_by_one.locked():
            self._settling = asyncio.create_task(self._take_all(), name="intake")
            await asyncio.shield(self._settling)

    def answer(self, receipt: Receipt | None, language: str) -> list[Effect]:
        """What a phone is told of its report: nothing when all of it was taken."""
        if receipt is None:
            problem = self._problem_of(NotOnDuty(), language)
            return [Send(write(frames.Error(of="position", problem=problem)))]
        if not receipt.dropped:
            return []
        dropped = [Dropped(drop.index, drop.reason.value) for drop in receipt.dropped]
        return [Send(write(frames.Fixes(receipt.accepted, dropped)))]

    async def _soon(self) -> None:
        await asyncio.sleep(TOGETHER_EVERY)
        self._taking = None
        await self._take_all()

    async def _take_all(self) -> None:
        async with self._one_by_one:
            lot, self._waiting = self._waiting, []
            reports = [(connection.actor.id, report.fixes) for connection, report in lot]
            try:
                await self._positions.learn({account for account, _ in reports})
                receipts = await self._positions.report_all(reports)
            except Exception as error:  # noqa: BLE001 - the gateway tells and logs it
                for connection, report in lot:
                    connection.perform(self._failed(connection, report, error))
                return
            for (connection, report), receipt in zip(lot, receipts, strict=True):
                if receipt is None:
                    await self._ask_again(connection, report)
                elif receipt.dropped:
                    connection.perform(self.answer(receipt, connection.actor.language))

    async def _ask_again(self, connection: Connection, report: Report) -> None:
        """Nobody is refused from memory: what is stored now decides."""
        try:
            receipt: Receipt | None = await self._positions.report(connection.actor, report.fixes)
        except NotOnDuty:
            receipt = None
        except Exception as error:  # noqa: BLE001 - as above
            connection.perform(self._failed(connection, report, error))
            return
        connection.perform(self.answer(receipt, connection.actor.language))
