"""One socket between its session and the house: carries out effects, sends what waits, never blocks others.

At rest a connection is its reader's coroutine and nothing else. A writer runs while something waits to be sent
(only it touches the sending side), a task of chores while the session waits for the house. What is asked faster
than it is done makes the reader wait, and with it the client.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from domain.usecases.work import NOBODY, Actor
from realtime.effects import LEFT, Close, CloseCode, Effect, ReadLog, Report, Send
from realtime.outbox import LIMIT_BYTES, Outbox
from realtime.session import Session

log = logging.getLogger(__name__)

CHORES_WAITING: Final = 32  # over this, nothing more is read from the client
REPLAY_ROOM: Final = LIMIT_BYTES // 4  # the log is read on only when this little waits to be sent

CarryOut = Callable[["Connection", Effect], Awaitable[list[Effect]]]
Take = Callable[["Connection", Report], bool]


class Line(Protocol):
    """The sending side of a socket, as the endpoint has it."""

    async def send(self, frame: bytes) -> None:
        """Send a text frame; waits while the client takes nothing. Raises OSError when it has left."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Send the close; the reader hears of the end."""
        ...

    def closing(self) -> None:
        """A close has been decided: what takes too long from now on is to be dropped."""
        ...


class Connection:
    """A client's socket as the rest of the house knows it. Owned by one event loop."""

    __slots__ = (
        "_bell",
        "_carry_out",
        "_chores",
        "_line",
        "_take",
        "_worker",
        "_writer",
        "actor",
        "arrival",
        "closing",
        "device",
        "on_over",
        "outbox",
        "session",
    )

    def __init__(self, session: Session, line: Line, *, carry_out: CarryOut, take: Take) -> None:
        """`take` may take a report at once (True); everything else waits its turn for `carry_out`."""
        self.session = session
        self.outbox = Outbox()
        self.actor: Actor = NOBODY
        self.device: str | None = None
        self.arrival = 0  # its place among the sockets of this process, in the order of their coming
        self.closing: Close | None = None
        self.on_over: Callable[[Connection], None] | None = None
        self._line = line
        self._carry_out = carry_out
        self._take = take
        self._chores: deque[Effect] | None = None  # an empty deque is 0.6 KB
        self._writer: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._bell: asyncio.Event | None = None  # there while somebody waits for this connection to get on

    # Called by anybody, at once

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what a session wants: sending and closing at once, the rest in order."""
        for effect in effects:
            if self.closing is not None:
                return
            match effect:
                case Report() if self._worker is None and self._take(self, effect):
                    pass  # first, as nearly all that comes is one
                case Send(frame):
                    self._send(frame)
                case Close():
                    self._close(effect)
                case _:
                    self._do(effect)

    def put(self, key: str, value: bytes) -> bool:
        """Have the newest value of something sent when there is room; an older one still waiting is replaced."""
        if self.closing is not None or not self.outbox.put(key, value):
            return False
        self._write()
        return True

    def gone(self) -> None:
        """The client has left."""
        self.perform(self.session.close(CloseCode.DRAINING, LEFT))

    def _send(self, frame: bytes) -> None:
        if not self.outbox.push(frame):
            self.outbox.clear()
            self.perform(self.session.close(CloseCode.TOO_SLOW, f"over {LIMIT_BYTES} bytes were waiting"))
            return
        self._write()

    def _close(self, close: Close) -> None:
        self.closing = close
        self._line.closing()
        self._write()
        self._ring()
        if self.on_over is not None:
            self.on_over(self)

    # The connection's own tasks

    async def received(self, text: bytes, now: float) -> None:
        """One text frame has come. Returns when the next may be read."""
        self.perform(self.session.receive(text, now))
        while self._chores is not None and len(self._chores) > CHORES_WAITING and self.closing is None:
            await self._gets_on()

    async def end(self) -> None:
        """The reader has ended: stop the others. Nothing is sent or done after this."""
        self.gone()
        tasks = [task for task in (self._writer, self._worker) if task is not None]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("a socket's task failed", exc_info=outcome)
        self._writer = self._worker = None

    def _write(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._send_waiting(), name="socket writer")

    async def _send_waiting(self) -> None:
        """Send what waits, what was put before a close included; then the close."""
        try:
            while (frame := self.outbox.pop()) is not None:
                await self._line.send(frame)
                self._ring()
            if self.closing is not None:
                await self._line.close(self.closing.code, self.closing.reason)
        except OSError:  # the client has left: the reader hears of it too
            return
        self._writer = None

    def _do(self, effect: Effect) -> None:
        if self._chores is None:
            self._chores = deque()
        self._chores.append(effect)
        if self._worker is None:
            self._worker = asyncio.create_task(self._carry_out_chores(), name="socket chores")

    async def _carry_out_chores(self) -> None:
        """Do what the session asked for, one after the other, while there is something."""
        while self._chores and self.closing is None:
            chore = self._chores.popleft()
            self._ring()
            if isinstance(chore, Report) and self._take(self, chore):
                continue
            if isinstance(chore, ReadLog):
                while self.outbox.waiting > REPLAY_ROOM and self.closing is None:
                    await self._gets_on()
            self.perform(await self._carry_out(self, chore))
        self._chores = self._worker = None

    async def _gets_on(self) -> None:
        """Wait for a frame to be sent, a chore to be begun, or the close."""
        if self._bell is None:
            self._bell = asyncio.Event()
        await self._bell.wait()

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.set()
            self._bell = None
