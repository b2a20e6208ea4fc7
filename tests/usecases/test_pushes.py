"""Pushes planned: one for each device and number, none that nobody needs, ids alone."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.events import EventType
from domain.rules.ports import PushFate
from domain.store import streams
from domain.store.tables import EventRow, PushRow, SentMessage
from domain.usecases import pushes
from domain.usecases.work import ENGINE, Tools, working
from tests.factories import FakeClock, a_market, a_ride, an_account, make_tools, run_as
from tests.notifications.telling import (
    ENGAGEMENT,
    OFFER,
    OTHER_OFFER,
    NoTokens,
    a_device,
    an_offer_told,
    claim,
    plan_all,
    settle,
    states,
    tell,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def console(engine: AsyncEngine, clock: FakeClock) -> Tools:
    """Development without Firebase: the console carries pushes."""
    return make_tools(engine, clock=clock)


@pytest.fixture
def tools(console: Tools) -> Tools:
    """An installation with Firebase."""
    return replace(console, firebase=NoTokens())


async def test_each_device_of_the_account_gets_the_event_once_after_the_socket_had_its_chance(
    tools: Tools, clock: FakeClock
) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider, "phone")
    await a_device(tools, provider, "tablet", platform="ios", language="en")
    await an_offer_told(tools, provider)
    assert await plan_all(tools) == 2
    clock.move(1.9)
    assert await claim(tools) == []
    clock.move(0.1)
    found = sorted(await claim(tools), key=lambda push: push.device_id)
    assert [(push.to, push.platform, push.language) for push in found] == [
        ("token-of-phone", "android", "fr"),
        ("token-of-tablet", "ios", "en"),
    ]
    assert found[0].ids == {"offer_id": OFFER}
    assert (found[0].urgent, found[0].quiet, found[0].seq) == (True, False, 1)


async def test_a_row_holds_ids_and_no_fare(tools: Tools) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider)
    await plan_all(tools)
    async with tools.sessions() as db:
        row = (await db.execute(select(PushRow))).scalar_one()
    assert row.data == {"ids": {"offer_id": OFFER}, "origin": "dispatch", "market": "monaco"}


async def test_planning_the_same_events_from_everywhere_at_once_plans_them_once(tools: Tools) -> None:
    people = [await an_account(tools) for _ in range(3)]
    for number, person in enumerate(people):
        await a_device(tools, person, f"phone-{number}")
        await a_device(tools, person, f"tablet-{number}")
    chance = random.Random(7)
    for _ in range(20):
        await tell(tools, chance.choice(people), EventType.MESSAGE_CREATED, {"id": str(tools.new_id())})
    async with tools.sessions() as db:
        rows = (await db.execute(select(EventRow))).scalars().all()

    async def plan_some() -> int:
        async with working(tools, ENGINE) as work:
            return await pushes.plan(work, chance.sample(rows, len(rows)))

    assert sum(await asyncio.gather(*(plan_some() for _ in range(4)))) == 40
    assert len(await states(tools)) == 40


async def test_in_development_the_phone_itself_is_a_device(console: Tools, clock: FakeClock) -> None:
    with_device = await an_account(console, "+37760000001")
    without = await an_account(console, "+37760000002")
    unreachable = await an_account(console)
    await a_device(console, with_device)
    for person in (with_device, without, unreachable):
        await an_offer_told(console, person)
    assert await plan_all(console) == 2
    clock.move(2)
    found = {(push.device_id, push.platform, push.to) for push in await claim(console)}
    assert found == {("phone", "console", "+37760000001"), ("console", "console", "+37760000002")}


async def test_with_firebase_or_in_production_who_has_no_device_gets_no_push(tools: Tools) -> None:
    provider = await an_account(tools, "+37760000001")
    await an_offer_told(tools, provider)
    production = replace(tools, firebase=None, development=False)
    assert await plan_all(production) == 0
    async with working(tools, ENGINE) as work:
        rows = (await work.db.execute(select(EventRow))).scalars().all()
        assert await pushes.plan(work, rows) == 0


async def test_what_the_app_has_acknowledged_is_not_pushed(tools: Tools, clock: FakeClock) -> None:
    provider, other = await an_account(tools), await an_account(tools)
    for person in (provider, other):
        await a_device(tools, person, f"phone-{person.id}")
        await an_offer_told(tools, person)
        await an_offer_told(tools, person, OTHER_OFFER)
    await plan_all(tools)
    assert await run_as(tools, provider, pushes.acknowledge, {provider.id: 1}) == 1
    clock.move(2)
    assert {(push.account_id, push.seq) for push in await claim(tools)} == {
        (provider.id, 2),
        (other.id, 1),
        (other.id, 2),
    }


async def test_an_offer_withdrawn_before_it_was_pushed_is_never_heard_of(
    tools: Tools, clock: FakeClock
) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider)
    await plan_all(tools)
    await tell(tools, provider, EventType.OFFER_WITHDRAWN, {"id": OFFER, "origin": "dispatch"})
    assert await plan_all(tools) == 0
    clock.move(5)
    assert await claim(tools) == []
    assert await states(tools) == {("phone", 1): "replaced"}


async def test_a_withdrawn_offer_is_cleared_from_the_android_that_showed_it_and_from_no_other(
    tools: Tools, clock: FakeClock
) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider, "android")
    await a_device(tools, provider, "iphone", platform="ios")
    await an_offer_told(tools, provider)
    await plan_all(tools)
    await a_device(tools, provider, "bought-just-now")
    clock.move(2)
    for push in await claim(tools):
        await settle(tools, push, PushFate.SENT)
    await tell(tools, provider, EventType.OFFER_WITHDRAWN, {"id": OFFER, "origin": "dispatch"})
    assert await plan_all(tools) == 1
    clock.move(2)
    (clear,) = await claim(tools)
    assert (clear.device_id, clear.clears, clear.seq) == ("android", True, 2)


async def test_the_next_state_of_an_engagement_replaces_one_that_still_waits(
    tools: Tools, clock: FakeClock
) -> None:
    customer = await an_account(tools)
    await a_device(tools, customer)
    said = {"engagement_id": ENGAGEMENT, "role": "customer"}
    await tell(tools, customer, EventType.ENGAGEMENT_CONFIRMED, said)
    await plan_all(tools)
    await tell(tools, customer, EventType.ENGAGEMENT_EN_ROUTE, said)
    await tell(tools, customer, EventType.ENGAGEMENT_ARRIVED, said)
    await tell(tools, customer, EventType.ENGAGEMENT_CANCELLED, said | {"ended_by": "provider"})
    await plan_all(tools)
    clock.move(3)
    assert [push.type for push in await claim(tools)] == [EventType.ENGAGEMENT_CANCELLED]


async def test_what_somebody_did_himself_is_not_pushed_to_him(tools: Tools) -> None:
    writer = await an_account(tools)
    await a_device(tools, writer)
    await tell(tools, writer, EventType.MESSAGE_CREATED, {"id": OFFER, "sender_id": str(writer.id)})
    assert await plan_all(tools) == 0


async def test_a_relay_that_slept_plans_nothing_that_is_over_and_wakes_the_pusher_for_the_rest(
    tools: Tools, clock: FakeClock
) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider, OFFER, lives_s=15)
    await an_offer_told(tools, provider, OTHER_OFFER, lives_s=60)
    clock.move(30)
    async with working(tools, ENGINE) as work:
        assert await pushes.plan(work, await streams.claim_unsent(work.db, 10)) == 1
        assert ("wake.push", b"") in work.signals
    (push,) = await claim(tools)
    assert push.seq == 2


async def test_a_device_not_seen_for_a_month_is_left_alone(tools: Tools, clock: FakeClock) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider, updated_at=clock.now() - timedelta(days=31))
    await an_offer_told(tools, provider)
    assert await plan_all(tools) == 0


@pytest.mark.parametrize(("hours", "quiet"), [(0, False), (13, False), (15, True), (22, True), (23.5, False)])
async def test_at_night_in_the_market_a_message_comes_silently(
    tools: Tools, clock: FakeClock, hours: float, quiet: bool
) -> None:
    await a_market(tools)
    customer = await an_account(tools)
    clock.move(hours * 3_600)  # from 6:00 UTC, which is 8:00 in Monaco in May
    await a_device(tools, customer)
    await tell(tools, customer, EventType.MESSAGE_CREATED, {"id": OFFER, "market": "monaco"})
    await an_offer_told(tools, customer)
    await plan_all(tools)
    clock.move(3)
    assert {push.type: push.quiet for push in await claim(tools)} == {
        EventType.MESSAGE_CREATED: quiet,
        EventType.OFFER_CREATED: False,
    }


async def test_an_event_that_names_no_market_gets_it_from_its_request(
    engine: AsyncEngine, clock: FakeClock
) -> None:
    tools = replace(make_tools(engine, clock=clock), firebase=NoTokens())
    await a_market(tools)
    customer = await an_account(tools)
    await a_device(tools, customer)
    request_id = await a_ride(tools, customer)
    clock.move(15 * 3_600)
    proposal = {"id": OFFER, "request_id": str(request_id), "origin": "proposal"}
    await tell(tools, customer, EventType.OFFER_CREATED, proposal)
    await plan_all(tools)
    clock.move(3)
    (push,) = [push for push in await claim(tools) if push.type is EventType.OFFER_CREATED]
    assert push.quiet


async def test_the_outbox_keeps_the_newest_fifty_of_a_number(console: Tools, clock: FakeClock) -> None:
    for number in range(60):
        clock.move(1)
        await run_as(console, ENGINE, pushes.keep_sent, to="+1", body=f"{number}", data={})
    await run_as(console, ENGINE, pushes.keep_sent, to="+2", body="other", data={})
    async with console.sessions() as db:
        bodies = set((await db.execute(select(SentMessage.body).where(SentMessage.to == "+1"))).scalars())
        others = (await db.execute(select(SentMessage.body).where(SentMessage.to == "+2"))).scalars().all()
    assert bodies == {f"{number}" for number in range(10, 60)}
    assert others == ["other"]


async def test_outside_development_nothing_is_kept(console: Tools) -> None:
    production = replace(console, development=False)
    await run_as(production, ENGINE, pushes.keep_sent, to="+1", body="", data={})
    async with console.sessions() as db:
        assert (await db.execute(select(SentMessage))).first() is None
