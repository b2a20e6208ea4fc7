"""Many accepts at once, and what must be true of them whatever breaks meanwhile.

A crowd of phones is signed in once. `a_race` asks for rides that several drivers each are offered, `accept_all`
sends every accept at once, and the checks read what came of it through the public API alone.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from tests.stranger.acts import CASINO, ON_THE_WAY, new_service, stream
from tests.stranger.client import LOOK_AGAIN, Answer, Frame, Phone, Socket, Unexpected, ride
from tests.stranger.conftest import People

AT_ONCE = 12  # phones that sign in side by side
TOGETHER = 2  # customers of one service: a round stores a decision for each of its pairs
PATIENT = {"answer_s": 600, "patience_s": 900}  # no offer runs out while the engine is away
PRESSES = 2  # of each accept, under one key
WITHIN = 60.0  # s for what a restarted engine tells

T = TypeVar("T")


@dataclass
class Crowd:
    """Customers and drivers, each with a phone and an open socket."""

    people: People
    ops: Phone
    customers: list[Phone]
    drivers: list[Phone]
    sockets: dict[str, list[Socket]] = field(default_factory=dict)  # by account: every one so far, in order

    @property
    def phones(self) -> list[Phone]:
        return [*self.customers, *self.drivers]

    async def connect(self) -> None:
        """A socket for everybody, from where the last one ended."""
        await gently([self._connect(phone) for phone in self.phones])

    async def _connect(self, phone: Phone) -> None:
        earlier = self.sockets.setdefault(phone.account_id, [])
        told = [frame["seq"] for socket in earlier for frame in socket.events]
        if not earlier:
            earlier.append(await phone.socket(after=0))
        elif earlier[-1].ended.is_set():
            earlier.append(await phone.socket(after=max(told, default=0), epoch=earlier[0].epoch))

    def told(self, phone: Phone) -> list[Frame]:
        """Every event this phone was told of, over all its sockets."""
        return [frame for socket in self.sockets[phone.account_id] for frame in socket.events]


@dataclass
class Attempt:
    """One driver's accept: its key, and what was answered each time it was sent (`None`: the line broke)."""

    driver: Phone
    request_id: str
    offer_id: str
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    answers: list[Answer | None] = field(default_factory=list)

    async def send(self) -> Answer | None:
        """Accept, under the same key each time."""
        try:
            answer = await self.driver.post(f"/v1/offers/{self.offer_id}/accept", key=self.key)
        except httpx.TransportError:
            answer = None
        self.answers.append(answer)
        return answer

    @property
    def won(self) -> bool:
        """Whether the last answer said so."""
        last = self.answers[-1]
        return last is not None and last.status == 200


@dataclass
class Race:
    """Requests, and who accepts which."""

    customer_of: dict[str, Phone]
    attempts: list[Attempt]


async def gently(deeds: Iterable[Awaitable[T]]) -> list[T]:
    """All of them, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(deed: Awaitable[T]) -> T:
        async with gate:
            return await deed

    return list(await asyncio.gather(*(one(deed) for deed in deeds)))


async def a_crowd(people: People, customers: int, drivers: int) -> Crowd:
    """Everybody signed in; nobody on duty yet."""
    ops = await people.ops()
    signed_in = await gently([people.customer() for _ in range(customers + drivers)])
    return Crowd(people, ops, signed_in[:customers], signed_in[customers:])


async def a_race(crowd: Crowd) -> Race:
    """Every customer asks for a ride of a new service, and every driver is offered one of them."""
    racers = len(crowd.drivers) // len(crowd.customers)
    customer_of: dict[str, Phone] = {}
    await crowd.connect()
    for first in range(0, len(crowd.customers), TOGETHER):
        customers = crowd.customers[first : first + TOGETHER]
        drivers = crowd.drivers[first * racers : (first + TOGETHER) * racers]
        service = await _service(crowd, racers)
        await gently(driver.go_on_duty(service, at=ON_THE_WAY[0]) for driver in drivers)
        trip = ride(CASINO, ON_THE_WAY[1])
        asked = await gently(customer.request_a_ride(service, *trip) for customer in customers)
        customer_of |= {request["id"]: customer for request, customer in zip(asked, customers, strict=True)}
    attempts = await asyncio.gather(*(_offered(crowd, driver, customer_of) for driver in crowd.drivers))
    counts = Counter(attempt.request_id for attempt in attempts)
    if counts != dict.fromkeys(customer_of, racers):
        raise Unexpected(f"every request is offered to {racers}: {counts}")
    return Race(customer_of, attempts)


async def _service(crowd: Crowd, racers: int) -> str:
    rule = {**PATIENT, "waves": [{"size": racers, "within_s": 3_600}]}
    return await new_service(crowd.ops, "ride-vtc", dispatch=rule)


async def _offered(crowd: Crowd, driver: Phone, customer_of: dict[str, Phone]) -> Attempt:
    """The offer of this race that the driver is told of."""
    event = await crowd.sockets[driver.account_id][-1].event(
        "offer.created", lambda data: data["request_id"] in customer_of, WITHIN
    )
    return Attempt(driver, event["data"]["request_id"], event["data"]["id"])


async def accept_all(race: Race, *, after: int, then: Callable[[], None]) -> None:
    """Send every accept at once, and twice, as impatient thumbs do; `then` comes when so many are answered."""
    answered = 0

    async def one(attempt: Attempt) -> None:
        nonlocal answered
        if await attempt.send() is not None:
            answered += 1
            if answered == after:
                then()

    await asyncio.gather(*(one(attempt) for attempt in race.attempts for _ in range(PRESSES)))


async def accept_again(race: Race) -> None:
    """Send every accept once more, as a phone does that is not sure: until it is answered."""

    async def one(attempt: Attempt) -> None:
        async with asyncio.timeout(WITHIN):
            while await attempt.send() is None:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(LOOK_AGAIN)

    await gently([one(attempt) for attempt in race.attempts])


def every_answer_still_holds(race: Race) -> None:
    """What was answered is answered again; each request has one winner, everybody else lost the race."""
    for attempt in race.attempts:
        last = attempt.answers[-1]
        assert last is not None
        assert last.status == 200 or last.refuses(409, "lost_race")
        for earlier in attempt.answers:
            if earlier is not None and earlier.status != 503:
                assert (earlier.status, earlier.code) == (last.status, last.code), attempt
                assert earlier.status != 200 or earlier.json["id"] == last.json["id"]
    winners = Counter(attempt.request_id for attempt in race.attempts if attempt.won)
    assert winners == dict.fromkeys(race.customer_of, 1)


async def one_engagement_each(race: Race) -> None:
    """Both sides see the one engagement of the request, and nobody has another."""
    for request_id, customer in race.customer_of.items():
        (winner,) = [attempt for attempt in race.attempts if attempt.request_id == request_id and attempt.won]
        last = winner.answers[-1]
        assert last is not None
        for phone in (customer, winner.driver):
            active = (await phone.get("/v1/me/engagements?state=confirmed")).must(200)["items"]
            assert [item["id"] for item in active] == [last.json["id"]]
        assert (await customer.get(f"/v1/requests/{request_id}")).must(200)["state"] == "matched"
    for attempt in race.attempts:
        if not attempt.won:
            none = (await attempt.driver.get("/v1/me/engagements?state=confirmed")).must(200)["items"]
            assert none == []


async def everybody_heard_it_all(crowd: Crowd, race: Race) -> None:
    """Over all its sockets each phone was told its whole stream: no number missing, none twice, as the log has it."""
    await crowd.connect()
    outcome = {attempt.driver.account_id: attempt for attempt in race.attempts}
    for driver in crowd.drivers:
        attempt = outcome[driver.account_id]
        kind = "engagement.confirmed" if attempt.won else "offer.withdrawn"
        await _hear(crowd, driver, kind)
    for customer in crowd.customers:
        await _hear(crowd, customer, "engagement.confirmed")
    for phone in crowd.phones:
        told, stored = crowd.told(phone), await stream(phone)
        assert [frame["seq"] for frame in told] == list(range(1, len(told) + 1)), phone.number
        assert len(stored) >= len(told)
        for event, frame in zip(stored, told, strict=False):
            assert (event["seq"], event["type"]) == (frame["seq"], frame["type"])
            if (
                frame["data"].get("request_id") in race.customer_of
            ):  # of an earlier race the places have faded
                assert event["data"] == frame["data"]


async def _hear(crowd: Crowd, phone: Phone, kind: str) -> None:
    if not any(frame["type"] == kind for frame in crowd.told(phone)):
        await crowd.sockets[phone.account_id][-1].event(kind, within=WITHIN)


async def sound(crowd: Crowd) -> None:
    """The ledger sums to zero, as the engine itself checks it."""
    assert (await crowd.ops.get("/v1/ops/ledger/check")).must(200)["sound"] is True
