"""A driver near the end of a ride, and the next request beside that end. Made the way it is made."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.states import Verb
from domain.store import invariants
from domain.store.tables import Engagement, EventRow, Market
from domain.usecases.actions import Deed, act
from domain.usecases.engagements import engagement_seen
from domain.usecases.offers import accept_offer
from domain.usecases.work import Actor, Tools
from geo.crow import CrowTravel
from geo.points import LatLng
from geo.travel import Profile
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    FakeClock,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
    the_offers_of,
)

NEAR_CASINO = LatLng(43.7380, 7.4265)  # less than two hundred metres before the end of the first ride


def by_road(a: LatLng, b: LatLng) -> float:
    """Seconds between two places in these tests' city."""
    return float(CrowTravel().from_one(a, [b], Profile.DRIVE).seconds[0])


async def sound(street: "Street") -> None:
    """Nothing that must never be true is true."""
    async with street.tools.sessions() as db:
        assert {what: n for what, n in (await invariants.breaches(db)).items() if n} == {}


class Street:
    """A market whose one driver carries a customer from the port to the casino."""

    def __init__(self, tools: Tools, clock: FakeClock) -> None:
        self.tools, self.clock = tools, clock
        self.first: UUID
        self.driver: Actor
        self.riding: Actor
        self.waiting: Actor

    @classmethod
    async def founded(cls, engine: AsyncEngine) -> "Street":
        clock = at_present()
        street = cls(make_tools(engine, clock=clock), clock)
        await a_market(street.tools)
        street.driver = await a_provider(street.tools, at=PORT)
        street.riding = await an_account(street.tools, name="Camille Blanc")
        street.waiting = await an_account(street.tools, name="Sacha Vert")
        await a_ride(street.tools, street.riding)
        street.first = await street.taken()
        return street

    async def taken(self, driver: Actor | None = None) -> UUID:
        """A round, and the driver accepts what it brings."""
        await a_round(self.tools)
        return await self.accepted(driver)

    async def accepted(self, driver: Actor | None = None) -> UUID:
        who = driver or self.driver
        (offer,) = await the_offers_of(self.tools, who)
        accepted = await run_as(self.tools, who, accept_offer, UUID(offer["id"]))
        return UUID(str(accepted.engagement.id))

    async def do(
        self, engagement: UUID, verb: str, actor: Actor | None = None, **deed: Any
    ) -> dict[str, Any]:
        done: dict[str, Any] = await run_as(
            self.tools, actor or self.driver, act, engagement, Deed(verb=Verb(verb), **deed)
        )
        return done

    async def drive(self, engagement: UUID, customer: Actor, *verbs: str) -> None:
        """Some of the steps of a ride, a minute each."""
        for verb in verbs:
            pin = (await self.seen(engagement, customer))["pin"] if verb == "start" else None
            await self.do(engagement, verb, pin=pin)
            self.clock.move(60)

    async def near_its_end(self, at: LatLng = NEAR_CASINO) -> None:
        """The first ride is under way, and its driver at a place."""
        await self.drive(self.first, self.riding, "set_off", "arrive", "start")
        self.be_at(at)

    def be_at(self, place: LatLng, driver: Actor | None = None) -> None:
        put_at(self.tools, (driver or self.driver).id, place)

    async def next_request(self, pickup: LatLng = CASINO, drop: LatLng = LARVOTTO, **said: Any) -> UUID:
        return await a_ride(self.tools, self.waiting, pickup=pickup, drop=drop, **said)

    async def chained(self) -> UUID:
        """The next request, promised to the driver while the first ride runs."""
        await self.near_its_end()
        await self.next_request()
        return await self.taken()

    async def seen(self, engagement: UUID, actor: Actor | None = None) -> dict[str, Any]:
        view: dict[str, Any] = await run_as(self.tools, actor or self.driver, engagement_seen, engagement)
        return view

    async def row(self, engagement: UUID) -> Engagement:
        async with self.tools.sessions() as db:
            return await db.get_one(Engagement, engagement)

    async def heard(self, actor: Actor, about: UUID | None = None) -> list[str]:
        async with self.tools.sessions() as db:
            found = select(EventRow.type).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
            if about is not None:
                found = found.where(
                    EventRow.type.startswith("engagement."),
                    EventRow.data["engagement_id"].as_string() == str(about),
                )
            return list((await db.execute(found)).scalars())

    async def settings(self, **dispatch: Any) -> None:
        """How the market's rounds are run."""
        async with self.tools.sessions.begin() as db:
            market = await db.get_one(Market, "monaco")
            market.settings = {**market.settings, "dispatch": dispatch}

    async def one_at_a_time(self) -> None:
        """Each wave asks one person only."""
        async with self.tools.sessions.begin() as db:
            one = '[{"size": 1, "within_s": 1500}]'
            await db.execute(
                text("UPDATE services SET spec = jsonb_set(spec, '{dispatch,waves}', cast(:one as jsonb))"),
                {"one": one},
            )
        self.tools.specs.clear()  # a version never changes, but here
