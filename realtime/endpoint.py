"""`/v1/ws`: the only place that touches a WebSocket."""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from realtime.connection import Connection
from realtime.effects import CloseCode
from realtime.frames import SUBPROTOCOL
from realtime.hub import Gateway

log = logging.getLogger(__name__)

CLOSE_WITHIN: Final = 5.0  # s for what still waits, and the close, to leave; a stuck client is dropped then


def create_ws_router(gateway: Gateway) -> APIRouter:
    """The route of the socket. A client that offers subprotocols must offer ours; one that offers none speaks it."""
    router = APIRouter()

    @router.websocket("/v1/ws", name="socket")
    async def socket(websocket: WebSocket) -> None:
        offered = websocket.scope.get("subprotocols") or []
        if offered and SUBPROTOCOL not in offered:
            await websocket.accept()
            await websocket.close(CloseCode.VERSION_UNSUPPORTED, f"this server speaks {SUBPROTOCOL}")
            return
        await websocket.accept(SUBPROTOCOL if offered else None)
        connection = gateway.open(_bearer(websocket))
        try:
            await _converse(websocket, connection, gateway)
        finally:
            await gateway.forget(connection)
            connection.done.set()

    return router


async def _converse(websocket: WebSocket, connection: Connection, gateway: Gateway) -> None:
    """Read, send and work until it is over, then close."""

    async def send(frame: bytes) -> None:
        await websocket.send({"type": "websocket.send", "text": frame.decode()})

    reader = asyncio.create_task(_read(websocket, connection, gateway), name="socket reader")
    writer = asyncio.create_task(connection.send_waiting(send), name="socket writer")
    chores = asyncio.create_task(connection.carry_out_chores(), name="socket chores")
    tasks = (reader, writer, chores)
    over = asyncio.create_task(connection.over.wait(), name="socket over")
    try:
        # A task that ends by itself has lost its client, or has a bug to tell of.
        await asyncio.wait({over, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if connection.closing is None:
            connection.gone()
        elif not reader.done():
            await _say_goodbye(websocket, connection, writer)
    finally:
        for task in (over, *tasks):
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | OSError):
                log.error("a socket's task failed", exc_info=outcome)


async def _read(websocket: WebSocket, connection: Connection, gateway: Gateway) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            reason = "text frames only"
            connection.perform(connection.session.close(CloseCode.BAD_FRAME, reason))
        else:
            await connection.received(text.encode(), gateway.now())


async def _say_goodbye(websocket: WebSocket, connection: Connection, writer: "asyncio.Task[None]") -> None:
    """Let the last frames leave, then the close; a client that takes neither is dropped."""
    assert connection.closing is not None
    with suppress(TimeoutError, WebSocketDisconnect, OSError, RuntimeError):
        async with asyncio.timeout(CLOSE_WITHIN):
            await asyncio.shield(writer)
            await websocket.close(connection.closing.code, connection.closing.reason)


def _bearer(websocket: WebSocket) -> str | None:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
