"""A client written from the public contract alone: HTTP, the socket, and people who use both.

It imports nothing of the engine, and holds every frame, sent and heard, to its AsyncAPI document. Each phone has
an address of its own on the loopback, as phones have on a network; every POST carries an `Idempotency-Key`.
Waiting is always for something, with a deadline.
"""

import asyncio
import importlib.util
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.contract import NotAsDocumented, check_arguments, check_down, check_up

WITHIN = 10.0  # s: the longest a test waits for one thing; a round takes about two
LOOK_AGAIN = 0.05  # s between two looks at a thing that no socket announces
KEEP_ALIVE = 2.0  # s; under the five after which a server may close a quiet connection while we write to it
SUBPROTOCOL = Subprotocol("coudmain.v1")

# httpcore looks for sniffio at every lock it takes; where it is not installed, say so once (2 ms a request).
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

Frame = dict[str, Any]
Where = Callable[[Frame], bool]


class Unexpected(AssertionError):
    """The engine answered another thing than the contract says."""


class Answer:
    """One answer: its status, its headers, its JSON."""

    def __init__(self, response: httpx.Response) -> None:
        self.status, self.headers, self.text = response.status_code, response.headers, response.text
        self.asked = f"{response.request.method} {response.request.url.raw_path.decode()}"

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The stable code of a problem; empty when the answer is none."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return ""
        return str(self.json["code"])

    def must(self, *statuses: int) -> Any:
        """The parsed body, if the status is one of these (any 2xx by default)."""
        if self.status in statuses or (not statuses and 200 <= self.status < 300):
            return json.loads(self.text) if self.text else None
        raise Unexpected(f"{self.asked}: {self.status} {self.text[:400]}")

    def refuses(self, status: int, code: str | None = None) -> dict[str, Any]:
        """The problem, if it is one with this status (and code)."""
        if self.status != status or not self.code or (code is not None and self.code != code):
            expected = f"expected {status} {code or 'problem'}"
            raise Unexpected(f"{self.asked}: {expected}, got {self.status} {self.text[:400]}")
        problem: dict[str, Any] = self.json
        return problem


class Phone:
    """One device: HTTP and sockets from one address, signed in or not."""

    def __init__(self, url: str, address: str, language: str = "en") -> None:
        self.url, self.address, self.language = url, address, language
        self.account_id = self.token = self.refresh_token = self.number = ""
        # No certificate is looked at over plain HTTP, and reading the world's takes 20 ms a phone.
        limits = httpx.Limits(keepalive_expiry=KEEP_ALIVE)
        transport = httpx.AsyncHTTPTransport(local_address=address, retries=0, verify=False, limits=limits)
        self._http = httpx.AsyncClient(base_url=url, transport=transport, timeout=20.0)
        self._sockets: list[Socket] = []

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
    ) -> Answer:
        """One exchange. A POST gets a fresh idempotency key unless one is given (`""`: none)."""
        sent = {"Accept-Language": self.language}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if method == "POST" and key != "":
            sent["Idempotency-Key"] = key or str(uuid.uuid4())
        if content is None and body is not None:
            content = json.dumps(body)  # ASCII, so that a test may say anything a text can be made to hold
        if content is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        return Answer(await self._http.request(method, path, content=content, headers=sent))

    async def get(self, path: str, **parts: Any) -> Answer:
        return await self.ask("GET", path, **parts)

    async def post(self, path: str, body: object = None, **parts: Any) -> Answer:
        return await self.ask("POST", path, {} if body is None else body, **parts)

    async def put(self, path: str, body: object = None, **parts: Any) -> Answer:
        return await self.ask("PUT", path, body, **parts)

    async def sign_in(self, number: str) -> Self:
        """OTP, the code from the development outbox, tokens; whoever was signed in before is forgotten."""
        self.token = ""
        challenge = (await self.post("/v1/auth/otp", {"phone": number})).must(202)
        code = await self.otp(number)
        body = {"challenge_id": challenge["challenge_id"], "code": code}
        tokens = (await self.post("/v1/auth/token", body)).must()
        self.number = number
        self.take(tokens)
        return self

    def take(self, tokens: Mapping[str, Any]) -> None:
        """Go on with these tokens."""
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.account_id = tokens["account_id"]

    async def otp(self, number: str) -> str:
        """The newest code sent to this number."""
        sent = (await self.get(f"/v1/dev/outbox?to={number.replace('+', '%2B')}")).must(200)
        return str(next(item["data"]["code"] for item in sent["items"] if item["kind"] == "otp"))

    async def become_ops(self) -> Self:
        """Through the development door, then with fresh tokens."""
        (await self.post("/v1/dev/ops", {"phone": self.number})).must()
        return await self.sign_in(self.number)

    async def until(
        self, path: str, is_so: Callable[[Any], bool], within: float = WITHIN, patient: bool = False
    ) -> Any:
        """The first answer of `path` that `is_so`. `patient` lives through refused connections and 5xx."""
        deadline = asyncio.get_running_loop().time() + within
        last: object = None
        while asyncio.get_running_loop().time() < deadline:
            try:
                answer = await self.get(path)
                last = (answer.status, answer.text[:600])
                if (answer.status == 200 or not patient) and is_so(seen := answer.must(200)):
                    return seen
            except httpx.TransportError as error:
                if not patient:
                    raise
                last = error
            await asyncio.sleep(LOOK_AGAIN)
        raise Unexpected(f"{path} did not become so within {within} s; last: {last}")

    async def pages(self, path: str, limit: int = 100) -> list[Any]:
        """Every item of a list, page by page."""
        found: list[Any] = []
        cursor, joint = None, "&" if "?" in path else "?"
        while True:
            tail = f"{joint}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            page = (await self.get(path + tail)).must(200)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    # -- what a provider does ---------------------------------------------------------------------

    async def go_on_duty(self, *services: str, at: tuple[float, float], market: str = "monaco") -> Self:
        """Offer services, come on duty, say where."""
        (await self.put("/v1/me/provider", {"services": list(services)})).must()
        (await self.put("/v1/me/duty", {"on": True, "market": market})).must()
        await self.stand_at(at)
        return self

    async def stand_at(self, at: tuple[float, float]) -> None:
        """One fix, now."""
        answer = (await self.post("/v1/me/positions", {"fixes": [fix(at)]}, key="")).must(202)
        if answer["accepted"] != 1:
            raise Unexpected(f"the fix at {at} was dropped: {answer}")

    async def act(self, engagement_id: str, verb: str, **more: object) -> Answer:
        return await self.post(f"/v1/engagements/{engagement_id}/actions", {"verb": verb, **more})

    # -- what a customer does ---------------------------------------------------------------------

    async def quote(self, service: str, *stops: Frame, **more: object) -> Answer:
        return await self.post("/v1/quotes", {"service": service, "stops": list(stops), **more})

    async def request_a_ride(self, service: str, *stops: Frame, **more: object) -> Any:
        """Quote, then request: the request."""
        quoted = (await self.quote(service, *stops, **more)).must()
        return (await self.post("/v1/requests", {"quote_id": quoted["quote_id"]})).must(201)

    async def asked_for_nothing(self) -> None:
        """No request, no payment, no event: nothing has changed for this account."""
        for path in ("/v1/me/requests", "/v1/me/payments", "/v1/me/engagements", "/v1/me/events?after=0"):
            if (await self.get(path)).must(200)["items"] != []:
                raise Unexpected(f"{path} is not empty")

    # -- the stream -------------------------------------------------------------------------------

    async def socket(self, after: int | None = None, epoch: str | None = None, **hello: object) -> "Socket":
        """A socket, welcomed or reset."""
        socket = await Socket.dial(self.url, self.address, self.token)
        self._sockets.append(socket)
        more = {"after": after, "epoch": epoch, **hello}
        await socket.say({"t": "hello", **{name: value for name, value in more.items() if value is not None}})
        await socket.wait(lambda frame: frame["t"] in {"welcome", "reset"})
        return socket

    async def hang_up(self) -> None:
        """Close all this phone has open."""
        for socket in self._sockets:
            await socket.close()
        await self._http.aclose()


class Socket:
    """A socket that keeps every frame it heard, so that nothing said before a test asks is missed."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._heard = asyncio.Condition()
        self.frames: list[Frame] = []
        self.undocumented: list[str] = []
        self.ended = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def dial(cls, url: str, address: str, token: str | None = None) -> Self:
        """An open socket that has not said hello; the token goes on the upgrade, as a native app's."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        target = url.replace("http", "ws", 1) + "/v1/ws"
        connection = await connect(
            target,
            subprotocols=[SUBPROTOCOL],
            additional_headers=headers,
            local_addr=(address, 0),
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=2.0,
        )
        return cls(connection)

    async def _listen(self) -> None:
        with suppress(ConnectionClosed):
            async for message in self._connection:
                frame = json.loads(message)
                self._judge(frame)
                if frame["t"] == "ping":
                    await self.say({"t": "pong"})
                async with self._heard:
                    self.frames.append(frame)
                    self._heard.notify_all()
        self.ended.set()
        async with self._heard:
            self._heard.notify_all()

    async def say(self, frame: Frame | str | bytes) -> None:
        """A frame as AsyncAPI has it; text and bytes go out as they are."""
        if isinstance(frame, dict):
            check_up(frame)
        await self._connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def _judge(self, frame: Frame) -> None:
        """Keep what is not as documented for the test to fail on: this runs in the listener's task."""
        try:
            check_down(frame)
        except NotAsDocumented as wrong:
            self.undocumented.append(str(wrong))

    async def wait(self, where: Where, within: float = WITHIN) -> Frame:
        """The first frame heard so far, or heard from now on, that answers `where`."""
        try:
            async with asyncio.timeout(within), self._heard:
                while True:
                    for frame in self.frames:
                        if where(frame):
                            return frame
                    if self.ended.is_set():
                        break
                    await self._heard.wait()
        except TimeoutError:
            pass
        raise Unexpected(f"not heard; closed: {self.closed}; frames: {json.dumps(self.frames)[-1500:]}")

    async def event(self, kind: str, where: Where = lambda data: True, within: float = WITHIN) -> Frame:
        """The first event of this type whose data answers `where`."""
        return await self.wait(
            lambda frame: frame["t"] == "event" and frame["type"] == kind and where(frame["data"]), within
        )

    @property
    def events(self) -> list[Frame]:
        return [frame for frame in self.frames if frame["t"] == "event"]

    @property
    def epoch(self) -> str:
        return str(next(frame["epoch"] for frame in self.frames if frame["t"] in {"welcome", "reset"}))

    @property
    def closed(self) -> tuple[int | None, str | None]:
        """The close code and reason, once closed."""
        return self._connection.close_code, self._connection.close_reason

    async def close_code(self, within: float = WITHIN) -> int | None:
        """Wait for the other side to close; its code."""
        async with asyncio.timeout(within):
            await self.ended.wait()
        return self.closed[0]

    async def do(self, op: str, args: Frame, name: str | None = None) -> Frame:
        """A command over the socket: `done` or `failed`."""
        name = name or str(uuid.uuid4())
        before = len(self.frames)
        await self.say({"t": "do", "id": name, "op": op, "args": args})
        answer = await self.wait(
            lambda frame: (
                frame["t"] in {"done", "failed"}
                and frame["id"] == name
                and any(frame is later for later in self.frames[before:])
            )
        )
        if answer["t"] == "done":
            check_arguments(op, args)
        return answer

    async def told_of(self, channel: str) -> Frame:
        """What a subscription of this channel was answered: `subscribed` or `error`."""
        return await self.wait(
            lambda frame: frame["t"] in {"subscribed", "error"} and frame.get("channel") == channel
        )

    def must_be_documented(self) -> None:
        """Every frame that was heard is what AsyncAPI says of it."""
        if self.undocumented:
            raise Unexpected(f"not as documented: {self.undocumented}")

    async def drop(self) -> None:
        """As a phone in a tunnel: no goodbye."""
        self._connection.transport.abort()
        await self.ended.wait()
        await self._listening
        self.must_be_documented()

    async def close(self) -> None:
        await self._connection.close()
        await self._listening
        self.must_be_documented()


def stop(kind: str, at: tuple[float, float], **more: object) -> Frame:
    """A stop of a request."""
    return {"kind": kind, "lat": at[0], "lon": at[1], **more}


def ride(pickup: tuple[float, float], drop: tuple[float, float]) -> tuple[Frame, Frame]:
    """The two stops of a ride."""
    return stop("pickup", pickup), stop("drop", drop)


def fix(at: tuple[float, float], when: datetime | None = None) -> Frame:
    """A position fix."""
    return {"lat": at[0], "lon": at[1], "at": (when or datetime.now(UTC)).isoformat(), "accuracy_m": 8}


async def together(*deeds: Awaitable[Answer]) -> list[Answer]:
    """All at once."""
    return list(await asyncio.gather(*deeds))
