"""Counts what goes over sockets, as a layer around the application: the conversation itself knows nothing of it."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(slots=True)
class SocketTally:
    """Since the start of the process. Bytes are those of the frames' texts."""

    opened: int = 0
    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    bytes_out: int = 0


class Wiretap:
    """ASGI layer: adds up frames and their lengths; reads and changes nothing."""

    def __init__(self, app: ASGIApp, *, tally: SocketTally) -> None:
        self._app, self._tally = app, tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        tally = self._tally

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                tally.frames_in += 1
                tally.bytes_in += _length(message)
            return message

        async def said(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.send":
                tally.frames_out += 1
                tally.bytes_out += _length(message)
            elif message["type"] == "websocket.accept":
                tally.opened += 1

        await self._app(scope, heard, said)


def _length(message: Message) -> int:
    return len(message.get("text") or message.get("bytes") or "")
