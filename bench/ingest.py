"""Positions sent as fast as the server takes them: over sockets one or ten to a frame, and in batched POSTs.

What counts is the server's processor time a fix; the wall says more about who shares the machine.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bench.processes import cost_of
from bench.wire import Line, framed

PING: Final = b'{"t":"ping"}'
PONG: Final = b'{"t":"pong"}'
WELCOME: Final = b'{"t":"welcome"'
REST: Final = (
    0.6  # s between two rounds: a session allows a hundred frames a second and a burst of two hundred
)
SETTLED_AFTER: Final = 0.05  # s: what waits to be taken together has been
WITHIN: Final = 60.0  # s for a round of frames to be taken
FRAMES_A_ROUND: Final = 50  # of a socket: a quarter of the burst a session allows
HERE: Final = (43.7348, 7.4206)
STEP: Final = 0.00001  # degrees between two fixes of a phone, 1 m


@dataclass(frozen=True, slots=True)
class Taken:
    """So many fixes, what they cost the server, and how long they took."""

    fixes: int
    cpu_us: float  # a fix, of the server's process
    per_s: float  # by the wall
    answers: int  # frames or bodies that said something else than "taken"


class Ears:
    """What the phones of a run hear: pongs are counted, anything else is kept."""

    def __init__(self) -> None:
        self.others: list[bytes] = []
        self.turned_away: list[int | None] = []  # closes that came instead of a welcome
        self._pongs = 0
        self._wanted = 0
        self._rang = asyncio.Event()
        self._greeting: dict[Line, asyncio.Future[None]] = {}

    def take(self, line: Line, text: bytes) -> None:
        """A frame has come; a heartbeat is answered."""
        if text == PING:
            line.send(PONG)
        elif text == PONG:
            self._pongs += 1
            if self._pongs >= self._wanted:
                self._rang.set()
        elif text.startswith(WELCOME):
            if (waiting := self._greeting.pop(line, None)) is not None:
                waiting.set_result(None)
        else:
            self.others.append(text)

    async def welcomed(self, line: Line) -> bool:
        """Wait for the welcome on a line whose hello has just been sent. False: it was closed instead."""
        greeting = self._greeting[line] = asyncio.get_running_loop().create_future()

        def ended() -> None:
            greeting.cancel()  # nothing, where the welcome has come

        line.on_end = ended
        async with asyncio.timeout(WITHIN):
            await asyncio.wait({greeting})
        return not greeting.cancelled()

    async def pongs(self, count: int) -> None:
        """Wait for so many pongs since the last time."""
        self._wanted = count
        if self._pongs < count:
            self._rang.clear()
            async with asyncio.timeout(WITHIN):
                await self._rang.wait()
        self._pongs = 0


class PhoneClock:
    """Moments of fixes, a hundredth of a second apart and never twice, none older than the server takes."""

    def __init__(self, fixes: int) -> None:
        """Room for so many fixes a phone before the present is reached."""
        self._next = time.time() - fixes * 0.01

    def moments(self, count: int) -> list[float]:
        first, self._next = self._next, self._next + count * 0.01
        return [first + n * 0.01 for n in range(count)]


async def over_sockets(
    lines: Sequence[Line], ears: Ears, pid: int, clock: PhoneClock, *, rounds: int, together: int
) -> Taken:
    """`rounds` times `FRAMES_A_ROUND` frames from every phone, one of each in turn; a pong ends a round.

    Between rounds the phones rest, because a session allows each a hundred frames a second.
    """
    heard_before, spent, took = len(ears.others), 0.0, 0.0
    for _ in range(rounds):
        frames = [framed(frame_of(clock.moments(together))) for _ in range(FRAMES_A_ROUND)]
        before, began = cost_of(pid).cpu_s, time.perf_counter()
        for frame in frames:
            for line in lines:
                line.send_many(frame)
            await asyncio.sleep(0)
        for line in lines:
            line.send(PING)
        await ears.pongs(len(lines))
        await asyncio.sleep(SETTLED_AFTER)
        spent += cost_of(pid).cpu_s - before
        took += time.perf_counter() - began
        await asyncio.sleep(REST)
    fixes = rounds * FRAMES_A_ROUND * together * len(lines)
    return Taken(fixes, spent / fixes * 1e6, fixes / took, len(ears.others) - heard_before)


def frame_of(moments: Sequence[float]) -> bytes:
    """A position frame with a fix at each of these moments."""
    fixes = [fix_at(moment) for moment in moments]
    body = fixes[0] if len(fixes) == 1 else {"fixes": fixes}
    return json.dumps({"t": "position", **body}, separators=(",", ":")).encode()


def fix_at(moment: float) -> dict[str, object]:
    return {
        "lat": round(HERE[0] + moment * 100 % 100 * STEP, 6),
        "lon": HERE[1],
        "at": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "accuracy_m": 8,
        "heading_deg": 90,
        "speed_mps": 1.5,
    }


async def over_http(
    port: int, tokens: Sequence[str], pid: int, clock: PhoneClock, *, posts: int, together: int
) -> Taken:
    """`posts` bodies from every phone, one after the other on one connection each."""
    bodies = [
        json.dumps({"fixes": [fix_at(moment) for moment in clock.moments(together)]}).encode()
        for _ in range(posts)
    ]
    wanted = {"accepted": together, "dropped": []}
    answers = 0

    async def phone(token: str) -> None:
        nonlocal answers
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for body in bodies:
                answers += await _post(reader, writer, token, body) != wanted
        finally:
            writer.close()

    before, began = cost_of(pid).cpu_s, time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for token in tokens:
            group.create_task(phone(token))
    took, spent = time.perf_counter() - began, cost_of(pid).cpu_s - before
    fixes = posts * together * len(tokens)
    return Taken(fixes, spent / fixes * 1e6, fixes / took, answers)


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, body: bytes
) -> object:
    writer.write(
        b"POST /v1/me/positions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with asyncio.timeout(WITHIN):
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        return json.loads(await reader.readexactly(size))
