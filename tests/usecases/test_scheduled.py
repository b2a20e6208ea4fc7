"""Rides asked for an hour to come: sought from their lead until after their start, and feasible all the while."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.timekeeper import Timekeeper
from domain.store.tables import DutySession, Hold, Payment, Request, agenda_span
from domain.usecases.offers import accept_offer
from domain.usecases.requests import on_request_expired
from domain.usecases.work import ENGINE, Actor, Tools, working
from geo.points import LatLng
from tests.factories import (
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


async def go_on_duty_at(tools: Tools, provider: Actor, at: LatLng) -> None:
    async with working(tools, ENGINE) as work:
        work.db.add(
            DutySession(
                id=work.new_id(),
                market_id="monaco",
                account_id=provider.id,
                services=["ride-vtc"],
                on_at=work.now,
            )
        )
    put_at(tools, provider.id, at)


async def a_hold(tools: Tools, provider: Actor, since: datetime, until: datetime) -> None:
    """Something else stands on a provider's agenda."""
    async with working(tools, ENGINE) as work:
        work.db.add(
            Hold(
                id=work.new_id(),
                market_id="monaco",
                resource_id=provider.id,
                span=agenda_span(since, until),
                state="held",
            )
        )


async def test_it_waits_for_its_lead_time(tools: Tools, clock: FakeClock) -> None:
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer, start_at=clock.now() + timedelta(hours=2))
    assert (await a_round(tools)).open == 0
    clock.move(100 * 60 + 1)
    put_at(tools, driver.id, PORT)
    assert (await a_round(tools)).offers == 1


async def test_it_is_sought_until_its_start_and_a_patience_longer(tools: Tools, clock: FakeClock) -> None:
    customer, driver = await an_account(tools), await a_provider(tools, on_duty=False)
    start = clock.now() + timedelta(hours=2)
    request_id = await a_ride(tools, customer, start_at=start)
    (request,) = await rows(tools, Request)
    assert request.due_at == start - timedelta(minutes=20)
    assert request.expires_at == start + timedelta(seconds=180)
    for before in (20 * 60, 10 * 60, 1, -179):  # seconds before the start; the last is after it
        clock.at = start - timedelta(seconds=before)
        await run_as(tools, ENGINE, on_request_expired, request_id)  # rings early: nothing happens
        assert (await a_round(tools)).open == 1, before
    await go_on_duty_at(tools, driver, PORT)
    assert (await a_round(tools)).offers == 1


async def test_one_that_nobody_takes_ends_after_its_start_with_an_honest_answer(
    tools: Tools, clock: FakeClock
) -> None:
    customer = await an_account(tools)
    start = clock.now() + timedelta(hours=2)
    request_id = await a_ride(tools, customer, start_at=start)
    keeper = Timekeeper(tools)
    clock.at = start + timedelta(seconds=179)
    await keeper.step()
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert request.state == "open"
    clock.move(2)
    await keeper.step()
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert (request.state, request.outcome["reason"]) == ("expired", "no_supply")
    (payment,) = await rows(tools, Payment, Payment.request_id == request_id)
    assert payment.want == "release"


async def test_one_asked_for_within_its_lead_is_due_at_once_and_sought_as_long(
    tools: Tools, clock: FakeClock
) -> None:
    start = clock.now() + timedelta(minutes=15)
    await a_ride(tools, await an_account(tools), start_at=start)
    (request,) = await rows(tools, Request)
    assert (request.due_at, request.expires_at) == (clock.now(), start + timedelta(seconds=180))


async def test_it_goes_to_nobody_whose_agenda_it_would_break(tools: Tools, clock: FakeClock) -> None:
    start = clock.now() + timedelta(hours=2)
    await a_ride(tools, await an_account(tools), start_at=start)
    clock.at = start - timedelta(minutes=15)
    booked = await a_provider(tools, at=PORT)
    await a_hold(tools, booked, start + timedelta(minutes=2), start + timedelta(hours=1))
    assert (await a_round(tools)).offers == 0
    free = await a_provider(tools, at=PORT)
    await a_hold(tools, free, start + timedelta(hours=3), start + timedelta(hours=4))
    clock.move(1)
    await a_round(tools)
    assert await the_offers_of(tools, booked) == []
    assert len(await the_offers_of(tools, free)) == 1


async def test_one_taken_after_its_hour_blocks_the_time_it_will_really_take(
    tools: Tools, clock: FakeClock
) -> None:
    start = clock.now() + timedelta(hours=2)
    await a_ride(tools, await an_account(tools), start_at=start)
    clock.at = start + timedelta(seconds=60)
    driver = await a_provider(tools, at=LARVOTTO)
    await a_hold(tools, driver, start - timedelta(hours=1), clock.at)  # the work before has just ended
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    accepted = await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    (hold,) = await rows(tools, Hold, Hold.engagement_id == accepted.engagement.id)
    approach = timedelta(seconds=accepted.engagement.terms["approach_s"])
    duration = timedelta(seconds=accepted.engagement.terms["duration_s"])
    assert hold.span.lower == clock.at
    assert hold.span.upper >= clock.at + approach + duration
