"""A phone that outlives its gateway, as the contract says: another one, the same keys, the events after its last."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from tests.stranger.client import Answer, Phone, Socket

WITHIN = 120.0  # s for one deed, whatever restarts meanwhile
LOOK_AGAIN = 0.1  # s between two gateways, and between two looks at an offer
DRAINING = 4000


class Wanderer:
    """Somebody signed in whose phone knows every gateway, as a balancer would for it.

    A gateway that does not listen was not asked; an answer that got lost is asked for again with the same key.
    Whatever else comes (5xx, a refusal that nobody expects) is a failed request, and is kept.
    """

    def __init__(self, urls: Sequence[str], address: str) -> None:
        self._phones = [Phone(url, f"{address}{number}") for number, url in enumerate(urls)]
        self._at = 0
        self.failures: list[str] = []
        self.seqs: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.retry_ms: list[int] = []
        self.closes: list[int | None] = []
        self._epoch: str | None = None
        self._listening: asyncio.Task[None] | None = None
        self._socket: Socket | None = None

    async def sign_in(self, number: str) -> None:
        first = self._phones[0]
        await first.sign_in(number)
        for phone in self._phones[1:]:
            phone.take(
                {
                    "access_token": first.token,
                    "refresh_token": first.refresh_token,
                    "account_id": first.account_id,
                }
            )

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """The answer, from whichever gateway gives it."""
        key = str(uuid.uuid4())
        async with asyncio.timeout(WITHIN):
            while True:
                try:
                    answer = await self._phones[self._at].ask(method, path, body, key=key)
                except httpx.TransportError:
                    self._at = (self._at + 1) % len(self._phones)
                    await asyncio.sleep(LOOK_AGAIN)
                    continue
                if answer.status >= 500:
                    self.failures.append(f"{answer.asked}: {answer.status} {answer.text[:200]}")
                return answer

    async def listen(self) -> None:
        """Hear one's events from now on, on one socket after another."""
        welcomed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(welcomed))
        async with asyncio.timeout(WITHIN):
            await welcomed.wait()

    async def hang_up(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        for phone in self._phones:
            await phone.hang_up()

    async def heard(self, kind: str, **wanted: object) -> dict[str, Any]:
        """The first event of this kind with these data."""
        async with asyncio.timeout(WITHIN):
            while True:
                for event in self.events:
                    if event["type"] == kind and wanted.items() <= event["data"].items():
                        return event
                await asyncio.sleep(LOOK_AGAIN)

    async def heard_all(self, last: int) -> None:
        """Until the event of this number has come."""
        async with asyncio.timeout(WITHIN):
            while not self.seqs or self.seqs[-1] < last:  # noqa: ASYNC110 - its sockets come and go
                await asyncio.sleep(LOOK_AGAIN)

    @property
    def account_id(self) -> str:
        return self._phones[0].account_id

    async def _listen(self, welcomed: asyncio.Event) -> None:
        number = 0
        while True:
            phone = self._phones[number % len(self._phones)]
            try:
                after = self.seqs[-1] if self.seqs else None
                socket = await phone.socket(after=after, epoch=self._epoch)
            except (OSError, WebSocketException, AssertionError):
                number += 1
                await asyncio.sleep(LOOK_AGAIN)
                continue
            self._epoch = socket.epoch
            if not self.seqs:
                self.seqs.append(int(socket.frames[0]["seq"]))
            welcomed.set()
            seen = 0
            while not (socket.ended.is_set() and seen == len(socket.events)):
                for event in socket.events[seen:]:
                    self.seqs.append(event["seq"])
                    self.events.append(event)
                    seen += 1
                await asyncio.sleep(LOOK_AGAIN / 4)
            code, reason = socket.closed
            self.closes.append(code)
            if code == DRAINING:
                self.retry_ms.append(int((reason or "").rpartition("retry_ms=")[2]))
            number += 1
