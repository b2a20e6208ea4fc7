"""Whoever sends a request byte by byte is let go; whoever sends it whole is served, again and again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response, WebSocket
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ApiSettings, create_api
from app import server
from app.slowness import LARGEST_HEAD, FinalSocket, HurriedProtocol
from tests.factories import make_tools

HEAD = b"GET / HTTP/1.1\r\nHost: coudmain.test\r\n"
WITHIN = 20.0  # s for what must happen to happen, on a crowded machine


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head has a fifth of a second, a quiet line one."""
    monkeypatch.setattr(HurriedProtocol, "head_within", 0.2)
    monkeypatch.setattr(server, "KEPT_OPEN", 1)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server of ours that answers anything."""
    api = FastAPI()

    @api.api_route("/", methods=["GET", "POST"])
    async def anything(request: Request) -> int:
        return len(await request.body())

    async for number in serving(api):
        yield number


async def serving(api: FastAPI) -> AsyncIterator[int]:
    listener = server.bound("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # what waits, waits with us and not below

    async def nobody() -> None:
        return None

    async with server.answering(api, listener, nobody):
        yield listener.getsockname()[1]


async def said_to(port: int, *parts: bytes) -> bytes:
    """All that comes back, until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(WITHIN):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("part", [b"", b"G", HEAD, HEAD + b"X-More: "])
async def test_half_a_head_is_waited_for_only_so_long(hurry: None, port: int, part: bytes):
    assert await said_to(port, part) == b""


UPGRADE = HEAD.replace(b"/ ", b"/ws ") + (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASKED_HI = b"\x81\x82\x00\x00\x00\x00hi"


async def test_a_socket_has_had_its_head_and_stays_open(hurry: None):
    api = FastAPI()

    @api.websocket("/ws")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    async for port in serving(api):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(WITHIN):
            writer.write(UPGRADE)
            assert b"101" in await reader.readuntil(b"\r\n\r\n")
            # Half a head elsewhere is given up meanwhile: the time of any head has passed.
            assert await said_to(port, HEAD) == b""
            writer.write(MASKED_HI)
            assert await reader.readexactly(4) == b"\x81\x02hi"
        writer.close()


async def test_an_upgrade_that_is_refused_with_words_is_answered_once_and_is_no_error(
    caplog: pytest.LogCaptureFixture,
):
    api = FastAPI()

    @api.websocket("/ws")
    async def refuses(websocket: WebSocket) -> None:
        await websocket.send_denial_response(Response("too many", 429))

    async for number in serving(api):
        answer = await said_to(number, UPGRADE)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert answer.endswith(b"\r\n\r\ntoo many")
    assert not caplog.records


async def test_empty_lines_after_an_answer_keep_nothing_open(hurry: None, port: int):
    assert (await said_to(port, HEAD + b"\r\n", b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_head_without_end_is_cut_by_its_size(port: int):
    async def pour() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        try:
            while not reader.at_eof():
                writer.write(b"X-More: " + b"x" * 4_096 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            return b""
        finally:
            writer.close()
        return await reader.read()

    async with asyncio.timeout(WITHIN):
        assert await pour() == b""
    assert LARGEST_HEAD < 1_000_000


async def test_a_whole_request_is_answered_and_the_next_one_too(port: int):
    body = b"POST / HTTP/1.1\r\nHost: coudmain.test\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    last = HEAD + b"Connection: close\r\n\r\n"
    answers = await said_to(port, HEAD + b"\r\n", body, last)
    assert answers.count(b"HTTP/1.1 200") == 3
    assert b"100000" in answers


async def test_a_body_that_does_not_come_is_a_408(engine: AsyncEngine):
    api = create_api(make_tools(engine), ApiSettings(body_within=0.2))
    async for port in serving(api):
        head = (
            b"POST /v1/auth/otp HTTP/1.1\r\nHost: coudmain.test\r\nContent-Type: application/json\r\n"
            b"Content-Length: 30\r\n\r\n"
        )
        answer = await said_to(port, head + b'{"phone"')
        assert answer.startswith(b"HTTP/1.1 408"), answer
        assert b"application/problem+json" in answer


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"phone":' * 20_000, b"[" * 60_000 + b"]" * 60_000])
async def test_a_body_nested_without_end_is_refused_and_breaks_nothing(engine: AsyncEngine, deep: bytes):
    api = create_api(make_tools(engine), ApiSettings())
    async for port in serving(api):
        head = b"POST /v1/auth/otp HTTP/1.1\r\nHost: coudmain.test\r\nConnection: close\r\n"
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(deep)
        answer = await said_to(port, head + deep)
        assert answer.split(b" ", 2)[1] in {b"400", b"422"}, answer[:300]


LARGE = 8_000_000  # bytes: more than the system keeps for anybody
WHOLE = 50_000  # bytes: written at once, and over; the system takes a part of it


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Who reads nothing is let go after a fifth of a second, and so are last words. Set when a line is lost."""
    lost = asyncio.Event()

    def noted(kind: type[HurriedProtocol] | type[FinalSocket]) -> None:
        ends = kind.connection_lost

        def connection_lost(self: Any, error: Exception | None) -> None:
            ends(self, error)
            lost.set()

        monkeypatch.setattr(kind, "connection_lost", connection_lost)

    noted(HurriedProtocol)
    noted(FinalSocket)
    monkeypatch.setattr(HurriedProtocol, "unread_for", 0.2)
    monkeypatch.setattr(FinalSocket, "farewell", 0.2)
    return lost


async def unread(port: int, question: bytes, lost: asyncio.Event) -> None:
    """Ask and read nothing, until the server has let the line go, whatever is still unsent."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(line, ("127.0.0.1", port))
        await loop.sock_sendall(line, question)
        async with asyncio.timeout(WITHIN):
            await lost.wait()


@pytest.mark.parametrize("size", [LARGE, WHOLE])
async def test_an_answer_that_nobody_reads_is_not_kept(impatience: asyncio.Event, size: int):
    """Neither one that waits to be written nor one that waits, whole, to leave."""
    api = FastAPI()

    @api.get("/")
    async def plenty() -> Response:
        return Response(b"x" * size)

    async for port in serving(api):
        await unread(port, HEAD + b"\r\n", impatience)


async def test_a_slow_reader_gets_all_of_it(impatience: asyncio.Event):
    api = FastAPI()

    @api.get("/")
    async def plenty() -> Response:
        return Response(b"x" * LARGE)

    async for port in serving(api):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4_096)
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        came = 0
        while part := await reader.read(400_000):
            came += len(part)
            await asyncio.sleep(0.01)
        writer.close()
        assert came > LARGE


async def test_a_socket_that_reads_nothing_is_gone_when_its_conversation_is_over(impatience: asyncio.Event):
    api = FastAPI()

    @api.websocket("/ws")
    async def flood(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            async with asyncio.timeout(0.2):
                while True:
                    await websocket.send_text("x" * 60_000)
        except TimeoutError:
            return  # as the endpoint of ours, which waits no longer for a close to leave

    async for port in serving(api):
        await unread(port, UPGRADE, impatience)
