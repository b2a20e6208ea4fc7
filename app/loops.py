"""The loops of a process: set going, begun again when one breaks off, ended in time.

What each of them meets every day (an outage) it bears by itself. What it does not expect, a defect of ours or a row
that a newer version wrote, ends it: without somebody who looks, a process would go on without its relay or its rounds
and say that it is well.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from app import memory
from app.clock import stopped_within

GIVE_UP: Final = 3.0  # s a loop may take to end what it is at; then it is cancelled, which undoes it
AGAIN_AFTER: Final = 1.0  # s; what broke it may have passed, and a line of log a second drowns nobody

log = logging.getLogger(__name__)

Loop = Callable[[asyncio.Event], Awaitable[None]]


class Loops:
    """The loops of one process, by what they are called in the log and in the numbers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._broken = Counter(
            "coudmain_loops_broken",
            "Times a loop broke off and was begun again.",
            ("kind",),
            registry=registry,
        )
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, loops: Sequence[Loop]) -> None:
        """Set them going, with everything in place."""
        memory.settle()
        for loop in loops:
            kind = kind_of(loop)
            self._broken.labels(kind)
            self._tasks.append(asyncio.create_task(self._keep_going(kind, loop), name=kind))

    async def end(self) -> None:
        """Ask them to end; cancel those that take long. Killing any of them loses nothing, so this does not either."""
        self._stop.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GIVE_UP)
            for task in late:
                log.info("%r is cut short: what it had open is undone and done again by the next", task)
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_going(self, kind: str, loop: Loop) -> None:
        while not self._stop.is_set():
            try:
                await loop(self._stop)
            except Exception:
                log.exception("the %s broke off; it begins again", kind)
                self._broken.labels(kind).inc()
                await stopped_within(self._stop, AGAIN_AFTER)
            else:
                return


def kind_of(loop: Loop) -> str:
    """Whose loop it is: `relay`, `timekeeper` …"""
    owner = getattr(loop, "__self__", None)
    return str(getattr(loop, "__name__", "loop")) if owner is None else type(owner).__name__.lower()
