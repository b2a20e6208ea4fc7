"""The call allocator against a real database: a posted job, proposals, one counter, an award."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    AgendaConflict,
    AlreadyProposed,
    CounterTwice,
    Forbidden,
    IllegalMove,
    Invalid,
    LostRace,
    NotAProvider,
    NotEligible,
    NotFound,
    PaymentDeclined,
)
from domain.rules.ports import PspAnswer, PspOutcome
from domain.store.tables import Engagement, EventRow, Hold, Offer, Payment, Request, Round, agenda_span
from domain.usecases.call import Bid, counter, propose
from domain.usecases.comparing import proposals
from domain.usecases.offers import accept_offer, decline_offer, withdraw_offer
from domain.usecases.requests import on_request_expired
from domain.usecases.telling import Crier, my_calls
from domain.usecases.why import why_not_me, why_offered
from domain.usecases.work import ENGINE, Actor, Tools
from matching.replay import agrees
from tests.factories import (
    LARVOTTO,
    PORT,
    ROCK,
    FakeClock,
    GoodPsp,
    a_market,
    a_posted_job,
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

FORTY = Bid(4_000, "EUR", "Je peux passer ce soir")


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def rows(tools: Tools, table: type[Any], *where: Any) -> Sequence[Any]:
    async with tools.sessions() as db:
        return (await db.execute(select(table).where(*where).order_by(table.id))).scalars().all()


async def heard(tools: Tools, actor: Actor) -> list[str]:
    async with tools.sessions() as db:
        statement = select(EventRow.type).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
        return list((await db.execute(statement)).scalars())


async def test_a_posted_job_is_told_to_jobbers_within_their_travel_time(tools: Tools):
    customer = await an_account(tools)
    near = await a_provider(tools, ["odd-job"], at=ROCK)
    homebody = await a_provider(tools, ["odd-job"], at=LARVOTTO, max_travel_s=120)
    driver = await a_provider(tools, ["ride-vtc"], at=PORT)
    request_id = await a_posted_job(tools, customer, site=PORT)
    assert await heard(tools, near) == ["request.posted"]
    assert await heard(tools, homebody) == []
    assert await heard(tools, driver) == []
    (told,) = await run_as(tools, near, my_calls, 20)
    assert told["id"] == str(request_id)
    assert "lat" not in told["stops"][0]
    assert "quote_id" not in told
    (round_,) = await rows(tools, Round)
    assert agrees(round_.problem, round_.result)
    why = await run_as(tools, homebody, why_not_me, request_id)
    assert why["reasons"][0] == "beyond_own_limit"


async def test_a_jobber_who_comes_on_duty_later_hears_of_it_then(tools: Tools):
    customer = await an_account(tools)
    await a_posted_job(tools, customer)
    late = await a_provider(tools, ["odd-job"])
    assert await run_as(tools, ENGINE, Crier("monaco").step) == 1
    assert await run_as(tools, ENGINE, Crier("monaco").step) == 0
    assert await heard(tools, late) == ["request.posted"]


async def test_the_customer_compares_awards_and_only_then_the_money_is_blocked(tools: Tools):
    customer = await an_account(tools)
    cheap, dear = await a_provider(tools, ["odd-job"]), await a_provider(tools, ["odd-job"], at=LARVOTTO)
    request_id = await a_posted_job(tools, customer, budget_cents=5_000, currency="EUR")
    await run_as(tools, dear, propose, request_id, Bid(9_000, "EUR"))
    offer = await run_as(tools, cheap, propose, request_id, FORTY)
    assert await rows(tools, Payment) == []

    shown = await run_as(tools, customer, proposals, request_id)
    assert [one["ranking"]["rank"] for one in shown] == [1, 2]
    assert shown[0]["id"] == str(offer.id)
    assert shown[1]["over_budget"]
    assert shown[0]["provider"]["name"] == "Dominique"
    assert "price" in shown[0]["ranking"]["terms"]

    accepted = await run_as(tools, customer, accept_offer, offer.id)

    (payment,) = await rows(tools, Payment)
    assert (payment.state, payment.amount_cents) == ("authorised", 4_000)
    assert payment.engagement_id == accepted.engagement.id
    assert "offer.withdrawn" in await heard(tools, dear)
    assert (await rows(tools, Request))[0].state == "matched"


async def test_a_declined_card_at_the_award_changes_nothing(engine: AsyncEngine, database_url: str):
    tools = make_tools(engine, clock=at_present(), psp=_Declining())
    await a_market(tools)
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, jobber, propose, request_id, FORTY)
    with pytest.raises(PaymentDeclined):
        await run_as(tools, customer, accept_offer, offer.id)
    assert (await rows(tools, Request))[0].state == "open"
    assert (await rows(tools, Offer))[0].state == "pending"
    assert await rows(tools, Engagement) == []
    assert await rows(tools, Payment) == []


class _Declining(GoodPsp):
    async def authorise(self, key: str, amount: Any, *, method: str, meta: Any) -> PspAnswer:
        return PspAnswer(PspOutcome.DECLINED, "", "insufficient funds")


async def test_the_customer_counters_once_and_the_jobber_answers(tools: Tools):
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, jobber, propose, request_id, FORTY)

    countered = await run_as(tools, customer, counter, offer.id, Bid(3_500, "EUR"))

    (to_answer,) = [one for one in await the_offers_of(tools, jobber) if one["origin"] == "counter"]
    assert to_answer["counter_of"] == str(offer.id)
    assert to_answer["terms"]["price"]["amount"] == 3_500
    assert "lat" not in to_answer["terms"]["pickup"]
    with pytest.raises(CounterTwice):
        await run_as(tools, jobber, counter, countered.id, Bid(3_800, "EUR"))
    with pytest.raises(IllegalMove):
        await run_as(tools, customer, accept_offer, offer.id)
    with pytest.raises(Forbidden):
        await run_as(tools, customer, accept_offer, countered.id)
    accepted = await run_as(tools, jobber, accept_offer, countered.id)
    assert accepted.engagement.price_cents == 3_500


async def test_a_second_counter_to_the_same_jobber_is_refused(tools: Tools):
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, jobber, propose, request_id, FORTY)
    countered = await run_as(tools, customer, counter, offer.id, Bid(3_500, "EUR"))
    await run_as(tools, jobber, decline_offer, countered.id)
    again = await run_as(tools, jobber, propose, request_id, Bid(3_900, "EUR"))
    with pytest.raises(CounterTwice):
        await run_as(tools, customer, counter, again.id, Bid(3_700, "EUR"))


async def test_one_pending_proposal_per_jobber_and_withdrawing_it_frees_the_place(tools: Tools):
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, jobber, propose, request_id, FORTY)
    with pytest.raises(AlreadyProposed):
        await run_as(tools, jobber, propose, request_id, FORTY)
    await run_as(tools, jobber, withdraw_offer, offer.id)
    with pytest.raises(IllegalMove):
        await run_as(tools, customer, accept_offer, offer.id)
    await run_as(tools, jobber, propose, request_id, FORTY)
    assert (await heard(tools, customer)).count("offer.withdrawn") == 1


async def test_who_may_not_propose_is_told_why(tools: Tools):
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer, site=PORT)
    with pytest.raises(NotAProvider):
        await run_as(tools, await an_account(tools), propose, request_id, FORTY)
    with pytest.raises(NotEligible) as refused:
        await run_as(tools, await a_provider(tools, ["ride-vtc"]), propose, request_id, FORTY)
    assert refused.value.facts["reason"] == "wrong_service"
    far = await a_provider(tools, ["odd-job"], at=LARVOTTO, max_travel_s=60)
    with pytest.raises(NotEligible) as refused:
        await run_as(tools, far, propose, request_id, FORTY)
    assert refused.value.facts["reason"] == "beyond_own_limit"
    with pytest.raises(NotFound):
        await run_as(tools, customer, propose, request_id, FORTY)


async def test_a_dispatched_request_takes_no_proposals(tools: Tools):
    request_id = await a_ride(tools, await an_account(tools))
    await a_round(tools)
    with pytest.raises(NotFound):
        await run_as(tools, await a_provider(tools), propose, request_id, FORTY)


@pytest.mark.parametrize(
    ("bid", "pointer"),
    [
        (Bid(100, "EUR"), "/price/amount"),
        (Bid(600_000, "EUR"), "/price/amount"),
        (Bid(4_000, "USD"), "/price/currency"),
    ],
)
async def test_a_price_outside_the_bounds_is_refused(tools: Tools, bid: Bid, pointer: str):
    request_id = await a_posted_job(tools, await an_account(tools))
    with pytest.raises(Invalid) as refused:
        await run_as(tools, await a_provider(tools, ["odd-job"]), propose, request_id, bid)
    assert refused.value.facts["errors"][0]["pointer"] == pointer


async def test_a_time_outside_the_window_or_the_past_is_refused(tools: Tools, clock: FakeClock):
    start = clock.now() + timedelta(hours=5)
    request_id = await a_posted_job(tools, await an_account(tools), start_at=start, window_s=3_600)
    jobber = await a_provider(tools, ["odd-job"])
    for wrong in (start + timedelta(hours=2), clock.now() - timedelta(hours=1)):
        with pytest.raises(Invalid):
            await run_as(tools, jobber, propose, request_id, Bid(4_000, "EUR", start_at=wrong))
    await run_as(
        tools, jobber, propose, request_id, Bid(4_000, "EUR", start_at=start + timedelta(minutes=30))
    )


async def test_a_time_that_does_not_fit_the_agenda_is_refused(tools: Tools, clock: FakeClock):
    jobber = await a_provider(tools, ["odd-job"])
    start = clock.now() + timedelta(hours=5)
    request_id = await a_posted_job(tools, await an_account(tools), start_at=start)
    async with tools.sessions.begin() as db:  # ends five minutes before: not enough to get there
        span = agenda_span(start - timedelta(hours=1), start - timedelta(minutes=5))
        db.add(Hold(id=tools.new_id(), market_id="monaco", resource_id=jobber.id, span=span, state="held"))
    with pytest.raises(AgendaConflict):
        await run_as(tools, jobber, propose, request_id, FORTY)
    later = Bid(4_000, "EUR", start_at=start + timedelta(hours=3))
    await run_as(tools, jobber, propose, request_id, later)


async def test_a_jobber_told_of_a_job_that_is_taken_lost_the_race(tools: Tools):
    customer = await an_account(tools)
    first, second = await a_provider(tools, ["odd-job"]), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, first, propose, request_id, FORTY)
    await run_as(tools, customer, accept_offer, offer.id)
    with pytest.raises(LostRace):
        await run_as(tools, second, propose, request_id, FORTY)


async def test_a_proposals_why_says_how_its_author_came_to_it(tools: Tools):
    customer, told = await an_account(tools), await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, customer)
    found_it = await a_provider(tools, ["odd-job"])
    offers = {who: await run_as(tools, who, propose, request_id, FORTY) for who in (told, found_it)}
    for jobber, offer in offers.items():
        why = await run_as(tools, jobber, why_offered, offer.id)
        assert "Refuser" in why["words"]
    assert (await run_as(tools, told, why_offered, offers[told].id))["round_id"] is not None
    assert (await run_as(tools, found_it, why_offered, offers[found_it].id))["round_id"] is None
    with pytest.raises(NotFound):
        await run_as(tools, customer, why_offered, offers[told].id)


async def test_a_job_nobody_was_chosen_for_ends_saying_so(tools: Tools, clock: FakeClock):
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer)
    clock.move(86_401)
    await run_as(tools, ENGINE, on_request_expired, request_id)
    (request,) = await rows(tools, Request)
    assert request.state == "expired"
    assert request.outcome["reason"] == "no_proposal"


async def test_a_proposal_holds_for_an_hour(tools: Tools, clock: FakeClock):
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    offer = await run_as(tools, jobber, propose, await a_posted_job(tools, customer), FORTY)
    assert offer.answer_by == clock.now() + timedelta(hours=1)


async def test_declining_proposals_leaves_their_author_where_they_were(tools: Tools, clock: FakeClock):
    """Ten of their proposals declined, and still: the same terms as somebody nobody has ever declined."""
    often, never = await a_provider(tools, ["odd-job"]), await a_provider(tools, ["odd-job"])
    for _ in range(10):
        customer = await an_account(tools)
        request_id = await a_posted_job(tools, customer)
        for jobber in (often, never):
            offer = await run_as(tools, jobber, propose, request_id, FORTY)
            if jobber is often:
                await run_as(tools, customer, decline_offer, offer.id)
        async with tools.sessions.begin() as db:
            await db.execute(update(Request).values(state="cancelled"))
        clock.move(1)
        put_at(tools, often.id, PORT, ["odd-job"])
        put_at(tools, never.id, PORT, ["odd-job"])
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer)
    ids = {jobber.id: await run_as(tools, jobber, propose, request_id, FORTY) for jobber in (often, never)}
    shown = {one["id"]: one for one in await run_as(tools, customer, proposals, request_id)}
    terms = [shown[str(UUID(str(offer.id)))]["ranking"]["terms"] for offer in ids.values()]
    assert terms[0] == terms[1]
