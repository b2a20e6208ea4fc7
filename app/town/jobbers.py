"""Jobbers: they walk, answer posted jobs with a price and a time, and work."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.town.phone import Event, Refused
from app.town.ways import near, on_a_street
from app.town.work import Worker
from domain.rules.wire import moment
from geo.cells import center, from_hex
from geo.points import LatLng, crow_m
from geo.travel import Profile

HOURLY_CENTS = 2_800  # what a jobber asks by the hour, before their temper
STROLL_M = 250.0
NEARBY_M = 900.0  # further than a quarter of an hour on foot does not appeal
LEAST_OF_PRICE = 0.85  # of their own price: below that a counter-offer is declined
REFUSALS = frozenset(
    {"agenda_conflict", "already_proposed", "not_eligible", "not_found", "illegal_move", "lost_race"}
)


class Jobber(Worker):
    """Somebody handy, on foot."""

    services = ("odd-job", "odd-job-now")
    trade = "job"

    async def wander(self) -> None:
        """Stroll around the neighbourhood."""
        if self.person.chance(0.3):
            there = near(self.walker.here, self.person.rng, STROLL_M)
            await self.walker.go(on_a_street(self.walker.ground.streets, there, Profile.WALK), self.wanted)
        await self.walker.stand(self.person.about(20.0 / self.walker.speed + 2.0), self.wanted)

    async def answer(self, event: Event) -> None:
        if event["type"] == "request.posted":
            await self.propose(event["data"])
        else:
            await super().answer(event)

    async def propose(self, posted: dict[str, Any]) -> None:
        """Name a price and a time, if it appeals."""
        far = crow_m(self.walker.here, center(from_hex(posted["stops"][0]["cell"]))) > NEARBY_M
        if far or self.person.chance(0.2):
            self.tally.saw("job_passed_over")
            return
        await self.walker.stand(self.person.about(self.person.temper.dawdles_s))
        minutes = posted.get("duration_s", 3_600) / 60
        cents = max(1_500, round(HOURLY_CENTS * minutes / 60 * float(self.person.rng.uniform(0.85, 1.3)), -2))
        start = datetime.now(UTC) + timedelta(minutes=float(self.person.rng.uniform(1, 8)))
        body = {
            "price": {"amount": int(cents), "currency": "EUR"},
            "message": "Je peux passer tout de suite.",
            "start_at": moment(start),
        }
        try:
            await self.phone.call("POST", f"/v1/requests/{posted['id']}/offers", body)
        except Refused as refused:
            if refused.code not in REFUSALS:
                self.tally.surprised(self.person.name, refused)
            self.tally.saw(f"proposal_refused_{refused.code}")
            return
        self.tally.saw("proposed")

    async def consider(self, offer: dict[str, Any], think: Callable[[float], Awaitable[Any]]) -> None:
        """A counter-offer is weighed; an urgent job is taken like a ride."""
        if offer["origin"] == "counter" and self.person.chance(1 - LEAST_OF_PRICE):
            await self.lightly(
                "counter_declined", self.phone.call("POST", f"/v1/offers/{offer['id']}/decline", {})
            )
            return
        await super().consider(offer, think)

    async def perform(self, stops: list[LatLng], duration_s: float, ended: Callable[[], bool]) -> None:
        """On the spot, for as long as it was said to take."""
        del stops
        await self.walker.stand(duration_s / self.walker.speed, ended)
