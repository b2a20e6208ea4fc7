"""Customers: they ask by time and place, compare, haggle, wait, pay, tip and review; some change their mind."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from app.town.people import Person
from app.town.phone import Event, Phone, Refused, Unreachable
from app.town.tally import Tally
from app.town.ways import near
from app.town.work import LOST, Voices
from geo.points import LatLng, crow_m

BETWEEN_S: Final = 150.0  # real-life seconds of rest between two needs: a busy town
SHORTEST_RIDE_M: Final = 500.0
LEAST_CENTS: Final = 1_500  # what the service allows at least
COMPARE_S: Final = 4.0  # real seconds a customer gives jobbers to propose
PATIENCE_S: Final = 200.0  # real seconds before a customer looks for themselves what became of a request
JOBS: Final = (
    ("Fixer une étagère", 9), ("Déboucher un évier", 8), ("Monter un meuble", 12), ("Porter des cartons", 5),
    ("Nettoyer une gouttière", 10), ("Changer une serrure", 8), ("Arroser les plantes", 4),
)  # fmt: skip
SERVICES: Final = ("ride-vtc", "ride-eco", "parcel", "odd-job-now", "odd-job")
WEIGHTS: Final = (0.34, 0.3, 0.08, 0.08, 0.2)


class Customer:
    """Somebody who needs a hand, again and again."""

    def __init__(
        self,
        phone: Phone,
        tally: Tally,
        voices: Voices,
        places: Sequence[LatLng],
        *,
        market: str,
        speed: float,
    ) -> None:
        self.phone, self.tally, self.voices, self.places = phone, tally, voices, places
        self.market, self.speed = market, speed
        self.person: Person = phone.person
        self.events: asyncio.Queue[Event] = asyncio.Queue(maxsize=500)  # full: the oldest story is long over
        phone.handle = self.hear

    def hear(self, event: Event) -> None:
        if not self.events.full():
            self.events.put_nowait(event)

    async def live(self) -> None:
        await self.phone.sign_in()
        await self.phone.call("PATCH", "/v1/me", {"name": self.person.name})
        for request in (await self.phone.call("GET", "/v1/me/requests?state=open"))["items"]:
            await self.lightly("past_left", "POST", f"/v1/requests/{request['id']}/cancel", {})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.phone.stay_connected())
            tasks.create_task(self.days())

    async def days(self) -> None:
        await asyncio.sleep(float(self.person.rng.uniform(0.5, 0.5 + BETWEEN_S / self.speed / 2)))
        while True:
            try:
                await self.need()
            except (Refused, Unreachable) as unexpected:
                self.tally.surprised(self.person.name, unexpected)
            await asyncio.sleep(self.person.about(BETWEEN_S / self.speed))

    async def need(self) -> None:
        """Ask for something and see it through."""
        while not self.events.empty():
            self.events.get_nowait()
        service = str(self.person.rng.choice(SERVICES, p=WEIGHTS))
        request = await self.ask(service)
        if request is None:
            return
        self.tally.saw(f"asked_{service}")
        engagement = await self.await_match(request)
        if engagement is not None:
            await self.follow(engagement)

    # Asking

    async def ask(self, service: str) -> dict[str, Any] | None:
        try:
            if service == "odd-job":
                what, minutes = JOBS[int(self.person.rng.integers(len(JOBS)))]
                body: dict[str, Any] = {
                    "service": service,
                    "market": self.market,
                    "stops": [_stop("site", self.somewhere())],
                    "answers": {"what": what, "duration_min": minutes},
                }
            else:
                quote = await self.phone.call("POST", "/v1/quotes", self.wish(service))
                body = {"quote_id": quote["quote_id"]}
            request: dict[str, Any] = await self.phone.call("POST", "/v1/requests", body)
        except Refused as refused:
            if refused.code in {"pickup_restricted", "outside_service_area", "stops_too_far"}:
                self.tally.saw(f"asked_in_vain_{refused.code}")
                return None
            raise
        return request

    def wish(self, service: str) -> dict[str, Any]:
        start = self.somewhere()
        if service == "odd-job-now":
            what, minutes = JOBS[int(self.person.rng.integers(len(JOBS)))]
            return {
                "service": service,
                "stops": [_stop("site", start)],
                "answers": {"what": what, "duration_min": minutes},
            }
        end = self.somewhere()
        while crow_m(start, end) < SHORTEST_RIDE_M:
            end = self.somewhere()
        return {"service": service, "stops": [_stop("pickup", start), _stop("drop", end)]}

    def somewhere(self) -> LatLng:
        """Around one of the town's named places; the first ones are the most visited (Zipf, flattened)."""
        weights = 1.0 / (np.arange(len(self.places)) + 8.0)
        rank = int(self.person.rng.choice(len(self.places), p=weights / weights.sum()))
        return near(self.places[rank], self.person.rng, 120.0)

    # Waiting

    async def await_match(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Wait for an engagement; choose among proposals; sometimes give up."""
        ident = request["id"]
        gives_up = self.person.chance(self.person.temper.cancels)
        compare_at: float | None = None
        loop = asyncio.get_running_loop()
        end = loop.time() + (self.person.about(8.0) if gives_up else PATIENCE_S)
        while loop.time() < end:
            event = await self.next_event(min(end, compare_at or end) - loop.time())
            if compare_at is not None and loop.time() >= compare_at:
                compare_at = None if await self.choose(ident) else loop.time() + COMPARE_S
            if event is None or event["data"].get("request_id", event["data"].get("id")) != ident:
                continue
            match event["type"]:
                case "engagement.confirmed":
                    engagement: dict[str, Any] = event["data"]
                    return engagement
                case "request.expired" | "request.cancelled":
                    self.tally.saw("request_expired")
                    return None
                case "offer.created" if compare_at is None:
                    compare_at = loop.time() + COMPARE_S
        await self.lightly(
            "request_cancelled", "POST", f"/v1/requests/{ident}/cancel", {"reason": "changé d'avis"}
        )
        return None

    async def choose(self, request_id: str) -> bool:
        """Compare the proposals and take the best, or haggle once over it. `True` when that settles it."""
        page = await self.phone.call("GET", f"/v1/requests/{request_id}/offers")
        open_ones = [offer for offer in page["items"] if offer["state"] == "pending"]
        proposals = [offer for offer in open_ones if offer["origin"] == "proposal"]
        if not proposals:
            return not open_ones  # a counter is still being thought about
        best = min(
            proposals, key=lambda offer: offer["price"]["amount"] * (1 + offer["terms"]["approach_s"] / 900)
        )
        if self.person.chance(self.person.temper.haggles):
            amount = max(int(best["price"]["amount"] * 0.9), LEAST_CENTS)
            less = {"price": {"amount": amount, "currency": "EUR"}}
            await self.lightly("countered", "POST", f"/v1/offers/{best['id']}/counter", less)
            return False
        return await self.lightly("awarded", "POST", f"/v1/offers/{best['id']}/accept", {})

    # Following

    async def follow(self, engagement: dict[str, Any]) -> None:
        """Say the PIN when they are there, watch them come, confirm, tip, review."""
        ident = str(engagement["id"])
        channel = f"engagement:{ident}"
        await self.phone.follow(channel)
        leaves = self.person.chance(self.person.temper.cancels / 2)
        try:
            while True:
                event = await self.next_event(self.person.about(20.0) if leaves else PATIENCE_S)
                if event is None:
                    state = (await self.phone.call("GET", f"/v1/engagements/{ident}"))["state"]
                    if leaves and state in {"confirmed", "en_route"}:
                        await self.lightly("customer_left", *_act(ident, "cancel", reason="trop long"))
                        return
                    if state in {"completed", "cancelled", "no_show", "disputed"}:
                        return
                    continue
                if str(event["data"].get("engagement_id", event["data"].get("id"))) != ident:
                    continue
                match event["type"]:
                    case "engagement.en_route" | "engagement.arrived":
                        leaves = leaves and event["type"] == "engagement.en_route"
                        await self.say_pin(ident, engagement)
                    case "engagement.completed":
                        await self.thank(ident, engagement)
                        return
                    case "engagement.cancelled" | "engagement.no_show" | "engagement.disputed":
                        self.tally.saw("customer_was_left")
                        return
        finally:
            await self.phone.unfollow(channel)

    async def say_pin(self, ident: str, engagement: dict[str, Any]) -> None:
        pin = engagement.get("pin")
        if pin:
            self.voices.say(ident, pin)

    async def thank(self, ident: str, engagement: dict[str, Any]) -> None:
        tip = (
            {"tip": {"amount": 200, "currency": "EUR"}} if self.person.chance(self.person.temper.tips) else {}
        )
        if engagement["completion"]["kind"] == "customer_confirms" or tip:
            await self.lightly("confirmed", *_act(ident, "confirm", **tip))
        if self.person.chance(self.person.temper.reviews):
            stars = int(self.person.rng.choice([2, 4, 5, 5, 5]))
            await self.lightly(
                "customer_reviewed", "POST", f"/v1/engagements/{ident}/reviews", {"stars": stars}
            )

    async def lightly(self, what: str, method: str, path: str, body: dict[str, Any]) -> bool:
        """Do something that somebody else may have made pointless; `False` when they have."""
        try:
            await self.phone.call(method, path, body)
        except Refused as refused:
            if refused.code not in LOST | {"payment_declined"}:
                self.tally.surprised(self.person.name, refused)
            self.tally.saw(f"{what}_too_late")
            return False
        self.tally.saw(what)
        return True

    async def next_event(self, seconds: float) -> Event | None:
        try:
            async with asyncio.timeout(max(seconds, 0.05)):
                return await self.events.get()
        except TimeoutError:
            return None


def _stop(kind: str, place: LatLng) -> dict[str, Any]:
    return {"kind": kind, "lat": round(place.lat, 6), "lon": round(place.lon, 6)}


def _act(ident: str, verb: str, **more: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", f"/v1/engagements/{ident}/actions", {"verb": verb, **more}
