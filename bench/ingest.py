"""Positions sent as fast as the server takes them: over sockets one or ten to a frame, and in batched POSTs.

What counts is the server's processor time a fix; the wall says more about who shares the machine.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bench.processes import cost_of
from bench.wire import Line, framed

PING: Final = b'{"t":"ping"}'
PONG: Final = b'{"t":"pong"}'
TOGETHER: Final = 10  # fixes a frame where they come together
A_POST: Final = 100  # fixes a body
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
        self._pongs = 0
        self._wanted = 0
        self._rang = asyncio.Event()

    def take(self, _: Line, text: bytes) -> None:
        if text == PONG:
            self._pongs += 1
            if self._pongs >= self._wanted:
                self._rang.set()
        else:
            self.others.append(text)

    async def pongs(self, count: int) -> None:
        """Wait for so many pongs since the last time."""
        self._wanted = count
        if self._pongs < count:
            self._rang.clear()
            async with asyncio.timeout(WITHIN):
                await self._rang.wait()
        self._pongs = 0


async def over_sockets(
    lines: Sequence[Line], ears: Ears, pid: int, *, rounds: int, together: int, rest_s: float
) -> Taken:
    """`rounds` times `FRAMES_A_ROUND` frames from every phone, each with so many fixes; a pong ends a round.

    Between rounds the phones rest, because a session allows each a hundred frames a second.
    """
    heard_before, spent, took = len(ears.others), 0.0, 0.0
    base = time.time() - rounds * FRAMES_A_ROUND * together * 0.01 - 1.0  # older fixes first, none in the future
    for round_ in range(rounds):
        first = round_ * FRAMES_A_ROUND
        frames = b"".join(
            framed(frame_of(range((first + n) * together, (first + n + 1) * together), base))
            for n in range(FRAMES_A_ROUND)
        )
        before, began = cost_of(pid).cpu_s, time.perf_counter()
        for line in lines:
            line.send_many(frames)
            line.send(PING)
        await ears.pongs(len(lines))
        spent += cost_of(pid).cpu_s - before
        took += time.perf_counter() - began
        await asyncio.sleep(rest_s)
    fixes = rounds * FRAMES_A_ROUND * together * len(lines)
    return Taken(fixes, spent / fixes * 1e6, fixes / took, len(ears.others) - heard_before)


def frame_of(numbers: Sequence[int], base: float) -> bytes:
    """A position frame with the phone's fixes of these numbers, a hundredth of a second apart."""
    fixes = [fix_of(number, base) for number in numbers]
    body = fixes[0] if len(fixes) == 1 else {"fixes": fixes}
    return json.dumps({"t": "position", **body}, separators=(",", ":")).encode()


def fix_of(number: int, base: float) -> dict[str, object]:
    at = datetime.fromtimestamp(base + number * 0.01, UTC)
    return {
        "lat": round(HERE[0] + number % 100 * STEP, 6),
        "lon": HERE[1],
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "accuracy_m": 8,
        "heading_deg": 90,
        "speed_mps": 1.5,
    }


async def over_http(port: int, tokens: Sequence[str], pid: int, *, posts: int) -> Taken:
    """`posts` bodies from every phone, one after the other on one connection each."""
    base = time.time() - posts * A_POST * 0.01 - 1.0
    bodies = [
        json.dumps({"fixes": [fix_of(post * A_POST + n, base) for n in range(A_POST)]}).encode()
        for post in range(posts)
    ]
    answers = 0

    async def phone(token: str) -> None:
        nonlocal answers
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for body in bodies:
                answer = await _post(reader, writer, token, body)
                answers += answer != {"accepted": A_POST, "dropped": []}
        finally:
            writer.close()

    before, began = cost_of(pid).cpu_s, time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for token in tokens:
            group.create_task(phone(token))
    took, spent = time.perf_counter() - began, cost_of(pid).cpu_s - before
    fixes = posts * A_POST * len(tokens)
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


Say = Callable[[str], None]
