"""Phones that go on whatever breaks: they ask again under the same key, and resume their stream where it ended."""

import asyncio
import contextlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

ANSWERED_WITHIN: Final = (
    120.0  # s for a question, over all its tries: longer than any fault and what it leaves
)
ONE_TRY: Final = 20.0  # s; a phone's patience with one exchange
TRY_AGAIN: Final = (0.1, 0.5)  # s, drawn between: everybody lost the same gateway at the same moment
KEPT_FRAMES: Final = 30  # positions remembered, to be said again
SMALL_BUFFER: Final = 4096  # bytes the system keeps for a phone that may stop reading: filled soon
SMALL_SEGMENT: Final = (
    536  # bytes, TCP's least: a loopback's of 64 KiB has the other side keep 2.8 MB, this 50 KB
)
AS_OLD: Final = frozenset({"older_than_known", "duplicate", "too_old"})

Frame = dict[str, Any]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Deed:
    """A POST as it was answered: said again under the same key, it must not be done twice."""

    path: str
    body: object
    key: str
    status: int
    name: str  # the answer's id, or the problem's code

    @property
    def is_done(self) -> bool:
        """It was not refused."""
        return self.status < 300


@dataclass
class Record:
    """What the whole crowd saw: `broken` is empty if every promise was kept."""

    broken: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    answered_ms: list[float] = field(default_factory=list)
    tries_ms: list[float] = field(default_factory=list)  # every answer, those that said to ask again too
    pins: dict[str, str] = field(default_factory=dict)  # by engagement: what its customer tells the driver

    def breaks(self, words: str) -> None:
        """A promise was broken."""
        self.broken.append(words)


class Survivor:
    """One account with one phone: HTTP and a socket at whichever gateway answers."""

    def __init__(self, gateways: Sequence[str], number: int, record: Record, dice: random.Random) -> None:
        self._gateways, self.record, self.dice = list(gateways), record, dice
        self._at = number % len(self._gateways)
        self.phone = f"+3377{number:07}"
        address = f"127.7.{number // 250}.{number % 250 + 1}"
        self._address = address
        transport = httpx.AsyncHTTPTransport(local_address=address, verify=False)
        self.http = httpx.AsyncClient(transport=transport, timeout=ONE_TRY)
        self._token = ""
        self.account = ""
        self.told: list[tuple[int, str]] = []
        self.events: asyncio.Queue[Frame] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.one_fill = asyncio.Lock()  # who has it stop reading has it read on before another does
        self.pongs = 0
        self.skew = timedelta()
        self.one_fix = (
            asyncio.Lock()
        )  # of a phone's fixes only the last counts: who asks about one has it alone
        self.deeds: list[Deed] = []
        self.frames: list[str] = []
        self.refused_as_old = 0
        self.socket: ClientConnection | None = None
        self.socket_at = ""  # which gateway that is
        self.welcomed = False  # on this socket
        self._epoch = ""

    @property
    def last(self) -> int:
        """The number of the last event it was told of."""
        return self.told[-1][0] if self.told else 0

    # HTTP

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> tuple[int, Any]:
        """Ask until it is answered: a broken line, a 503 and a 429 are asked again, under the same key.

        A 500 is a broken promise, and so is silence for longer than a phone's patience. Raises TimeoutError when
        nothing answers for longer than any fault lasts.
        """
        answer = await self.answer(method, path, body, key=key)
        return answer.status_code, answer.json() if answer.content else None

    async def answer(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        """As `ask`, with the answer's headers."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid4())
        began = time.perf_counter()
        async with asyncio.timeout(ANSWERED_WITHIN):
            while True:
                answer = await self._one_try(method, path, body, headers)
                if answer is not None:
                    break
                await asyncio.sleep(self.dice.uniform(*TRY_AGAIN))
        self.record.answered_ms.append((time.perf_counter() - began) * 1e3)
        if answer.status_code >= 500:
            self.record.breaks(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    async def _one_try(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> httpx.Response | None:
        began = time.perf_counter()
        try:
            url = self._gateways[self._at] + path
            answer = await self.http.request(method, url, json=body, headers=headers)
        except httpx.TransportError as error:
            if isinstance(error, httpx.ReadTimeout):
                self.record.breaks(f"{method} {path}: no answer within {ONE_TRY:.0f} s")
            self.record.seen["lines broken"] += 1
            self._go_elsewhere()
            return None
        self.record.tries_ms.append((time.perf_counter() - began) * 1e3)
        if answer.status_code in {429, 503}:
            self.record.seen[f"answers {answer.status_code}"] += 1
            if "retry-after" not in answer.headers:
                self.record.breaks(f"{method} {path}: {answer.status_code} without Retry-After")
            return None
        return answer

    def _go_elsewhere(self) -> None:
        self._at = (self._at + 1) % len(self._gateways)

    async def do(self, path: str, body: object = None) -> tuple[int, Any]:
        """A POST that is remembered, to be said again one day."""
        key = str(uuid4())
        status, answer = await self.ask("POST", path, body or {}, key=key)
        self.deeds.append(Deed(path, body or {}, key, status, name_of(answer)))
        return status, answer

    async def sign_in(self) -> None:
        """By one-time code, from the development outbox."""
        _, challenge = await self.ask("POST", "/v1/auth/otp", {"phone": self.phone})
        _, sent = await self.ask("GET", f"/v1/dev/outbox?to={self.phone.replace('+', '%2B')}")
        code = next(item["data"]["code"] for item in sent["items"] if item["kind"] == "otp")
        body = {"challenge_id": challenge["challenge_id"], "code": code}
        _, tokens = await self.ask("POST", "/v1/auth/token", body)
        self._token, self.account = tokens["access_token"], tokens["account_id"]
        device = {"platform": "android", "push_token": f"push-{self.account}", "language": "en"}
        await self.ask("PUT", f"/v1/me/devices/{uuid4()}", device)

    async def stored(self) -> list[tuple[int, str]]:
        """Its whole stream, as the log has it."""
        found: list[tuple[int, str]] = []
        while True:
            after = found[-1][0] if found else 0
            _, page = await self.ask("GET", f"/v1/me/events?after={after}&limit=100")
            if not page["items"]:
                return found
            found += [(event["seq"], event["type"]) for event in page["items"]]

    @property
    def has_done_something(self) -> bool:
        """Whether any deed of it was not refused."""
        return any(deed.is_done for deed in self.deeds)

    # The socket

    async def listen(self) -> None:
        """Keep a socket open, at another gateway after each end, until cancelled."""
        while True:
            try:
                await self._one_socket()
            except (OSError, TimeoutError, WebSocketException):
                self.record.seen["sockets ended"] += 1
            finally:
                self.socket, self.welcomed = None, False
            self._go_elsewhere()
            await asyncio.sleep(self.dice.uniform(*TRY_AGAIN))

    async def _one_socket(self) -> None:
        at = self._gateways[self._at]
        gateway = urlsplit(at)
        line = await self._line_to(gateway)
        async with connect(
            f"ws://{gateway.netloc}/v1/ws", sock=line, subprotocols=[Subprotocol("coudmain.v1")],
            additional_headers={"Authorization": f"Bearer {self._token}"},
            compression=None, proxy=None, ping_interval=None, close_timeout=1.0, open_timeout=ONE_TRY, max_queue=1,
        ) as opened:  # fmt: skip
            epoch = {"epoch": self._epoch} if self._epoch else {}
            await opened.send(json.dumps({"t": "hello", "after": self.last, **epoch}))
            self.socket, self.socket_at = opened, at
            with contextlib.suppress(ConnectionClosed):
                async for text in opened:
                    await self._hear(opened, json.loads(text))
                    await self.reads.wait()
        self._note_the_end(opened)

    async def _line_to(self, gateway: SplitResult) -> socket.socket:
        line = socket.socket()
        try:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
            line.setblocking(False)
            line.bind((self._address, 0))
            async with asyncio.timeout(ONE_TRY):
                await asyncio.get_running_loop().sock_connect(line, (gateway.hostname, gateway.port))
        except BaseException:
            line.close()
            raise
        return line

    def _note_the_end(self, opened: ClientConnection) -> None:
        code = opened.close_code or 0
        self.record.seen["sockets ended" if code == CloseCode.ABNORMAL_CLOSURE else f"closed {code}"] += 1
        if 4500 <= code < 5000:
            self.record.breaks(f"a phone that did no wrong was told to stop: {code} {opened.close_reason}")

    async def _hear(self, opened: ClientConnection, frame: Frame) -> None:
        match frame["t"]:
            case "ping":
                await opened.send('{"t": "pong"}')
            case "pong":
                self.pongs += 1
            case "welcome":
                if self._epoch not in {"", frame["epoch"]}:
                    self.record.breaks(f"{self.phone}: another epoch")
                self._epoch = frame["epoch"]
                self.welcomed = True
            case "fixes":
                self.refused_as_old += sum(drop["reason"] in AS_OLD for drop in frame["dropped"])
            case "reset":
                self.record.breaks(f"{self.phone}: reset at {frame['seq']}, after {self.last}")
            case "event" if frame["seq"] == self.last + 1:
                self.told.append((frame["seq"], frame["type"]))
                if frame["type"] == "engagement.confirmed" and frame["data"].get("pin"):
                    self.record.pins[frame["data"]["id"]] = frame["data"]["pin"]
                self.events.put_nowait(frame)
            case "event" if frame["seq"] > self.last + 1:
                self.record.breaks(f"{self.phone}: {frame['seq']} came after {self.last}")
            case "event":
                self.record.seen["events told twice"] += 1

    async def stand_at(self, at: Place) -> None:
        """One fix by the phone's own clock, over the socket if there is one."""
        async with self.one_fix:
            now = fix(at, self.skew)
            frame = json.dumps({"t": "position", **now})
            if not self.skew:
                self.frames = [*self.frames[1 - KEPT_FRAMES :], frame]
            if not (self.reads.is_set() and await self.say(frame)):
                await self.ask("POST", "/v1/me/positions", {"fixes": [now]})

    async def say(self, frame: str) -> bool:
        """Over the socket, if there is one; whether it went."""
        if self.socket is None:
            return False
        try:
            await self.socket.send(frame)
        except (OSError, WebSocketException):
            return False
        return True

    async def close(self) -> None:
        await self.http.aclose()


def fix(at: Place, skew: timedelta = timedelta()) -> Frame:
    """A fix of now, by a clock that is wrong by so much."""
    moment = (datetime.now(UTC) + skew).isoformat()
    return {"lat": at[0], "lon": at[1], "at": moment, "accuracy_m": 8}


def name_of(answer: Any) -> str:
    """What an answer is told from another by: its id, or the problem's code."""
    return str(answer.get("id") or answer.get("code"))
