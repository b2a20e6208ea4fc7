"""What drivers and jobbers have in common: duty, offers, and an engagement from setting off to finish."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.town.people import Person
from app.town.phone import Event, Phone, Refused, Unreachable
from app.town.tally import Tally
from app.town.ways import Walker
from geo.points import LatLng

LOST: Final = frozenset(
    {
        "lost_race",
        "offer_expired",
        "illegal_move",
        "already_busy",
        "agenda_conflict",
        "not_found",
        "not_your_turn",
    }
)
DWELL_S: Final = 25.0  # real-life seconds between arriving and starting: a customer comes down


@dataclass
class Voices:
    """What people say to each other in the street: a PIN, told face to face."""

    pins: dict[str, "asyncio.Future[str]"] = field(default_factory=dict)

    def heard(self, engagement_id: str) -> "asyncio.Future[str]":
        return self.pins.setdefault(engagement_id, asyncio.get_running_loop().create_future())

    def say(self, engagement_id: str, pin: str) -> None:
        heard = self.heard(engagement_id)
        if not heard.done():
            heard.set_result(pin)


class Gone(Exception):
    """The engagement ended before its work was done."""


class Worker:
    """A provider on duty with a phone. Subclasses say where they wander and how the work itself goes."""

    services: tuple[str, ...] = ()
    trade = "ride"

    def __init__(self, phone: Phone, walker: Walker, tally: Tally, voices: Voices, *, market: str) -> None:
        self.phone, self.walker, self.tally, self.voices, self.market = phone, walker, tally, voices, market
        self.person: Person = phone.person
        self.inbox: asyncio.Queue[Event] = asyncio.Queue(
            maxsize=500
        )  # full: the newest is dropped, like a busy mind
        self.at_work = False
        self.asides: asyncio.Queue[Event] = asyncio.Queue(maxsize=5)  # what is answered with the hands full
        self.over: set[str] = set()
        phone.handle = self.hear

    # Hearing

    def hear(self, event: Event) -> None:
        """Take an event of the stream: endings count at once, the rest waits its turn."""
        data = event["data"]
        match event["type"]:
            case "engagement.cancelled" | "engagement.no_show" | "engagement.disputed":
                self.over.add(str(data.get("engagement_id", data.get("id"))))
            case "offer.created" if self.at_work and data["terms"].get("free_in_s"):
                if not self.asides.full():
                    self.asides.put_nowait(event)
            case "offer.created" | "engagement.confirmed" | "request.posted":
                if not self.inbox.full():
                    self.inbox.put_nowait(event)

    def wanted(self) -> bool:
        """Whether something waits for an answer (stops wandering)."""
        return not self.inbox.empty()

    # Living

    async def live(self) -> None:
        """Sign in, go on duty, then work and wander for ever."""
        await self.phone.sign_in()
        await self.phone.call("PATCH", "/v1/me", {"name": self.person.name})
        await self.phone.call("PUT", "/v1/me/provider", self.profile())
        await self.phone.call(
            "PUT", "/v1/me/duty", {"on": True, "market": self.market, "services": list(self.services)}
        )
        await self.leave_the_past()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.phone.stay_connected())
            tasks.create_task(self.tunnels())
            tasks.create_task(self.days())
            tasks.create_task(self.answer_asides())

    async def leave_the_past(self) -> None:
        """Get out of what a town that was stopped in the middle left behind."""
        page = await self.phone.call("GET", "/v1/me/engagements?state=active")
        for engagement in page["items"]:
            body = {"verb": "cancel", "reason": "la journée d'avant"}
            await self.lightly(
                "past_left", self.phone.call("POST", f"/v1/engagements/{engagement['id']}/actions", body)
            )

    async def days(self) -> None:
        while True:
            try:
                while not self.inbox.empty():
                    await self.answer(self.inbox.get_nowait())
                await self.wander()
            except (Refused, Unreachable) as unexpected:
                self.tally.surprised(self.person.name, unexpected)
                await self.walker.stand(2.0)

    async def tunnels(self) -> None:
        """Lose the network now and then, for a few seconds."""
        while True:
            await asyncio.sleep(60.0)
            if self.person.chance(self.person.temper.loses_network):
                self.tally.saw("network_lost")
                await self.phone.lose_network(self.person.about(6.0))

    async def answer_asides(self) -> None:
        """Answer what is offered while one finishes a trip; the work itself comes in its turn."""
        while True:
            event = await self.asides.get()
            try:
                await self.consider(event["data"], asyncio.sleep)
            except (Refused, Unreachable) as unexpected:
                self.tally.surprised(self.person.name, unexpected)

    def profile(self) -> dict[str, Any]:
        return {"services": list(self.services), "languages": ["fr"]}

    async def wander(self) -> None:
        raise NotImplementedError

    async def answer(self, event: Event) -> None:
        """Think, then act on an event."""
        if event["type"] == "offer.created":
            await self.consider(event["data"], self.walker.stand)
        elif event["type"] == "engagement.confirmed":
            await self.begin(event["data"])

    async def consider(self, offer: dict[str, Any], think: Callable[[float], Awaitable[Any]]) -> None:
        """Accept, decline or let an offer pass, after some seconds' thought."""
        temper = self.person.temper
        await think(self.person.about(temper.dawdles_s))
        if self.person.chance(temper.ignores):
            self.tally.saw("offer_ignored")
            return
        if self.person.chance(temper.declines):
            await self.lightly(
                "offer_declined", self.phone.call("POST", f"/v1/offers/{offer['id']}/decline", {})
            )
            return
        call = self.phone.call("POST", f"/v1/offers/{offer['id']}/accept", {})
        if await self.lightly("offer_accepted", call) and offer["terms"].get("free_in_s"):
            self.tally.saw("next_ride_agreed")

    async def lightly(self, what: str, call: Awaitable[Any]) -> bool:
        """Do something that somebody else may have made pointless; `False` when they have."""
        try:
            await call
        except Refused as refused:
            if refused.code not in LOST:
                self.tally.surprised(self.person.name, refused)
            self.tally.saw(f"{what}_too_late")
            return False
        self.tally.saw(what)
        return True

    # Working

    async def begin(self, engagement: dict[str, Any]) -> None:
        """Carry an engagement through, unless it ends on the way."""
        ident = str(engagement["id"])
        self.at_work = True
        try:
            await self.carry(ident, engagement)
        except Gone:
            self.tally.saw("engagement_ended_early")
        except Refused as refused:
            if refused.code not in LOST:
                self.tally.surprised(self.person.name, refused)
        finally:
            self.at_work = False

    async def carry(self, ident: str, engagement: dict[str, Any]) -> None:
        stops = [LatLng(stop["lat"], stop["lon"]) for stop in engagement["stops"]]
        ended = self.ended(ident)
        await self.act(ident, "set_off")
        if self.person.chance(self.person.temper.drops_out):
            await self.walker.stand(4.0, ended)
            await self.act(ident, "cancel", reason="panne")
            self.tally.saw("provider_dropped_out")
            return
        await self.reach(stops[0], ended)
        await self.act(ident, "arrive")
        await self.walker.stand(DWELL_S / self.walker.speed, ended)
        pin = await self.hear_pin(ident, ended) if engagement["completion"]["pin"] else None
        await self.act(ident, "start", **({"pin": pin} if pin else {}))
        await self.perform(stops, engagement["duration_s"], ended)
        await self.act(ident, "finish")
        self.tally.done(self.trade)
        await self.afterwards(ident)

    async def perform(self, stops: list[LatLng], duration_s: float, ended: Callable[[], bool]) -> None:
        """The work itself, from the start to the finish."""
        raise NotImplementedError

    def ended(self, ident: str) -> Callable[[], bool]:
        return lambda: ident in self.over

    async def reach(self, place: LatLng, ended: Callable[[], bool]) -> None:
        if not await self.walker.go(place, ended):
            raise Gone

    async def act(self, ident: str, verb: str, **more: Any) -> None:
        """Do a deed on the engagement; `Gone` when the other side ended it a moment ago."""
        if ident in self.over:
            raise Gone
        try:
            await self.phone.call("POST", f"/v1/engagements/{ident}/actions", {"verb": verb, **more})
        except Refused as refused:
            if refused.code in {"illegal_move", "lost_race", "not_found"}:
                raise Gone from refused
            raise

    async def hear_pin(self, ident: str, ended: Callable[[], bool]) -> str:
        """Wait until the customer says it."""
        heard = self.voices.heard(ident)
        while not heard.done():
            if ended():
                raise Gone
            await self.walker.stand(0.5, ended)
        return heard.result()

    async def afterwards(self, ident: str) -> None:
        if self.person.chance(self.person.temper.reviews):
            stars = int(self.person.rng.choice([3, 4, 5, 5, 5]))
            await self.lightly(
                "provider_reviewed",
                self.phone.call(
                    "POST", f"/v1/engagements/{ident}/reviews", {"stars": stars, "text": "Merci !"}
                ),
            )
