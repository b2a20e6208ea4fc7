"""A phone that measures: HTTP with a key on every POST, and a socket whose frames keep the moment they came."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

WITHIN: Final = 15.0  # s for an answer or a frame; ten times what a busy machine takes


@dataclass
class Ear:
    """Every event the sockets heard: `(perf_counter, event)`, and a bell."""

    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _rang: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, text: str | bytes) -> None:
        """A frame has come. The clock is read before anything is parsed."""
        at = time.perf_counter()
        frame = json.loads(text)
        if frame["t"] == "event":
            self.heard.append((at, frame))
            self._rang.set()

    async def first(self, kind: str, request_id: str) -> float:
        """When the first event of this kind about this request came, be it before this call."""
        async with asyncio.timeout(WITHIN):
            while True:
                for at, frame in self.heard:
                    if frame["type"] == kind and frame["data"].get("request_id") == request_id:
                        return at
                self._rang.clear()
                await self._rang.wait()


class Phone:
    """One signed-in account."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self._token = ""
        self._socket: ClientConnection | None = None

    async def sign_in(self, number: str) -> None:
        """By one-time code, from the development outbox."""
        challenge = await self.call("POST", "/v1/auth/otp", {"phone": number})
        sent = await self.call("GET", f"/v1/dev/outbox?to={number.replace('+', '%2B')}")
        code = next(item["data"]["code"] for item in sent["items"] if item["kind"] == "otp")
        body = {"challenge_id": challenge["challenge_id"], "code": code}
        self._token = (await self.call("POST", "/v1/auth/token", body))["access_token"]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One exchange; anything but a 2xx raises."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        answer = await self._http.request(method, self._url + path, json=body, headers=headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def go_on_duty(self, service: str, market: str) -> None:
        await self.call("PUT", "/v1/me/provider", {"services": [service]})
        await self.call("PUT", "/v1/me/duty", {"on": True, "market": market})

    @contextlib.asynccontextmanager
    async def listening(self, ear: Ear) -> AsyncIterator[None]:
        """A welcomed socket whose events go to the ear."""
        address = self._url.replace("http", "ws", 1) + "/v1/ws"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with connect(
            address, subprotocols=[Subprotocol("coudmain.v1")], additional_headers=headers,
            compression=None, proxy=None,
        ) as socket:  # fmt: skip
            await socket.send('{"t": "hello"}')
            async with asyncio.timeout(WITHIN):
                welcome = json.loads(await socket.recv())
            if welcome["t"] != "welcome":
                raise RuntimeError(f"no welcome: {welcome}")
            self._socket = socket
            task = asyncio.create_task(_listen(socket, ear))
            try:
                yield
            finally:
                self._socket = None
                task.cancel()

    async def stand_at(self, lat: float, lon: float) -> None:
        """One fix, now, over the socket."""
        assert self._socket is not None, "positions go over the socket"
        fix = {"t": "position", "lat": lat, "lon": lon, "at": datetime.now(UTC).isoformat(), "accuracy_m": 8}
        await self._socket.send(json.dumps(fix))


async def _listen(socket: ClientConnection, ear: Ear) -> None:
    async for text in socket:
        ear.take(text)
