"""One socket between its session and the house: carries out effects, sends what waits, never blocks others.

Three tasks a connection: the endpoint's reader, `send_waiting` (the only one that touches the socket's sending
side) and `carry_out_chores` (the only one that waits for the database). What is asked faster than it is done
makes the reader wait, and with it the client.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from domain.usecases.work import NOBODY, Actor
from realtime.effects import Close, CloseCode, Effect, ReadLog, Send
from realtime.outbox import LIMIT_BYTES, Outbox
from realtime.session import Phase, Session

log = logging.getLogger(__name__)

CHORES_WAITING: Final = 32  # over this, nothing more is read from the client
REPLAY_ROOM: Final = LIMIT_BYTES // 4  # the log is read on only when this little waits to be sent

CarryOut = Callable[["Connection", Effect], Awaitable[list[Effect]]]


class Connection:
    """A client's socket as the rest of the house knows it. Owned by one event loop."""

    def __init__(self, session: Session, carry_out: CarryOut) -> None:
        self.session = session
        self.outbox = Outbox()
        self.actor: Actor = NOBODY
        self.device: str | None = None
        self.closing: Close | None = None
        self.over = asyncio.Event()  # nothing more will be read or queued
        self.done = asyncio.Event()  # the socket is closed
        self.on_over: Callable[[Connection], None] | None = None
        self._carry_out = carry_out
        self._chores: deque[Effect] = deque()
        self._chore_came = asyncio.Event()
        self._chores_few = asyncio.Event()
        self._chores_few.set()
        self._waiting = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    # Called by anybody, at once

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what a session wants: sending and closing at once, the rest in order by the chores' task."""
        for effect in effects:
            if self.closing is not None:
                return
            match effect:
                case Send(frame):
                    self._send(frame)
                case Close():
                    self._close(effect)
                case _:
                    self._chores.append(effect)
                    self._chore_came.set()
                    if len(self._chores) > CHORES_WAITING:
                        self._chores_few.clear()

    def put(self, key: str, value: bytes) -> bool:
        """Have the newest value of something sent when there is room; an older one still waiting is replaced."""
        if self.closing is not None or not self.outbox.put(key, value):
            return False
        self._waiting.set()
        return True

    def gone(self) -> None:
        """The client has left."""
        self.perform(self.session.close(CloseCode.DRAINING, "the client has left"))

    def _send(self, frame: bytes) -> None:
        if not self.outbox.push(frame):
            self.outbox.clear()
            self.perform(self.session.close(CloseCode.TOO_SLOW, f"over {LIMIT_BYTES} bytes were waiting"))
            return
        self._waiting.set()
        if self.outbox.waiting > REPLAY_ROOM:
            self._drained.clear()

    def _close(self, close: Close) -> None:
        self.closing = close
        for event in (self.over, self._waiting, self._chore_came, self._chores_few, self._drained):
            event.set()
        if self.on_over is not None:
            self.on_over(self)

    # The connection's own tasks

    async def received(self, text: bytes, now: float) -> None:
        """One text frame has come. Returns when the next may be read."""
        self.perform(self.session.receive(text, now))
        await self._chores_few.wait()

    async def send_waiting(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what waits, until the end; what was put before a close still goes."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while (frame := self.outbox.pop()) is not None:
                await send(frame)
                if self.outbox.waiting <= REPLAY_ROOM:
                    self._drained.set()
            if self.closing is not None:
                return

    async def carry_out_chores(self) -> None:
        """Do what the session asked for, one after the other, until the end."""
        while self.session.phase is not Phase.CLOSED:
            await self._chore_came.wait()
            self._chore_came.clear()
            while self._chores and self.closing is None:
                chore = self._chores.popleft()
                if len(self._chores) <= CHORES_WAITING:
                    self._chores_few.set()
                if isinstance(chore, ReadLog):
                    await self._drained.wait()
                self.perform(await self._carry_out(self, chore))
