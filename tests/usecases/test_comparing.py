"""The order in which a customer reads proposals, from real rows: faded stars, answers of either kind, own terms."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.states import OfferOrigin, OfferState
from domain.store import answers, reviews
from domain.store.answers import Answers
from domain.store.tables import Offer, Request, Review
from domain.usecases.call import Bid, counter, propose
from domain.usecases.comparing import my_proposals, proposals
from domain.usecases.offers import accept_offer, decline_offer, my_offers
from domain.usecases.why import why_offered
from domain.usecases.work import Actor, Tools
from matching.rank import CALL_TERMS
from tests.factories import (
    PORT,
    FakeClock,
    a_market,
    a_posted_job,
    a_provider,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
)

FORTY = Bid(4_000, "EUR")


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def a_counter_to(tools: Tools, jobber: Actor) -> UUID:
    """A counter-offer that awaits this provider's answer; its request is out of the way of the next one."""
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer)
    proposed = await run_as(tools, jobber, propose, request_id, FORTY)
    return UUID(str((await run_as(tools, customer, counter, proposed.id, Bid(3_000, "EUR"))).id))


async def let_expire(tools: Tools, offer_id: UUID, after: timedelta) -> None:
    async with tools.sessions.begin() as db:
        ended = {"state": OfferState.EXPIRED, "answer_by": Offer.created_at + after}
        await db.execute(update(Offer).where(Offer.id == offer_id).values(**ended))


async def answers_of(tools: Tools, jobber: Actor, since: datetime) -> Answers:
    async with tools.sessions() as db:
        return (await answers.answers_of(db, [jobber.id], since))[jobber.id]


async def test_a_no_counts_as_an_answer_and_silence_does_not(tools: Tools, clock: FakeClock):
    jobber = await a_provider(tools, ["odd-job"])
    declined, silent, short = [await a_counter_to(tools, jobber) for _ in range(3)]
    clock.move(120)
    await run_as(tools, jobber, decline_offer, declined)
    await let_expire(tools, silent, timedelta(hours=1))
    await let_expire(tools, short, timedelta(minutes=5))
    month_ago = clock.now() - timedelta(days=30)
    assert await answers_of(tools, jobber, month_ago) == Answers(asked=2, answered=1, reply_s=120.0)
    assert await answers_of(tools, jobber, clock.now()) == Answers()


async def test_a_yes_in_the_place_of_a_no_changes_no_term_and_no_order(tools: Tools, clock: FakeClock):
    often, never = await a_provider(tools, ["odd-job"]), await a_provider(tools, ["odd-job"])
    countered = [await a_counter_to(tools, jobber) for jobber in (often, often, never)]
    clock.move(60)
    for jobber, offer_id in zip((often, often, never), countered, strict=True):
        await run_as(tools, jobber, decline_offer, offer_id)
    put_at(tools, often.id, PORT, ["odd-job"])
    put_at(tools, never.id, PORT, ["odd-job"])
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer)
    for jobber in (often, never):
        await run_as(tools, jobber, propose, request_id, FORTY)
    said_no = [one["ranking"] for one in await run_as(tools, customer, proposals, request_id)]
    async with tools.sessions.begin() as db:
        await db.execute(update(Offer).where(Offer.id.in_(countered)).values(state=OfferState.ACCEPTED))
    said_yes = [one["ranking"] for one in await run_as(tools, customer, proposals, request_id)]
    assert said_yes == said_no
    assert {tuple(one["terms"]) for one in said_no} == {CALL_TERMS}
    assert all(one["terms"]["responsiveness"] > 0 for one in said_no)


async def test_a_review_weighs_half_after_a_year_and_is_measured_against_its_service(
    tools: Tools, clock: FakeClock
):
    jobber, customer, stranger = (
        await a_provider(tools, ["odd-job"]),
        await an_account(tools),
        await an_account(tools),
    )
    offer = await run_as(tools, jobber, propose, await a_posted_job(tools, customer), FORTY)
    accepted = await run_as(tools, customer, accept_offer, offer.id)
    async with tools.sessions.begin() as db:
        for stars, age_days, author, subject in (
            (5, 0, customer, jobber),
            (2, 365, stranger, jobber),
            (1, 0, jobber, customer),
        ):
            db.add(
                Review(
                    id=UUID(int=100 + stars),
                    market_id="monaco",
                    engagement_id=accepted.engagement.id,
                    author_id=author.id,
                    subject_id=subject.id,
                    author_role="customer",
                    stars=stars,
                    state="published",
                    created_at=clock.now(),
                    published_at=clock.now() - timedelta(days=age_days),
                )
            )
    async with tools.sessions() as db:
        faded = (await reviews.faded_ratings_of(db, [jobber.id], clock.now()))[jobber.id]
        assert faded == pytest.approx((1.5, 6.0))
        assert await reviews.category_mean(db, "monaco", "odd-job") == 3.5
        assert await reviews.category_mean(db, "monaco", "ride-vtc") is None
        nobody = UUID(int=1)
        assert (await reviews.faded_ratings_of(db, [nobody], clock.now()))[nobody] == (0.0, 0.0)


async def test_a_provider_reads_their_own_terms_and_no_one_s_price(tools: Tools):
    customer = await an_account(tools)
    request_id = await a_posted_job(tools, customer)
    jobbers = [await a_provider(tools, ["odd-job"]) for _ in range(3)]
    first, second, third = [
        await run_as(tools, jobber, propose, request_id, Bid(price, "EUR"))
        for jobber, price in zip(jobbers, (3_000, 4_500, 9_000), strict=True)
    ]
    why = await run_as(tools, jobbers[0], why_offered, first.id)
    assert tuple(sorted(why["ranking"])) == tuple(sorted(CALL_TERMS))
    assert why["ranking"]["price"] == pytest.approx(0.3), "0.8 ln(45/30) is 0.324: told to one decimal"
    await run_as(tools, customer, decline_offer, third.id)
    why = await run_as(tools, jobbers[0], why_offered, first.id)
    assert not {"price", "exposure"} & why["ranking"].keys()
    assert (await run_as(tools, jobbers[2], why_offered, third.id))["ranking"] is None
    assert (await run_as(tools, jobbers[1], why_offered, second.id))["ranking"]["travel"] <= 0


async def test_the_engine_s_own_offers_are_not_looked_at(tools: Tools, clock: FakeClock):
    jobber = await a_provider(tools, ["odd-job"])
    offer_id = await a_counter_to(tools, jobber)
    await let_expire(tools, offer_id, timedelta(hours=1))
    async with tools.sessions.begin() as db:
        await db.execute(update(Offer).values(origin=OfferOrigin.DISPATCH))
        await db.execute(update(Request).values(state="cancelled"))
    assert await answers_of(tools, jobber, clock.now() - timedelta(days=1)) == Answers()


async def test_a_customer_never_reads_what_a_proposal_leaves_its_provider(tools: Tools):
    customer, jobber = await an_account(tools), await a_provider(tools, ("odd-job",))
    proposed = await run_as(tools, jobber, propose, await a_posted_job(tools, customer), FORTY)
    assert await run_as(tools, customer, my_offers, state=None, before=None, limit=20) == []
    (seen,) = await run_as(tools, customer, my_proposals, 20)
    assert seen["id"] == str(proposed.id)
    assert not {"fee", "net", "net_per_hour"} & seen["terms"].keys()
    (own,) = await run_as(tools, jobber, my_offers, state=None, before=None, limit=20)
    assert own["terms"]["net"]
    assert await run_as(tools, jobber, my_proposals, 20) == []
