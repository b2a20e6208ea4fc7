"""Pushes claimed and settled: the shortest-lived first, by one pusher, never after their time."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.ports import PushFate
from domain.store.tables import Device
from domain.usecases import pushes
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.pushes import DuePush
from domain.usecases.work import ENGINE, Tools, working
from tests.factories import FakeClock, an_account, make_tools, run_as
from tests.notifications.telling import (
    NoTokens,
    a_device,
    an_offer_told,
    claim,
    plan_all,
    settle,
    states,
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


async def test_the_shortest_lived_go_first_and_each_to_one_pusher(tools: Tools, clock: FakeClock) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    lives = [60, 20, 40, 30, 50, 10]
    for number, lives_s in enumerate(lives):
        await an_offer_told(tools, provider, str(UUID(int=number + 1)), lives_s)
    await plan_all(tools)
    clock.move(2)
    first, second = await asyncio.gather(claim(tools, 3), claim(tools, 3))
    assert sorted(push.seq for push in first + second) == [1, 2, 3, 4, 5, 6]
    assert [push.not_after for push in first] == sorted(push.not_after for push in first)


async def test_a_pusher_that_died_delays_and_loses_nothing(tools: Tools, clock: FakeClock) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider, lives_s=60)
    await plan_all(tools)
    clock.move(2)
    assert len(await claim(tools)) == 1
    assert await claim(tools) == []
    clock.move(pushes.LEASE.total_seconds())
    (again,) = await claim(tools)
    assert again.attempts == 2


async def test_what_waited_too_long_is_late_and_not_sent(tools: Tools, clock: FakeClock) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider, lives_s=15)
    await plan_all(tools)
    clock.move(15)
    assert await claim(tools) == []
    assert await states(tools) == {("phone", 1): "late"}


async def test_a_device_unknown_to_the_carrier_is_forgotten(tools: Tools, clock: FakeClock) -> None:
    push = await _claimed(tools, clock)
    await settle(tools, push, PushFate.FORGET_DEVICE)
    async with tools.sessions() as db:
        assert (await db.execute(select(Device))).first() is None
    assert await states(tools) == {("phone", 1): "refused"}


async def test_a_device_that_registered_anew_meanwhile_is_kept(tools: Tools, clock: FakeClock) -> None:
    push = await _claimed(tools, clock)
    async with working(tools, ENGINE) as work:
        device = (await work.db.execute(select(Device))).scalar_one()
        device.push_token = "rotated"
    await settle(tools, push, PushFate.FORGET_DEVICE)
    async with tools.sessions() as db:
        assert (await db.execute(select(Device.push_token))).scalar_one() == "rotated"


async def test_nothing_is_sent_to_a_device_that_signed_out(tools: Tools, clock: FakeClock) -> None:
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider)
    await plan_all(tools)
    async with working(tools, ENGINE) as work:
        await work.db.delete((await work.db.execute(select(Device))).scalar_one())
    clock.move(2)
    assert await claim(tools) == []
    assert await states(tools) == {("phone", 1): "refused"}


async def test_an_outage_is_tried_again_but_never_past_the_end(tools: Tools, clock: FakeClock) -> None:
    push = await _claimed(tools, clock, lives_s=10)
    tries, until = 1, push.not_after
    while True:
        await settle(tools, push, PushFate.RETRY)
        if (await states(tools))["phone", 1] == "late":
            break
        found: list[DuePush] = []
        while not found and clock.now() < until:
            clock.move(0.5)
            found = await claim(tools)
        assert clock.now() < until
        (push,), tries = found, tries + 1
    assert tries == 4  # at 2, 3, 5 and 9 s


async def test_a_quota_that_outlasts_the_offer_ends_it(tools: Tools, clock: FakeClock) -> None:
    push = await _claimed(tools, clock, lives_s=15)
    await settle(tools, push, PushFate.RETRY, retry_after_s=60.0)
    assert await states(tools) == {("phone", 1): "late"}


@pytest.mark.parametrize(("fate", "end"), [(PushFate.REFUSED, "refused"), (PushFate.ALERT, "alert")])
async def test_our_own_faults_are_not_repeated(
    tools: Tools, clock: FakeClock, fate: PushFate, end: str
) -> None:
    push = await _claimed(tools, clock)
    await settle(tools, push, fate)
    assert await states(tools) == {("phone", 1): end}
    clock.move(60)
    assert await claim(tools) == []


async def test_what_was_acknowledged_on_the_way_stays_so(tools: Tools, clock: FakeClock) -> None:
    push = await _claimed(tools, clock)
    await run_as(tools, ENGINE, pushes.acknowledge, {push.account_id: push.seq})
    await settle(tools, push, PushFate.RETRY)
    clock.move(60)
    assert await claim(tools) == []
    assert await states(tools) == {("phone", 1): "acked"}


async def test_settled_pushes_are_forgotten_after_a_day(tools: Tools, clock: FakeClock) -> None:
    await _claimed(tools, clock)
    await run_as(tools, ENGINE, forget_leftovers)
    assert await states(tools)
    clock.move(86_400 + 60)
    await run_as(tools, ENGINE, forget_leftovers)
    assert not await states(tools)


async def _claimed(tools: Tools, clock: FakeClock, lives_s: float = 15) -> DuePush:
    """One push to one phone, claimed as soon as it is due."""
    provider = await an_account(tools)
    await a_device(tools, provider)
    await an_offer_told(tools, provider, lives_s=lives_s)
    await plan_all(tools)
    clock.move(2)
    (push,) = await claim(tools)
    return push
