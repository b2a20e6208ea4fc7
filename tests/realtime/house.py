"""A whole gateway on a real socket: uvicorn as it is run, the relay stepped by hand, and phones that connect."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.relay import Relay
from app.timekeeper import Timekeeper
from domain.rules.events import EventType
from domain.rules.ports import Bus
from domain.store.tables import Account
from domain.usecases import identity
from domain.usecases.positions import Positions
from domain.usecases.work import ENGINE, Actor, Tools, working
from realtime.bus_inproc import InProcBus
from realtime.endpoint import create_ws_router
from realtime.hub import Gateway
from tests.contract import check_down
from tests.factories import FakeClock
from tests.realtime.documented import as_documented
from tests.usecases.engaged import Town

WITHIN = 10.0  # s for a frame to come: milliseconds on a machine at rest


AS_WE_SERVE: dict[str, Any] = {
    "ws": "websockets-sansio",
    "ws_per_message_deflate": False,
    "ws_max_size": 64 * 1024,  # our own bound answers first, with its reason
    "lifespan": "off",
    "log_config": None,
}


class QuietServer(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Phone:
    """A client of the socket, as a stranger would write it from the public contract."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}
        self.kept: list[dict[str, Any]] = []

    async def send(self, t: str, **fields: Any) -> None:
        await self.socket.send(as_documented(json.dumps({"t": t, **fields}).encode()).decode())

    async def hello(self, **fields: Any) -> dict[str, Any]:
        await self.send("hello", **fields)
        self.welcome = await self.next("welcome")
        return self.welcome

    async def frame(self) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        check_down(frame)
        return frame

    async def next(self, t: str) -> dict[str, Any]:
        """The next frame of a type; others that come before it are kept aside, in order."""
        while (frame := await self.frame())["t"] != t:
            self.kept.append(frame)
        return frame

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [await self.next("event") for _ in range(count)]

    async def closed(self) -> tuple[int, str]:
        """The close this socket gets, after whatever still comes."""
        with suppress(ConnectionClosed):
            while True:
                self.kept.append(await self.frame())
        close = self.socket.close_code
        assert close is not None
        return close, self.socket.close_reason or ""


class House:
    """A town behind a socket."""

    def __init__(self, town: Town, bus: Bus) -> None:
        self.bus = bus
        self.tools: Tools = replace(town.tools, bus=bus)
        town.tools, town.keeper = self.tools, Timekeeper(self.tools)
        self.town, self.clock = town, town.clock
        self.positions = Positions(self.tools, node="this one")
        self.gateway = Gateway(self.tools, self.positions)
        self.relay = Relay(self.tools)
        self.url = ""
        self._phones: list[ClientConnection] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, engine: AsyncEngine, bus: Bus | None = None) -> AsyncIterator["House"]:
        """Serve until the end; then nothing is left: no socket, no subscription."""
        house = cls(await Town.founded(engine), bus or InProcBus())
        await house.positions.start()
        await house.gateway.start()
        api = FastAPI()
        api.include_router(create_ws_router(house.gateway))
        server = QuietServer(uvicorn.Config(api, **AS_WE_SERVE))
        listener = socket.create_server(("127.0.0.1", 0))
        house.url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/ws"
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield house
        finally:
            for phone in house._phones:
                await phone.close()
            await house.gateway.drain()
            server.should_exit = True
            await serving
            listener.close()
            await house.gateway.stop()
            await house.positions.stop()
            await house.bus.close()
            assert house.gateway.connections == 0, "a connection leaked"

    async def token(self, actor: Actor) -> str:
        """An access token of a fresh sign-in."""
        async with working(self.tools, ENGINE) as work:
            account = await work.db.get_one(Account, actor.id)
            session = await identity._open_session(work, account)
        return session.access_token

    async def connect(self, *, subprotocols: Sequence[str] = ("coudmain.v1",), **options: Any) -> Phone:
        """An open socket that has said nothing yet."""
        offered = [Subprotocol(name) for name in subprotocols]
        opened = await connect(self.url, subprotocols=offered or None, compression=None, **options)
        self._phones.append(opened)
        return Phone(opened)

    async def phone(self, actor: Actor, **hello: Any) -> Phone:
        """A signed-in phone, welcomed."""
        phone = await self.connect()
        await phone.hello(token=await self.token(actor), **hello)
        return phone

    async def happens(self, actor: Actor, count: int = 1) -> None:
        """Something happens to somebody, and is told."""
        await self.is_written(actor, count)
        await self.relay.step()

    async def is_written(self, actor: Actor, count: int = 1) -> None:
        """Something happens to somebody, and nobody is told of it yet."""
        async with working(self.tools, ENGINE) as work:
            for number in range(count):
                work.emit(actor.id, EventType.MESSAGE_CREATED, {"number": number})

    async def passes(self, seconds: float) -> None:
        """Time passes, and the gateway notices."""
        self.clock.move(seconds)
        await self.gateway.step()
        await self.gateway.step_looks()


async def until(true: Callable[[], bool]) -> None:
    """Let everybody else go on until it is true."""
    async with asyncio.timeout(WITHIN):
        while not true():  # noqa: ASYNC110 - what is waited for has no event to set
            await asyncio.sleep(0)


def at(clock: FakeClock) -> str:
    """The clock's now, as a phone writes it."""
    return clock.now().isoformat()
