"""Any order of late answers, webhooks, second cards, offers and accepts: nothing moves without money held."""

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.timekeeper import Timekeeper
from domain.rules.errors import PaymentDeclined, Refusal
from domain.rules.money import Cents, Money
from domain.rules.places import Place
from domain.rules.ports import PspAnswer, PspOutcome, PspTimeout
from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState
from domain.store.tables import Engagement, Offer, Payment
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.funding import pay
from domain.usecases.offers import accept_offer
from domain.usecases.psp_webhook import hear, sign
from domain.usecases.requests import Wish, create_request
from domain.usecases.work import NOBODY
from tests.factories import CASINO, PORT, a_posted_job, a_round, put_at, run_as, the_offers_of
from tests.usecases.engaged import Town
from tests.usecases.test_paying_again import prices


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


class FickleBank:
    """Answers as chance has it, remembers what it holds; what it has decided for a key it says again."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.decided: dict[str, PspOutcome] = {}
        self.held: set[str] = set()
        self.taken: set[str] = set()

    async def authorise(self, key: str, amount: Money, *, method: str, meta: Mapping[str, Any]) -> PspAnswer:
        if key not in self.decided:
            fate = self.chance.choice(("yes", "no", "later", "later", "silence", "silent yes", "silent no"))
            if fate.endswith("yes"):
                self.decided[key] = PspOutcome.DONE
                self.held.add(key)
            elif fate.endswith("no"):
                self.decided[key] = PspOutcome.DECLINED
            if fate.startswith("silen"):
                raise PspTimeout
            if fate == "later":
                return PspAnswer(PspOutcome.PENDING, key)
        return PspAnswer(self.decided[key], key, "no" if key not in self.held else "")

    def relent(self, known: set[str]) -> None:
        """It blocks, after all, an amount that it has refused (and that we have kept a row of)."""
        refused = sorted(key for key in known if self.decided.get(key) is PspOutcome.DECLINED)
        if refused:
            self.held.add(self.chance.choice(refused))

    async def capture(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        assert ref in self.held, "captured what was not held"
        self.held.discard(ref)
        self.taken.add(ref)
        return PspAnswer(PspOutcome.DONE, ref)

    async def release(self, key: str, ref: str) -> PspAnswer:
        self.held.discard(ref)
        return PspAnswer(PspOutcome.DONE, ref)

    async def refund(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        raise AssertionError("nobody refunds here")


async def one_step(town: Town, bank: FickleBank, request: UUID, chance: random.Random) -> None:
    card = chance.choice(("card", "another card"))
    match chance.choice(
        ("pay", "pay", "webhook", "settle", "settle", "round", "accept", "accept", "work", "relent")
    ):
        case "pay":
            await run_as(town.tools, town.customer, pay, request, card)
        case "webhook":
            known = [p.psp_ref for p in await prices(town, request) if p.psp_ref]
            if known:
                body = f'{{"ref": "{chance.choice(known)}"}}'.encode()
                await run_as(town.tools, NOBODY, hear, body, sign(b"h" * 32, body))
        case "settle":
            town.clock.move(chance.randint(0, 3))
            await town.settle()
        case "relent":
            bank.relent({p.psp_ref for p in await prices(town, request) if p.psp_ref})
        case "round":
            town.clock.move(1)
            put_at(town.tools, town.driver.id, PORT)
            await a_round(town.tools)
        case "accept":
            for offer in await the_offers_of(town.tools, town.driver):
                await run_as(town.tools, town.driver, accept_offer, UUID(offer["id"]))
        case _:
            await work_on(town, request)


async def work_on(town: Town, request: UUID) -> None:
    """The next deed on whatever was agreed."""
    async with town.tools.sessions() as db:
        row = (await db.execute(select(Engagement).where(Engagement.request_id == request))).scalar()
    if row is not None and row.state in ACTIVE_ENGAGEMENT:
        verb = {"confirmed": "set_off", "en_route": "arrive", "arrived": "start", "in_progress": "finish"}
        await town.do(town.driver, row.id, verb[row.state], pin=row.pin)


async def check(town: Town, bank: FickleBank) -> None:
    """At every moment: nobody asked, bound or at work without money held; never two amounts held for one need."""
    async with town.tools.sessions() as db:
        payments = (await db.execute(select(Payment))).scalars().all()
        engagements = (await db.execute(select(Engagement))).scalars().all()
        offers = (await db.execute(select(Offer).where(Offer.origin == "dispatch"))).scalars().all()
    holding = [p for p in payments if p.want == "hold" and p.state in ("pending", "authorised")]
    assert len(holding) <= 1
    paid = [p for p in payments if p.state == "authorised" and p.want in ("hold", "capture")]
    paid += [p for p in payments if p.state == "captured"]
    assert len(paid) <= 1
    if any(offer.state in ("pending", "accepted") for offer in offers):
        assert paid
    for row in engagements:
        begun = row.state in (EngagementState.IN_PROGRESS, EngagementState.COMPLETED)
        if begun or row.allocator == "dispatch":
            assert paid
            assert (paid[0].psp_ref or "") in bank.held | bank.taken, "the bank knows nothing of it"


@pytest.mark.parametrize("seed", range(8))
async def test_in_any_order_nothing_moves_without_money_and_the_bank_keeps_nothing(
    town: Town, seed: int
) -> None:
    chance = random.Random(seed)
    bank = FickleBank(chance)
    town.tools = replace(town.tools, psp=bank)
    town.keeper = Timekeeper(town.tools)
    request = await (asked_for(town) if seed % 2 else awarded(town))
    for _ in range(25):
        with suppress(Refusal):
            await one_step(town, bank, request, chance)
        await check(town, bank)
    with suppress(Refusal):
        await run_as(town.tools, town.customer, cancel_request, request)
    for payment in await prices(town, request):  # the service's last word on each
        if payment.psp_ref:
            body = f'{{"ref": "{payment.psp_ref}"}}'.encode()
            await run_as(town.tools, NOBODY, hear, body, sign(b"h" * 32, body))
    for _ in range(8):
        town.clock.move(400)
        await town.settle()
    states = {p.psp_ref: p.state for p in await prices(town, request)}
    assert all(states[key] == "authorised" for key in bank.held), states
    assert len(bank.held) <= 1  # of work that nobody has finished


async def asked_for(town: Town) -> UUID:
    """A ride, asked until the bank says anything but no."""
    for _ in range(50):
        try:
            places = (Place("pickup", PORT), Place("drop", CASINO))
            wish = Wish(service="ride-vtc", places=places)
            return UUID(str((await run_as(town.tools, town.customer, create_request, wish)).row.id))
        except PaymentDeclined:
            continue
    raise AssertionError("a bank that always says no")


async def awarded(town: Town) -> UUID:
    """A posted job, awarded as often as it takes."""
    job = await a_posted_job(town.tools, town.customer)
    bid = Bid(price_cents=6_000, currency="EUR", start_at=town.clock.at + timedelta(hours=2))
    offer = await run_as(town.tools, town.driver, propose, job, bid)
    for _ in range(50):
        try:
            await run_as(town.tools, town.customer, accept_offer, offer.id)
        except PaymentDeclined:
            continue
        return job
    raise AssertionError("a bank that always says no")
