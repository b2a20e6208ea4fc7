"""`python -m bench.bare`: a server that does nothing with what phones send, under the engine's own uvicorn.

It decodes the same frames and bodies, answers pings, and forgets: what no engine on this server can go below.
"""

import asyncio
import socket
import sys
from typing import Any, Final, cast

import msgspec
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from api.positions import PositionsIn
from app import server
from realtime import frames

PONG: Final = frames.write(frames.Pong()).decode()
WELCOME: Final = frames.write(frames.Welcome("s", 0, "e", 25.0)).decode()


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Sockets: decode; a ping is answered. Bodies: decode, 202."""
    if scope["type"] == "websocket":
        await _socket(receive, send)
    elif scope["type"] == "http":
        await _post(receive, send)


async def _socket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": frames.SUBPROTOCOL})
    while (message := await receive())["type"] == "websocket.receive":
        match frames.read(message["text"].encode()):
            case frames.Hello():
                await send({"type": "websocket.send", "text": WELCOME})
            case frames.Ping():
                await send({"type": "websocket.send", "text": PONG})


async def _post(receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    taken = len(_bodies.decode(body).fixes)
    answer = msgspec.json.encode({"accepted": taken, "dropped": []})
    headers: list[Any] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
    ]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def main() -> None:
    """Serve until whoever started us lets go of our standard input."""
    listener = server.bound("127.0.0.1", 0)
    listener.listen(server.BACKLOG)  # before its port is told: whoever started us comes at once
    web = server.make(cast(FastAPI, bare))
    serving = asyncio.create_task(web.serve(sockets=[listener]))
    print(_port(listener), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    web.should_exit = web.force_exit = True
    await serving


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


_bodies = msgspec.json.Decoder(PositionsIn)

if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
