"""HTTP connections that may not be slow for ever: a head has its time and its size, whoever sends it byte by byte."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_WITHIN: Final = (
    10.0  # s from the first sign of a request to the end of its headers; phones take one round trip
)
LARGEST_HEAD: Final = 64 * 1024  # bytes; a token and a key take two kilobytes


class HurriedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which would wait for the rest of a head as long as anybody cares to send it."""

    head_within: float = HEAD_WITHIN
    _head_due: asyncio.TimerHandle | None = None
    _head_bytes: int = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP only, as uvicorn
        super().connection_made(transport)
        self._begin_waiting()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_due is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._give_up()
        elif self._is_between_requests():
            self._begin_waiting()  # something came between two requests that is not the head of the next

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_waiting()

    def on_headers_complete(self) -> None:
        self._end_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first, whatever its annotation says
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # it has become a socket
            return False
        return cycle is None or cycle.response_complete

    def _begin_waiting(self) -> None:
        if self._head_due is None:
            self._head_bytes = 0
            self._head_due = self.loop.call_later(self.head_within, self._give_up)

    def _end_waiting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _give_up(self) -> None:
        self._end_waiting()
        self.transport.close()
