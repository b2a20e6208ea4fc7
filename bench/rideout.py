"""A small town of survivors: customers who ask for rides, drivers who take them to their end, until told to stop."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from bench.survivors import ANSWERED_WITHIN, Frame, Place, Record, Survivor
from domain.rules.states import EngagementState

SERVICE: Final = "ride-vtc"
MARKET: Final = "monaco"
PORT: Final[Place] = (43.7352, 7.4213)
CASINO: Final[Place] = (43.7392, 7.4277)
BEACH: Final[Place] = (43.7475, 7.4370)
FIX_EVERY: Final = 1.0  # s
DECLINES: Final = 0.1  # of offers
CANCELS: Final = 0.2  # of requests, at some moment of the first seconds
PATIENCE: Final = 25.0  # s a customer waits for the end of a ride nobody takes, or that stands still
RESTS: Final = (0.05, 0.3)  # s between two rides
LONG_WORDS: Final = "Nearly there. " * 100

ENDS: Final = frozenset({"engagement.completed", "request.cancelled", "request.expired"})


@dataclass
class Crowd:
    """Drivers and customers over the same gateways, and what they saw."""

    drivers: list["Driver"]
    customers: list["Customer"]
    record: Record

    @classmethod
    async def signed_in(cls, gateways: Sequence[str], drivers: int, customers: int, seed: int) -> "Crowd":
        """Everybody signed in; the drivers on duty."""
        record = Record()
        crowd = cls(
            [Driver(gateways, n, record, random.Random(f"{seed} driver {n}")) for n in range(drivers)],
            [
                Customer(gateways, drivers + n, record, random.Random(f"{seed} customer {n}"))
                for n in range(customers)
            ],
            record,
        )
        for one in crowd.everybody:
            await one.sign_in()
        for driver in crowd.drivers:
            await driver.go_on_duty()
        return crowd

    @property
    def everybody(self) -> list[Survivor]:
        return [*self.drivers, *self.customers]

    @contextlib.asynccontextmanager
    async def _awake(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.listen()) for one in self.everybody]
        tasks += [asyncio.create_task(driver.work()) for driver in self.drivers]
        tasks += [asyncio.create_task(driver.report()) for driver in self.drivers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    self.record.breaks(f"a phone gave up: {outcome!r}")

    async def live(self, over: asyncio.Event, settled_within: float) -> None:
        """Rides, until it is over and every ride begun has ended; then each phone has heard its whole stream."""
        async with self._awake():
            customers = [asyncio.create_task(customer.ask_for_rides(over)) for customer in self.customers]
            for outcome in await asyncio.gather(*customers, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    self.record.breaks(f"a customer gave up: {outcome!r}")
            await asyncio.gather(*(self._heard_all(one, settled_within) for one in self.everybody))

    async def _heard_all(self, one: Survivor, within: float) -> None:
        stored: list[tuple[int, str]] = []
        try:
            async with asyncio.timeout(within):
                while (stored := await one.stored()) != one.told:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(FIX_EVERY / 2)
        except TimeoutError:
            missing = [event for event in stored if event not in one.told][:5]
            self.record.breaks(f"{one.phone}: told {len(one.told)} of {len(stored)} events; not {missing}")

    async def close(self) -> None:
        for one in self.everybody:
            await one.close()


class Driver(Survivor):
    """Accepts what it is offered, mostly, and drives it to the end."""

    place: Place = PORT

    async def go_on_duty(self) -> None:
        await self.ask("PUT", "/v1/me/provider", {"services": [SERVICE]})
        await self.ask("PUT", "/v1/me/duty", {"on": True, "market": MARKET})

    async def report(self) -> None:
        """Where it is, every second."""
        while True:
            await self.stand_at(self.place)
            await asyncio.sleep(FIX_EVERY)

    async def work(self) -> None:
        """One offer after another."""
        while True:
            event = await self.events.get()
            if event["type"] == "offer.created":
                await self._answer(event["data"]["id"])

    async def _answer(self, offer_id: str) -> None:
        verb = "decline" if self.dice.random() < DECLINES else "accept"
        status, answer = await self.do(f"/v1/offers/{offer_id}/{verb}")
        self.record.seen[f"{verb} {status}"] += 1
        if status == 200 and verb == "accept":
            await self._drive(answer["id"])
        elif status not in {200, 409, 410}:
            self.record.breaks(f"{verb}: {status} {answer}")

    async def _drive(self, engagement_id: str) -> None:
        words = {"id": engagement_id, "text": LONG_WORDS}
        await self.say(json.dumps({"t": "do", "id": str(uuid4()), "op": "message.send", "args": words}))
        for verb, place in (("set_off", CASINO), ("arrive", CASINO), ("start", BEACH), ("finish", BEACH)):
            pin = await self.pin_of(engagement_id) if verb == "start" else None
            more = {"pin": pin} if pin else {}
            path = f"/v1/engagements/{engagement_id}/actions"
            status, answer = await self.do(path, {"verb": verb, **more})
            if status != 200:
                await self._look(engagement_id, verb, f"{status} {answer}")
                return
            self.place = place
        self.place = PORT
        self.record.seen["rides finished"] += 1

    async def pin_of(self, engagement_id: str) -> str | None:
        """What the customer tells the driver at the door; nothing where the ride has ended before they could.

        They hear it by an event, and every fault delays those: while the driver stands there it may yet come.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWERED_WITHIN):
                while not await self._hears_the_pin(engagement_id):
                    _, seen = await self.ask("GET", f"/v1/engagements/{engagement_id}")
                    if seen["state"] != EngagementState.ARRIVED:
                        break
        return self.record.pins.get(engagement_id)

    async def _hears_the_pin(self, engagement_id: str) -> bool:
        """While one fix follows another; whether it is known by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIX_EVERY):
                while engagement_id not in self.record.pins:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(FIX_EVERY / 4)
        return engagement_id in self.record.pins

    async def _look(self, engagement_id: str, verb: str, refused: str) -> None:
        """A deed is refused where the other side has ended the ride, and for no other reason."""
        _, seen = await self.ask("GET", f"/v1/engagements/{engagement_id}")
        if seen["state"] != EngagementState.CANCELLED:
            self.record.breaks(f"{verb} while {seen['state']}: {refused}")
        self.record.seen["rides cancelled"] += 1
        self.place = PORT


class Customer(Survivor):
    """Asks for one ride after another."""

    async def ask_for_rides(self, over: asyncio.Event) -> None:
        """Until it is over; the last ride is waited for."""
        while not over.is_set():
            await self._ride()
            await asyncio.sleep(self.dice.uniform(*RESTS))

    async def _ride(self) -> None:
        stops = [_stop("pickup", CASINO), _stop("drop", BEACH)]
        status, quote = await self.ask("POST", "/v1/quotes", {"service": SERVICE, "stops": stops})
        if status not in {200, 201}:
            self.record.breaks(f"a quote: {status} {quote}")
            return
        status, request = await self.do("/v1/requests", {"quote_id": quote["quote_id"]})
        if status != 201:
            self.record.breaks(f"a request: {status} {request}")
            return
        self.record.seen["rides asked for"] += 1
        patience = self.dice.uniform(0.0, 3.0) if self.dice.random() < CANCELS else PATIENCE
        try:
            async with asyncio.timeout(patience):
                await self._ended(request["id"])
        except TimeoutError:
            status, answer = await self.do(f"/v1/requests/{request['id']}/cancel", {"reason": "too long"})
            self.record.seen[f"cancel {status}"] += 1
            if status not in {200, 409}:
                self.record.breaks(f"a cancellation: {status} {answer}")

    async def _ended(self, request_id: str) -> None:
        """Until the stream says that it has."""
        while True:
            event = await self.events.get()
            data: Frame = event["data"]
            if event["type"] in ENDS and request_id in {data.get("request_id"), data.get("id")}:
                return


def _stop(kind: str, at: Place) -> Frame:
    return {"kind": kind, "lat": at[0], "lon": at[1]}
