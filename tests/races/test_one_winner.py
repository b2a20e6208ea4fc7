"""Races for real: separate connections, one row to win. Whatever the interleaving, one engagement."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import AgendaConflict, AlreadyBusy, IllegalMove, LostRace, OfferExpired
from domain.rules.states import OfferState
from domain.store.tables import Engagement, EventRow, Offer, Request, Timer
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.offers import accept_offer, decline_offer, on_offer_expired
from domain.usecases.work import ENGINE, Actor, Tools
from tests.factories import (
    CASINO,
    PORT,
    ROCK,
    a_market,
    a_posted_job,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    run_as,
    the_offers_of,
)
from tests.races.held import outcome

RACERS = 16


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str) -> Tools:
    tools = make_tools(engine, clock=at_present())
    await a_market(tools)
    return tools


async def everybody_is_offered(tools: Tools, request_id: UUID, drivers: list[Actor]) -> list[UUID]:
    """One offer of the request to each of them, as many rounds would make."""
    await a_round(tools)
    async with tools.sessions.begin() as db:
        made = (await db.execute(select(Offer).where(Offer.request_id == request_id))).scalars().all()
        like, have = made[0], {offer.provider_id: offer.id for offer in made}
        for driver in drivers:
            if driver.id not in have:
                have[driver.id] = tools.new_id()
                values = {column.name: getattr(like, column.name) for column in Offer.__table__.columns}
                values |= {"id": have[driver.id], "provider_id": driver.id, "to_account": driver.id}
                db.add(Offer(**values))
    return [have[driver.id] for driver in drivers]


async def count(tools: Tools, table: type[Any], *where: Any) -> int:
    async with tools.sessions() as db:
        return (await db.execute(select(func.count()).select_from(table).where(*where))).scalar_one()


async def test_of_sixteen_who_accept_at_once_one_wins_and_the_others_lost_the_race(tools: Tools):
    customer = await an_account(tools)
    drivers = [await a_provider(tools) for _ in range(RACERS)]
    request_id = await a_ride(tools, customer)
    offers = await everybody_is_offered(tools, request_id, drivers)

    results = Counter(
        await asyncio.gather(
            *(
                outcome(run_as(tools, who, accept_offer, offer))
                for who, offer in zip(drivers, offers, strict=True)
            )
        )
    )

    assert results == {"won": 1, LostRace.code: RACERS - 1}
    assert await count(tools, Engagement) == 1
    assert await count(tools, Offer, Offer.state == OfferState.ACCEPTED) == 1
    assert await count(tools, Offer, Offer.state == OfferState.WITHDRAWN) == RACERS - 1
    assert await count(tools, EventRow, EventRow.type == "offer.withdrawn") == RACERS - 1
    assert await count(tools, EventRow, EventRow.type == "request.matched") == 1
    assert await count(tools, Timer, Timer.kind == "offer_expires") == 0


async def test_the_winner_pressing_twice_at_once_gets_one_engagement_twice(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    presses = await asyncio.gather(
        *(run_as(tools, driver, accept_offer, UUID(offer["id"])) for _ in range(4))
    )
    assert len({accepted.engagement.id for accepted in presses}) == 1
    assert await count(tools, Engagement) == 1


async def test_one_provider_accepting_two_requests_at_once_gets_one(tools: Tools):
    driver = await a_provider(tools)
    offers = [
        # The guard on pending offers allows one of the engine's; the other comes from the customer.
        await _an_offer(tools, await a_ride(tools, await an_account(tools)), driver, origin)
        for origin in ("dispatch", "counter")
    ]
    results = Counter(
        await asyncio.gather(*(outcome(run_as(tools, driver, accept_offer, offer)) for offer in offers))
    )
    assert results["won"] == 1
    assert results[AlreadyBusy.code] + results[AgendaConflict.code] == 1
    assert await count(tools, Engagement) == 1


async def _an_offer(tools: Tools, request_id: UUID, driver: Actor, origin: str) -> UUID:
    async with tools.sessions.begin() as db:
        request = await db.get_one(Request, request_id)
        offer = Offer(
            id=tools.new_id(),
            market_id=request.market_id,
            request_id=request_id,
            customer_id=request.customer_id,
            provider_id=driver.id,
            to_account=driver.id,
            origin=origin,
            state="pending",
            answer_by=datetime.now(UTC) + timedelta(seconds=30),
            price_cents=request.price_cents,
            currency="EUR",
            terms={"approach_s": 60, "duration_s": 300},
            created_at=datetime.now(UTC),
        )
        db.add(offer)
    return offer.id


@pytest.mark.parametrize("_", range(5))
async def test_accepting_against_the_customers_cancel_ends_one_way(tools: Tools, _: int):
    customer, driver = await an_account(tools), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)

    accepted, cancelled = await asyncio.gather(
        outcome(run_as(tools, driver, accept_offer, UUID(offer["id"]))),
        outcome(run_as(tools, customer, cancel_request, request_id, "changed my mind")),
    )

    assert cancelled == "won"
    async with tools.sessions() as db:
        request = await db.get_one(Request, request_id)
        engagements = (await db.execute(select(Engagement))).scalars().all()
    assert request.state == "cancelled"
    if accepted == "won":  # then the cancel came after it, and ended the engagement
        assert [one.state for one in engagements] == ["cancelled"]
    else:
        assert accepted == LostRace.code
        assert engagements == []


@pytest.mark.parametrize("_", range(5))
async def test_accepting_against_the_end_of_time_ends_one_way(tools: Tools, _: int):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    async with tools.sessions.begin() as db:
        await db.execute(update(Offer).values(answer_by=datetime.now(UTC) + timedelta(milliseconds=8)))

    accepted, expired = await asyncio.gather(
        outcome(run_as(tools, driver, accept_offer, UUID(offer["id"]))),
        outcome(run_as(tools, ENGINE, on_offer_expired, UUID(offer["id"]))),
    )

    assert expired == "won"
    assert accepted in {"won", OfferExpired.code}
    assert await count(tools, Engagement) == (1 if accepted == "won" else 0)


async def test_declining_against_accepting_the_same_offer_ends_one_way(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    accepted, declined = await asyncio.gather(
        outcome(run_as(tools, driver, accept_offer, UUID(offer["id"]))),
        outcome(run_as(tools, driver, decline_offer, UUID(offer["id"]))),
    )
    assert {accepted, declined} == {"won", IllegalMove.code}
    assert await count(tools, Engagement) == (1 if accepted == "won" else 0)


async def test_two_rounds_at_once_never_put_two_offers_to_one_provider(tools: Tools):
    for _ in range(6):
        await a_ride(tools, await an_account(tools))
    for at in (PORT, ROCK, CASINO, PORT):
        await a_provider(tools, at=at)

    await asyncio.gather(*(a_round(tools) for _ in range(6)))

    async with tools.sessions() as db:
        pending = (
            (await db.execute(select(Offer.provider_id).where(Offer.state == "pending"))).scalars().all()
        )
    assert len(pending) == 4
    assert len(set(pending)) == 4


async def test_a_round_against_an_accept_leaves_no_offer_on_a_taken_request(tools: Tools):
    for _ in range(5):
        customer = await an_account(tools)
        first = await a_provider(tools)
        request_id = await a_ride(tools, customer)
        await a_round(tools)
        (offer,) = await the_offers_of(tools, first)
        late = await a_provider(tools, at=CASINO)
        await asyncio.gather(
            run_as(tools, first, accept_offer, UUID(offer["id"])), a_round(tools), a_round(tools)
        )
        left = await count(tools, Offer, Offer.request_id == request_id, Offer.state == "pending")
        assert left == 0
        assert late is not None


async def test_two_awards_at_once_hire_one_jobber(tools: Tools):
    customer = await an_account(tools)
    jobbers = [await a_provider(tools, ["odd-job"]) for _ in range(4)]
    request_id = await a_posted_job(tools, customer)
    offers = [await run_as(tools, who, propose, request_id, Bid(5_000, "EUR")) for who in jobbers]
    results = Counter(
        await asyncio.gather(*(outcome(run_as(tools, customer, accept_offer, offer.id)) for offer in offers))
    )
    assert results == {"won": 1, LostRace.code: 3}
    assert await count(tools, Engagement) == 1
