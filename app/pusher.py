"""The pusher: claims pushes that are due, has them carried, writes what came of each.

No transaction is open while a carrier is spoken to: a claim moves the push's next time into the future and
commits; a pusher that dies meanwhile only delays.
"""

import asyncio
import logging
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.rules.ports import Push, PushFate, PushResult, PushSender
from domain.rules.traces import carried
from domain.usecases import pushes
from domain.usecases.pushes import DuePush
from domain.usecases.work import ENGINE, Tools, working
from notifications.messages import compose
from notifications.resting import CarrierRest

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5  # s between two looks, unless woken
AT_ONCE: Final = 32  # pushes on their way; more stay in line, where others may claim them
REST: Final = 5.0  # s after a look that failed (the database restarts)
END_WITHIN: Final = 2.0  # s at the stop for what is on its way; its claim runs out otherwise


class Pusher:
    """One of any number of pushers: each push is claimed by one of them."""

    def __init__(self, tools: Tools, sender: PushSender, registry: CollectorRegistry | None = None) -> None:
        self._tools = tools
        self._sender = sender
        self._rest = CarrierRest()
        self._counted = Counter(
            "coudmain_pushes",
            "Pushes tried, by what became of them.",
            ("platform", "fate"),
            registry=registry,
        )
        self._alarmed = Gauge(
            "coudmain_push_alert",
            "1 while the carrier refuses our credentials: a human must act.",
            registry=registry,
        )
        self._carried: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry pushes until `stop`. One slow answer holds nobody else up."""
        forget = await self._tools.bus.subscribe("wake.push", lambda _subject, _payload: self._woken.set())
        try:
            while not stop.is_set():
                await self._pause(stop, await self._look())
        finally:
            await forget()
            if self._carried:
                _, late = await asyncio.wait(self._carried, timeout=END_WITHIN)
                for task in late:
                    task.cancel()

    async def step(self, limit: int = AT_ONCE) -> int:
        """Claim what is due, carry all of it to its end; how many were claimed."""
        found = await self._claim(limit)
        await asyncio.gather(*(self._carry(push) for push in found))
        return len(found)

    async def _look(self) -> float:
        """Send what is due on its way; how long to rest, in seconds."""
        self._woken.clear()
        room = AT_ONCE - len(self._carried)
        try:
            found = await self._claim(room) if room > 0 else []
        except Exception:  # the database is away: a pusher that gives up would be missed by nobody
            log.exception("could not look for pushes")
            return REST
        for push in found:
            task = asyncio.create_task(self._carry(push))
            self._carried.add(task)
            task.add_done_callback(self._carried.discard)
        return 0.0 if found and len(found) == room else LOOK_EVERY

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        """Wait, but for the stop, a wake-up, or room for the next one."""
        if seconds == 0.0 and self._carried:
            await asyncio.wait(self._carried, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            return
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._woken.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _claim(self, limit: int) -> list[DuePush]:
        async with working(self._tools, ENGINE) as work:
            return await pushes.due(work, limit)

    async def _carry(self, push: DuePush) -> None:
        result = await self._sent(push)
        try:
            async with working(self._tools, ENGINE) as work:
                await pushes.settle(work, push, result)
        except Exception:  # the claim runs out and it is tried again, if it still has time
            log.exception("could not settle push %s", push.id)

    async def _sent(self, push: DuePush) -> PushResult:
        try:
            composed = compose(push, self._tools.clock.now())
            if composed is None:
                return PushResult(PushFate.RETRY, "its time was over")  # there is no later: settled as late
            now = self._tools.clock.now()
            if (wait := self._rest.waits(composed, now)) > 0:
                return PushResult(PushFate.RETRY, "the carrier is left alone for a while", wait)
            result = await self._sender.send(composed)
            self._learn(composed, result)
            self._trace(push, result, now)
            return result
        except Exception:  # a defect of ours must not stop the other pushes
            log.exception("push %s could not be sent", push.id)
            return PushResult(PushFate.RETRY, "a defect; see the log")

    def _learn(self, push: Push, result: PushResult) -> None:
        """What an answer says about the carrier, for the pushes after it and for whoever watches."""
        self._rest.heard(push, result, self._tools.clock.now())
        self._counted.labels(push.platform, result.fate.value).inc()
        self._alarmed.set(self._rest.alarmed)

    def _trace(self, push: DuePush, result: PushResult, since: datetime) -> None:
        traces = self._tools.traces
        if traces is not None:
            event = carried(push.account_id, push.seq, push.type.value, push.ids)
            if event is not None:
                traces.pushed(
                    event, since, platform=push.platform, fate=result.fate.value, attempt=push.attempts
                )
