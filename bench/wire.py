"""A client's end of one WebSocket in as little as possible: ten thousand of them fit beside what they measure.

Only what a benchmark on the loopback needs of RFC 6455: text frames, no fragments from our server (it sends
none), no extensions. The masking key is zero, which the protocol allows and which costs no pass over the bytes.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
FIN: Final = 0x80
MASKED: Final = 0x80
NO_MASK: Final = b"\0\0\0\0"
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455's example: nobody here checks that it is fresh

OPEN_WITHIN: Final = 30.0  # s for an upgrade: handshakes queue when thousands come together

Take = Callable[["Line", bytes], None]


class Line(asyncio.Protocol):
    """One socket. `take` is called with each text frame, at once; `closed_with` is set when it is over."""

    __slots__ = ("_buffer", "_transport", "closed_with", "on_end", "open", "over", "take")

    def __init__(self, take: Take) -> None:
        self.take = take
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.open: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.over = False
        self.closed_with: int | None = None
        self.on_end: Callable[[], None] | None = None

    @classmethod
    async def connected(cls, port: int, take: Take, *, path: str = "/v1/ws", token: str = "") -> "Line":
        """An open socket to this port of the loopback. Raises OSError when the upgrade is refused."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: cls(take), "127.0.0.1", port)
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        line.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{bearer}"
            "Sec-WebSocket-Protocol: coudmain.v1\r\n\r\n".encode()
        )
        assert line.open is not None
        async with asyncio.timeout(OPEN_WITHIN):
            await line.open
        line.open = None
        return line

    def send(self, text: bytes) -> None:
        """One text frame, now."""
        self.write(framed(text))

    def send_many(self, frames: bytes) -> None:
        """Frames made by `framed` before."""
        self.write(frames)

    def end(self) -> None:
        """Hang up without a word, as a phone in a tunnel does."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        if self.on_end is not None:
            self.on_end()
        if self.open is not None and not self.open.done():
            self.open.set_exception(OSError(f"refused: {self._buffer[:80]!r} {exc or ''}"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if self.open is not None:
            head, found, rest = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = buffer
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.open.set_exception(OSError(f"refused: {head[:80]!r}"))
                return
            self.open.set_result(None)
            buffer = rest
        self._buffer = self._frames(buffer)

    def _frames(self, buffer: bytes) -> bytes:
        """Take every whole frame; the rest waits for more."""
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                if end < at + 4:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 4]), at + 4
            elif size == 127:
                if end < at + 10:
                    break
                size, start = int.from_bytes(buffer[at + 2 : at + 10]), at + 10
            if end < start + size:
                break
            self._one(buffer[at] & 0x0F, buffer[start : start + size])
            at = start + size
        return buffer[at:]

    def _one(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.take(self, payload)
        elif opcode == PING:
            self.write(framed(payload, PONG))
        elif opcode == CLOSE:
            self.closed_with = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
            self.write(framed(payload[:2], CLOSE))

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self.over:
            self._transport.write(data)


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """A client's frame around a payload."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", FIN | opcode, MASKED | size)
    elif size < 65_536:
        head = struct.pack("!BBH", FIN | opcode, MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", FIN | opcode, MASKED | 127, size)
    return head + NO_MASK + payload
