"""A simulated phone: signs in by code, calls the HTTP API, keeps one socket open and resumes after every drop."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from app.town.people import Person

log = logging.getLogger(__name__)

TRIES: Final = 6  # per call: about ten seconds of an engine restarting
LONGEST_WAIT: Final = 8.0  # s between tries
SUBPROTOCOL: Final = "coudmain.v1"
SIGNED_OUT: Final = frozenset({4003, 4501})  # closes of a socket whose token has expired, or is taken no more

Event = dict[str, Any]


class Refused(Exception):
    """The engine said no, with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem


class Unreachable(Exception):
    """No answer after every try."""


@dataclass
class Phone:
    """One phone. `handle` gets each event of the account's stream once, in order."""

    person: Person
    http: httpx.AsyncClient
    base: str
    handle: Callable[[Event], None]
    on_track: Callable[[dict[str, Any]], None] | None = None
    account_id: str = ""
    seq: int | None = None
    epoch: str | None = None
    gaps: int = 0
    resumes: int = 0
    silent_until: float = 0.0  # loop time: no network before that
    _access: str = ""
    _refresh: str = ""
    _socket: ClientConnection | None = None
    _channels: set[str] = field(default_factory=set)
    _signing: asyncio.Lock = field(default_factory=asyncio.Lock)

    # Signing in

    async def sign_in(self) -> None:
        """By one-time code, read from the development outbox as a person reads a text message."""
        asked = await self._try("POST", "/v1/auth/otp", {"phone": self.person.phone})
        outbox = await self._try("GET", f"/v1/dev/outbox?to={self.person.phone.replace('+', '%2B')}")
        code = next(message["data"]["code"] for message in outbox["items"] if message["kind"] == "otp")
        self._keep(
            await self._try("POST", "/v1/auth/token", {"challenge_id": asked["challenge_id"], "code": code})
        )

    async def _renew(self) -> None:
        used = self._access
        async with self._signing:
            if self._access != used:
                return
            try:
                self._keep(await self._try("POST", "/v1/auth/token", {"refresh_token": self._refresh}))
            except Refused:
                await self.sign_in()

    def _keep(self, tokens: Mapping[str, Any]) -> None:
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]
        self.account_id = tokens["account_id"]

    # Calling

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call, signed in; a POST carries a key of its own, so that trying again never does it twice."""
        key = str(uuid4()) if method == "POST" else None
        try:
            return await self._try(method, path, body, key=key, signed=True)
        except Refused as refused:
            if refused.status != 401:
                raise
        await self._renew()
        return await self._try(method, path, body, key=key, signed=True)

    async def _try(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        signed: bool = False,
    ) -> Any:
        headers = {"Accept-Language": "fr"}
        if signed:
            headers["Authorization"] = f"Bearer {self._access}"
        if key:
            headers["Idempotency-Key"] = key
        wait = 0.3
        for _ in range(TRIES):
            await self._network()
            try:
                answer = await self.http.request(method, self.base + path, json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(self._jitter(wait))
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            if answer.status_code in {429, 503}:
                await asyncio.sleep(self._jitter(float(answer.headers.get("Retry-After", "1"))))
                continue
            if answer.status_code >= 400:
                raise Refused(answer.status_code, _problem(answer))
            return answer.json() if answer.content else None
        raise Unreachable(f"{method} {path}")

    # The socket

    async def stay_connected(self) -> None:
        """Keep a socket open for ever: hello with the last number seen, full jitter between tries."""
        wait = 0.5
        while True:
            await self._network()
            try:
                async with connect(
                    self.base.replace("http", "ws", 1) + "/v1/ws",
                    additional_headers={"Authorization": f"Bearer {self._access}"},
                    subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
                    compression=None,
                    open_timeout=10,
                    proxy=None,
                ) as socket:
                    await self._greet(socket)
                    wait = 0.5
                    async for text in socket:
                        await self._take(text)
            except InvalidHandshake:
                await self._renewed()
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in SIGNED_OUT:
                    await self._renewed()  # who only listens has no call that would be refused first
            except (WebSocketException, OSError, TimeoutError):
                pass
            finally:
                self._socket = None
            await asyncio.sleep(self._jitter(wait))
            wait = min(wait * 2, LONGEST_WAIT)

    async def _renewed(self) -> None:
        """New tokens, if they can be had now."""
        with contextlib.suppress(Refused, Unreachable):
            await self._renew()

    async def _greet(self, socket: ClientConnection) -> None:
        hello: dict[str, Any] = {"t": "hello"}
        if self.seq is not None:
            hello |= {"after": self.seq, "epoch": self.epoch}
            self.resumes += 1
        await socket.send(json.dumps(hello))
        self._socket = socket
        for channel in self._channels:
            await self.send({"t": "subscribe", "channel": channel})

    async def _take(self, text: str | bytes) -> None:
        frame = json.loads(text)
        match frame.get("t"):
            case "event":
                await self._event(frame)
            case "welcome":
                if self.seq is None:
                    self.seq = frame["seq"]
                self.epoch = frame["epoch"]
            case "reset":
                self.seq, self.epoch = frame["seq"], frame["epoch"]
            case "track" if self.on_track is not None:
                self.on_track(frame)

    async def _event(self, frame: Event) -> None:
        seq = frame["seq"]
        if self.seq is not None:
            if seq <= self.seq:
                return  # seen
            if seq > self.seq + 1:
                self.gaps += 1
        self.seq = seq
        self.handle(frame)
        await self.send({"t": "ack", "seq": seq})

    async def send(self, frame: Mapping[str, Any]) -> bool:
        """Send a frame if there is a connection; positions that find none are gone, as on a real phone."""
        if self._socket is None or self._offline():
            return False
        try:
            await self._socket.send(json.dumps(frame))
        except (WebSocketException, OSError):
            return False
        return True

    async def follow(self, channel: str) -> None:
        """Subscribe to a channel, now and after every reconnect."""
        self._channels.add(channel)
        await self.send({"t": "subscribe", "channel": channel})

    async def unfollow(self, channel: str) -> None:
        self._channels.discard(channel)
        await self.send({"t": "unsubscribe", "channel": channel})

    # The network

    async def lose_network(self, seconds: float) -> None:
        """Drive into a tunnel."""
        self.silent_until = asyncio.get_running_loop().time() + seconds
        if self._socket is not None:
            self._socket.transport.abort()

    def _offline(self) -> bool:
        return asyncio.get_running_loop().time() < self.silent_until

    async def _network(self) -> None:
        """Wait until there is one."""
        left = self.silent_until - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def _jitter(self, seconds: float) -> float:
        return float(self.person.rng.uniform(0.3, 1.0)) * min(seconds, LONGEST_WAIT)


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"detail": answer.text[:200]}
    return body if isinstance(body, dict) else {}
