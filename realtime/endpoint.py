"""`/v1/ws`: the only place that touches a WebSocket.

Plain ASGI: a framework's WebSocket object, its dependencies and a task each for reading, writing and waiting cost
thirty kilobytes a connection; a phone at rest needs the coroutine that waits for its next frame.
"""

import asyncio
import json
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from domain.rules.errors import TooMany
from realtime.connection import Connection
from realtime.effects import CloseCode
from realtime.frames import SUBPROTOCOL
from realtime.hub import Gateway
from realtime.origins import welcome
from realtime.session import HELLO_WITHIN

CLOSE_WITHIN: Final = 5.0  # s for what still waits, and the close, to leave; a stuck client is dropped then


def create_ws_router(gateway: Gateway, origins: Collection[str] = ()) -> APIRouter:
    """The route of the socket. A client that offers subprotocols must offer ours; one that offers none speaks it.

    `origins`: whose pages may open one besides our own, as `https://app.example`.
    """
    router = APIRouter()
    router.routes.append(WebSocketRoute("/v1/ws", SocketEndpoint(gateway, origins), name="socket"))
    return router


class SocketEndpoint:
    """The ASGI application behind `/v1/ws`."""

    def __init__(self, gateway: Gateway, origins: Collection[str]) -> None:
        self._gateway, self._origins = gateway, frozenset(origins)
        self._doorstep = gateway.doorstep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # `websocket.connect`, always the first
        if not self._welcomes(scope):
            self._doorstep.refused["origin"] += 1
            await send({"type": "websocket.close"})  # before it is accepted: the upgrade is answered 403
            return
        address = _address(scope)
        if not self._doorstep.has_room(address):
            self._doorstep.refused["crowd"] += 1
            await self._turn_away(scope, send)
            return
        offered = scope.get("subprotocols") or []
        if offered and SUBPROTOCOL not in offered:
            await send({"type": "websocket.accept"})
            reason = f"this server speaks {SUBPROTOCOL}"
            await send({"type": "websocket.close", "code": CloseCode.VERSION_UNSUPPORTED, "reason": reason})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        bearer = _bearer(scope)
        scope["headers"] = []  # nobody asks for them again, and they stay as long as the socket does
        line = _Line(send)
        connection = self._gateway.open(line, bearer, address)
        del bearer
        try:
            await self._read(receive, connection)
        except asyncio.CancelledError:
            if not line.dropped:
                raise
        finally:
            await connection.end()
            line.settle()
            await self._gateway.forget(connection)

    def _welcomes(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        return welcome(headers.get("origin"), headers.get("host"), self._origins)

    async def _turn_away(self, scope: Scope, send: Send) -> None:
        """The upgrade is answered 429, as HTTP would be; 403 by a server that knows no answer but that."""
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close"})
            return
        wait = round(HELLO_WITHIN)
        refusal = TooMany(
            f"{self._doorstep.most} sockets of your network address have not said hello yet",
            retry_after_s=wait,
            policy="unwelcomed",
            limit=self._doorstep.most,
        )
        headers = [(b"content-type", b"application/problem+json"), (b"retry-after", str(wait).encode())]
        body = json.dumps(dict(self._gateway.problem_of(refusal, "en"))).encode()
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})

    async def _read(self, receive: Receive, connection: Connection) -> None:
        """Until the client leaves, or the close that was sent is heard of here."""
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:
                connection.perform(connection.session.close(CloseCode.BAD_FRAME, "text frames only"))
            else:
                await connection.received(text.encode(), self._gateway.now())


class _Line:
    """The sending side, and the end of one's patience with a client that is to go. Made in the reader's task."""

    __slots__ = ("_patience", "_send", "_task", "dropped")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task = asyncio.current_task()
        self._patience: asyncio.TimerHandle | None = None
        self.dropped = False

    async def send(self, frame: bytes) -> None:
        await self._send({"type": "websocket.send", "text": frame.decode()})

    async def close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError):  # the client closed first
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def closing(self) -> None:
        self._patience = asyncio.get_running_loop().call_later(CLOSE_WITHIN, self._drop)

    def settle(self) -> None:
        """It is over: nobody needs to be dropped any more."""
        if self._patience is not None:
            self._patience.cancel()

    def _drop(self) -> None:
        self.dropped = True
        if self._task is not None:
            self._task.cancel()


def _address(scope: Scope) -> str:
    """The peer's; behind a proxy the server has already put the forwarded one there."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _bearer(scope: Scope) -> str | None:
    """The token of the upgrade's Authorization header, if any."""
    sent = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode(
        "latin-1"
    )
    scheme, _, token = sent.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
