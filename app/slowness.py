"""Connections that may not be slow for ever: a head has its time and its size, whoever sends it byte by byte; and who
reads nothing of what is sent is let go, with what waits for it.

A transport's `close` waits for what is unsent, and a peer that lives and reads nothing has it wait for ever: the line,
and all the memory behind it, would stay when everybody has long forgotten them.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_WITHIN: Final = (
    10.0  # s from the first sign of a request to the end of its headers; phones take one round trip
)
LARGEST_HEAD: Final = 64 * 1024  # bytes; a token and a key take two kilobytes
UNREAD_FOR: Final = (
    30.0  # s in which a reader takes nothing at all of what waits for it; the slowest phone takes a packet
)
FAREWELL: Final = 10.0  # s for the last words to leave, once everything is over


class HurriedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which would wait for the rest of a head as long as anybody cares to send it."""

    head_within: float = HEAD_WITHIN
    unread_for: float = UNREAD_FOR
    _unread_due: asyncio.TimerHandle | None = None
    _unread: int = 0  # bytes that waited at the last look
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
        if self._unread_due is not None:
            self._unread_due.cancel()
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

    # Whether the client reads

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """While something waits for the client, see that it becomes less."""
        unread = self.transport.get_write_buffer_size()
        if unread and self._unread_due is None:
            self._unread, self._unread_due = unread, self.loop.call_later(self.unread_for, self._look)

    def _look(self) -> None:
        self._unread_due = None
        if self.transport.get_write_buffer_size() < self._unread:
            self._watch()
        else:
            self.transport.abort()


class FinalSocket(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, gone for good a while after its conversation is over."""

    farewell: float = FAREWELL
    _upgraded: bool = False

    @property
    def handshake_complete(self) -> bool:
        """Whether the upgrade has been answered, be it with a refusal: uvicorn would call one with a body none, and
        log an error each time."""
        return self._upgraded or (self.initial_response is not None and self.close_sent)

    @handshake_complete.setter
    def handshake_complete(self, is_complete: bool) -> None:
        self._upgraded = is_complete

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(self.farewell, self.transport.abort)
