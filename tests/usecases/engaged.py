"""Agreed work for tests, made the way it is made: asked, offered, accepted, done. Clocks moved by hand."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.psp_sandbox import SandboxPsp
from app.timekeeper import Timekeeper
from domain.rules.places import Place
from domain.rules.states import Verb
from domain.store.tables import Engagement, EventRow, Payment
from domain.usecases.actions import Deed, act
from domain.usecases.call import Bid, propose
from domain.usecases.engagements import engagement_seen
from domain.usecases.offers import accept_offer
from domain.usecases.requests import Wish, create_request
from domain.usecases.work import Actor, Tools
from tests.factories import (
    CASINO,
    PORT,
    FakeClock,
    a_market,
    a_posted_job,
    a_provider,
    a_round,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
    the_offers_of,
)


class Town:
    """A market with a customer, a driver and a member of staff, a sandbox that pays, and a timekeeper to step."""

    def __init__(self, tools: Tools, clock: FakeClock, psp: SandboxPsp) -> None:
        self.tools, self.clock, self.psp = tools, clock, psp
        self.keeper = Timekeeper(tools)
        self.customer: Actor
        self.driver: Actor
        self.staff: Actor

    @classmethod
    async def founded(cls, engine: AsyncEngine) -> "Town":
        clock, psp = at_present(), SandboxPsp(b"h" * 32)
        town = cls(make_tools(engine, clock=clock, psp=psp), clock, psp)
        await a_market(town.tools)
        town.customer = await an_account(town.tools, name="Camille Blanc")
        town.driver = await a_provider(town.tools, ("ride-vtc", "odd-job"), name="Dominique Noir")
        town.staff = await an_account(town.tools, name="Ops", is_ops=True)
        return town

    async def ask(self, method: str = "card", customer: Actor | None = None) -> UUID:
        places = (Place("pickup", PORT), Place("drop", CASINO))
        wish = Wish(service="ride-vtc", places=places, method=method)
        made = await run_as(self.tools, customer or self.customer, create_request, wish)
        return UUID(str(made.row.id))

    async def ride(self, method: str = "card") -> UUID:
        """A ride that the driver has accepted."""
        await self.ask(method)
        return await self.accept()

    async def accept(self, driver: Actor | None = None) -> UUID:
        driver = driver or self.driver
        self.clock.move(1)
        put_at(self.tools, driver.id, PORT)
        await a_round(self.tools)
        return await self.accept_pending(driver)

    async def accept_pending(self, driver: Actor) -> UUID:
        """The one offer that waits for a driver's answer gets it."""
        (offer,) = await the_offers_of(self.tools, driver)
        accepted = await run_as(self.tools, driver, accept_offer, UUID(offer["id"]))
        return UUID(str(accepted.engagement.id))

    async def job(self, method: str = "card") -> UUID:
        """A posted job whose proposal the customer has accepted, for two hours from now."""
        request = await a_posted_job(self.tools, self.customer)
        bid = Bid(price_cents=6_000, currency="EUR", start_at=self.clock.at + timedelta(hours=2))
        offer = await run_as(self.tools, self.driver, propose, request, bid)
        accepted = await run_as(self.tools, self.customer, accept_offer, offer.id, method=method)
        return UUID(str(accepted.engagement.id))

    async def do(self, actor: Actor, engagement: UUID, verb: str, **deed: Any) -> dict[str, Any]:
        done: dict[str, Any] = await run_as(self.tools, actor, act, engagement, Deed(verb=Verb(verb), **deed))
        return done

    async def pin(self, engagement: UUID) -> str:
        return str((await self.seen(self.customer, engagement))["pin"])

    async def seen(self, actor: Actor, engagement: UUID) -> dict[str, Any]:
        view: dict[str, Any] = await run_as(self.tools, actor, engagement_seen, engagement)
        return view

    async def drive_to(self, engagement: UUID, state: str) -> None:
        """Bring work on to a state: en_route, arrived, in_progress or completed; each step takes a minute."""
        order = ("confirmed", "en_route", "arrived", "in_progress", "completed")
        now = (await self.row(engagement)).state
        verbs = ("set_off", "arrive", "start", "finish")[order.index(now) : order.index(state)]
        for verb in verbs:
            pin = (await self.seen(self.customer, engagement))["pin"] if verb == "start" else None
            await self.do(self.driver, engagement, verb, pin=pin)
            self.clock.move(60)

    async def settle(self) -> None:
        """Let the timekeeper do what is due."""
        await self.keeper.step()

    async def payments(self, engagement: UUID) -> list[Payment]:
        async with self.tools.sessions() as db:
            found = select(Payment).where(Payment.engagement_id == engagement).order_by(Payment.id)
            return list((await db.execute(found)).scalars())

    async def row(self, engagement: UUID) -> Engagement:
        async with self.tools.sessions() as db:
            return await db.get_one(Engagement, engagement)

    async def heard(self, actor: Actor) -> list[str]:
        async with self.tools.sessions() as db:
            found = select(EventRow.type).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
            return list((await db.execute(found)).scalars())
