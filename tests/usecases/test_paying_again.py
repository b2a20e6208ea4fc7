"""A payment that fails after a silence: the customer hears why, pays again, and nothing moves without money."""

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.timekeeper import Timekeeper
from domain.rules.errors import Forbidden, IllegalMove, NotFound, PaymentDeclined, PaymentPending, Refusal
from domain.rules.money import Cents, Money
from domain.rules.places import Place
from domain.rules.ports import PspAnswer, PspOutcome, PspTimeout
from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState
from domain.store.tables import Engagement, EventRow, Offer, Payment, Request
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.funding import pay
from domain.usecases.offers import accept_offer
from domain.usecases.psp_webhook import hear, sign
from domain.usecases.requests import Wish, create_request, request_seen
from domain.usecases.work import NOBODY, Actor
from tests.factories import (
    CASINO,
    PORT,
    a_posted_job,
    a_provider,
    a_round,
    an_account,
    put_at,
    run_as,
    the_offers_of,
)
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def unpaid(town: Town, method: str = "card_timeout_declined") -> UUID:
    """A ride whose payment was refused after the customer had been let go."""
    request = await town.ask(method)
    town.clock.move(1)
    await town.settle()
    return request


async def seen(town: Town, request: UUID) -> dict[str, Any]:
    view: dict[str, Any] = await run_as(town.tools, town.customer, request_seen, request)
    return view


async def prices(town: Town, request: UUID) -> list[Payment]:
    async with town.tools.sessions() as db:
        found = select(Payment).where(Payment.request_id == request).order_by(Payment.id)
        return list((await db.execute(found)).scalars())


async def told(town: Town, actor: Actor, type_: str) -> list[dict[str, Any]]:
    async with town.tools.sessions() as db:
        found = select(EventRow).where(EventRow.account_id == actor.id, EventRow.type == type_)
        return [row.data for row in (await db.execute(found.order_by(EventRow.seq))).scalars()]


@pytest.mark.parametrize("method", ["card_timeout_declined", "card_late_declined"])
async def test_the_customer_hears_at_once_that_payment_is_missing_and_why(town: Town, method: str) -> None:
    request = await town.ask(method)
    before = await seen(town, request)
    assert (before["payment"]["state"], before["payment_needed"]) == ("pending", False)
    town.clock.move(1)
    await town.settle()
    (event,) = await told(town, town.customer, "payment.failed")
    assert event["reason"] == "insufficient funds"
    assert (event["payment_needed"], event["request_id"]) == (True, str(request))
    view = await seen(town, request)
    assert view["state"] == "open"
    assert (view["payment_needed"], view["payment"]["state"]) == (True, "failed")
    assert view["payment"]["reason"] == "insufficient funds"
    assert event["pay_by"] == view["expires_at"]


async def test_nobody_is_asked_for_a_request_that_is_not_paid(town: Town) -> None:
    await unpaid(town)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    assert await the_offers_of(town.tools, town.driver) == []


async def test_paying_with_another_card_puts_the_request_on_its_way_with_its_whole_patience(
    town: Town,
) -> None:
    request = await unpaid(town)
    town.clock.move(500)
    await town.settle()
    view = await run_as(town.tools, town.customer, pay, request, "card")
    assert (view["payment"]["state"], view["payment_needed"]) == ("authorised", False)
    async with town.tools.sessions() as db:
        row = await db.get_one(Request, request)
    assert (row.due_at, row.expires_at) == (town.clock.at, town.clock.at + timedelta(seconds=180))
    engagement = await town.accept()
    await town.drive_to(engagement, "completed")
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["failed", "captured"]
    assert (await town.seen(town.customer, engagement))["payment"]["state"] == "captured"


async def test_nobody_who_pays_has_less_time_to_find_another_card_than_ten_minutes(town: Town) -> None:
    request = await unpaid(town)
    town.clock.move(590)
    await town.settle()
    assert (await seen(town, request))["state"] == "open"
    town.clock.move(20)
    await town.settle()
    view = await seen(town, request)
    assert (view["state"], view["outcome"]["reason"]) == ("expired", "payment")
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, pay, request, "card")


async def test_a_second_card_that_is_refused_at_once_changes_nothing(town: Town) -> None:
    request = await unpaid(town)
    with pytest.raises(PaymentDeclined):
        await run_as(town.tools, town.customer, pay, request, "card_declined")
    assert [p.state for p in await prices(town, request)] == ["failed"]
    assert (await seen(town, request))["payment_needed"] is True


async def test_paying_twice_is_paying_once(town: Town) -> None:
    request = await unpaid(town)
    for _ in range(3):
        await run_as(town.tools, town.customer, pay, request, "card")
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]
    await run_as(town.tools, town.customer, pay, request, "card_late")  # another card does not replace it
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]


async def test_the_same_means_asked_for_again_while_undecided_is_one_payment(town: Town) -> None:
    request = await town.ask("card_late")
    view = await run_as(town.tools, town.customer, pay, request, "card_late")
    assert view["payment"]["state"] == "pending"
    assert len(await prices(town, request)) == 1


async def test_a_late_yes_to_the_first_card_is_let_go_when_a_second_one_pays(town: Town) -> None:
    request = await town.ask("card_late")
    await run_as(town.tools, town.customer, pay, request, "card")
    first, second = await prices(town, request)
    assert (first.state, first.want, first.reason) == ("pending", "release", "replaced")
    assert (second.state, second.want) == ("authorised", "hold")
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["released", "authorised"]
    assert ("release", f"{first.id}:release") in town.psp.calls
    assert await told(town, town.customer, "payment.failed") == []


async def test_a_late_no_to_a_card_that_was_replaced_alarms_nobody(town: Town) -> None:
    request = await town.ask("card_late_declined")
    await run_as(town.tools, town.customer, pay, request, "card")
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]
    assert await told(town, town.customer, "payment.failed") == []
    assert (await seen(town, request))["payment_needed"] is False


async def test_only_the_customer_pays_for_a_request(town: Town) -> None:
    request = await unpaid(town)
    for stranger in (town.driver, await an_account(town.tools)):
        with pytest.raises(NotFound):
            await run_as(town.tools, stranger, pay, request, "card")
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.staff, pay, request, "card")


async def test_there_is_nothing_to_pay_for_a_posted_job_before_it_is_awarded(town: Town) -> None:
    job = await a_posted_job(town.tools, town.customer)
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, pay, job, "card")


async def test_awarded_work_whose_payment_fails_starts_once_it_is_paid_again(town: Town) -> None:
    job = await town.job("card_late_declined")
    await town.drive_to(job, "arrived")
    await town.settle()
    (customer_heard,) = await told(town, town.customer, "payment.failed")
    (provider_heard,) = await told(town, town.driver, "payment.failed")
    assert (customer_heard["role"], customer_heard["payment_needed"]) == ("customer", True)
    assert provider_heard["role"] == "provider"
    assert not {"method", "reason"} & provider_heard.keys()
    with pytest.raises(PaymentDeclined):
        await town.do(town.driver, job, "start")
    request = (await town.row(job)).request_id
    await run_as(town.tools, town.customer, pay, request, "card_late")
    with pytest.raises(PaymentPending):
        await town.do(town.driver, job, "start")
    town.clock.move(2)
    await town.settle()
    assert len(await told(town, town.driver, "payment.authorised")) == 1
    await town.drive_to(job, "completed")
    await town.do(town.customer, job, "confirm")
    await town.settle()
    assert [(p.state, p.provider_id) for p in await town.payments(job)] == [
        ("failed", town.driver.id),
        ("captured", town.driver.id),
    ]


async def test_work_does_not_start_on_money_that_is_being_let_go(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "arrived")
    async with town.tools.sessions() as db:
        await db.execute(update(Payment).values(want="release"))
        await db.commit()
    with pytest.raises(PaymentDeclined):
        await town.do(town.driver, job, "start")


async def test_an_offer_that_is_out_cannot_be_accepted_while_the_money_is_not_there(town: Town) -> None:
    request = await town.ask()
    town.clock.move(1)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    (offer,) = await the_offers_of(town.tools, town.driver)
    for state, want in (("pending", "hold"), ("failed", "hold"), ("authorised", "release")):
        async with town.tools.sessions() as db:
            await db.execute(update(Payment).values(state=state, want=want))
            await db.commit()
        with pytest.raises(PaymentPending):
            await run_as(town.tools, town.driver, accept_offer, UUID(offer["id"]))
        assert (await seen(town, request))["state"] == "open"
    async with town.tools.sessions() as db:
        await db.execute(update(Payment).values(state="authorised", want="hold"))
        await db.commit()
    await run_as(town.tools, town.driver, accept_offer, UUID(offer["id"]))


async def test_a_service_that_calls_back_about_a_payment_it_refused_is_made_to_free_it(town: Town) -> None:
    request = await unpaid(town)
    (first,) = await prices(town, request)
    await run_as(town.tools, NOBODY, hear, *town.psp.webhook(first.psp_ref or ""))
    await town.settle()
    assert ("release", f"{first.id}:release") in town.psp.calls
    assert [p.state for p in await prices(town, request)] == ["failed"]


async def test_money_on_its_way_out_stays_with_the_work_it_was_for(town: Town) -> None:
    job = await town.job()
    request = (await town.row(job)).request_id
    await town.do(town.driver, job, "cancel", reason="ill")  # what it held is wanted back, and not yet let go
    town.clock.move(60)
    bid = Bid(price_cents=7_000, currency="EUR", start_at=town.clock.at + timedelta(hours=3))
    other = await a_provider(town.tools, ("odd-job",), name="Other")
    offer = await run_as(town.tools, other, propose, request, bid)
    again = (await run_as(town.tools, town.customer, accept_offer, offer.id)).engagement
    first, second = await prices(town, request)
    assert (first.engagement_id, first.provider_id) == (job, town.driver.id)
    assert (second.engagement_id, second.provider_id) == (again.id, other.id)


async def test_a_request_cancelled_unpaid_leaves_no_money_behind(town: Town) -> None:
    request = await town.ask("card_late")
    await run_as(town.tools, town.customer, cancel_request, request)
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["released"]


# Any order of late answers, webhooks, payments, offers and accepts


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
            return UUID(str((await run_as(town.tools, town.customer, create_request, wish)).id))
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
