"""Rounds under a market's settings: incomes and fairness, scarcity, the rest after a round."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Invalid
from domain.rules.rounds import USUAL
from domain.store import earnings
from domain.store.tables import Engagement, Hold, Market, Request, Round
from domain.usecases.founding import found_market
from domain.usecases.incomes import READ_EVERY, Incomes
from domain.usecases.offers import accept_offer, decline_offer
from domain.usecases.why import rounds_of, why_offered
from domain.usecases.work import ENGINE, Actor, Tools, working
from geo.points import LatLng
from matching.replay import agrees
from tests.factories import (
    MONACO,
    PORT,
    FakeClock,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    run_as,
    the_offers_of,
)

NEXT_STREET = LatLng(43.7355, 7.4212)  # a hundred metres from the port


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    async with tools.sessions.begin() as db:  # one is asked at a time, so that the round's choice shows
        await db.execute(
            text("""UPDATE services SET spec = jsonb_set(spec, '{dispatch,waves}',
                                                         '[{"size": 1, "within_s": 1500}]')""")
        )
    return tools


async def earned(
    tools: Tools, driver: Actor, *, net: int, hours: float, ago: timedelta | None = None
) -> None:
    """The driver has had a ride that brought them so much, in so many hours from the acceptance on."""
    await a_ride(tools, await an_account(tools))
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    agreed = (await run_as(tools, driver, accept_offer, UUID(offer["id"]))).engagement
    ended = tools.clock.now() - (ago or timedelta())
    async with tools.sessions.begin() as db:
        done = {
            "state": "completed",
            "price_cents": net + 500,
            "fee_cents": 500,
            "confirmed_at": ended - timedelta(hours=hours),
            "ended_at": ended,
        }
        await db.execute(update(Engagement).where(Engagement.id == agreed.id).values(done))
        await db.execute(update(Hold).values(state="released"))
        await db.execute(update(Request).where(Request.id == agreed.request_id).values(state="closed"))


async def two_drivers(tools: Tools) -> tuple[Actor, Actor]:
    """One at the port who has earned well, one a street further who has not."""
    rich = await a_provider(tools, at=PORT, name="Rich")
    await earned(tools, rich, net=6_000, hours=2)
    async with tools.sessions.begin() as db:
        await db.execute(text("UPDATE duty_sessions SET off_at = now()"))
    poor = await a_provider(tools, at=NEXT_STREET, name="Poor")
    await earned(tools, poor, net=2_000, hours=2)
    async with tools.sessions.begin() as db:
        await db.execute(text("UPDATE duty_sessions SET off_at = NULL"))
    return rich, poor


async def settings(tools: Tools, **dispatch: Any) -> None:
    async with tools.sessions.begin() as db:
        await db.execute(update(Market).values(settings={"dispatch": dispatch}))


async def newest(tools: Tools) -> Round:
    async with tools.sessions() as db:
        return (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()


async def test_an_income_is_what_is_kept_over_the_time_from_being_bound_to_the_end(
    tools: Tools, clock: FakeClock
):
    driver = await a_provider(tools)
    await earned(tools, driver, net=6_000, hours=2)
    async with working(tools, ENGINE) as work:
        since = work.now - timedelta(days=7)
        worked = await earnings.worked_since(work.db, "monaco", [driver.id], since)
        assert worked == {driver.id: (6_000, 7_200.0)}
        assert await earnings.worked_since(work.db, "elsewhere", [driver.id], since) == {}
        assert await earnings.worked_since(work.db, "monaco", [], since) == {}
        assert await Incomes("monaco").of(work, [driver.id], USUAL) == {driver.id: 3_000.0}


async def test_work_from_before_the_window_and_cancelled_work_count_for_nothing(tools: Tools):
    driver = await a_provider(tools)
    await earned(tools, driver, net=6_000, hours=2, ago=timedelta(days=8))
    async with working(tools, ENGINE) as work:
        assert await Incomes("monaco").of(work, [driver.id], USUAL) == {driver.id: None}
    async with tools.sessions.begin() as db:
        await db.execute(update(Engagement).values(state="cancelled", ended_at=tools.clock.now()))
    async with working(tools, ENGINE) as work:
        assert await Incomes("monaco").of(work, [driver.id], USUAL) == {driver.id: None}


async def test_incomes_are_read_again_after_a_minute(tools: Tools, clock: FakeClock):
    driver = await a_provider(tools)
    incomes = Incomes("monaco")
    async with working(tools, ENGINE) as work:
        assert await incomes.of(work, [driver.id], USUAL) == {driver.id: None}
    await earned(tools, driver, net=6_000, hours=2)
    async with working(tools, ENGINE) as work:
        assert await incomes.of(work, [driver.id], USUAL) == {driver.id: None}
    clock.move(READ_EVERY)
    async with working(tools, ENGINE) as work:
        assert await incomes.of(work, [driver.id], USUAL) == {driver.id: 3_000.0}


async def test_who_has_earned_less_is_asked_a_little_further_away_and_the_price_is_stored(tools: Tools):
    rich, poor = await two_drivers(tools)
    request = await a_ride(tools, await an_account(tools))
    report = await a_round(tools)
    (offer,) = await the_offers_of(tools, poor)
    assert await the_offers_of(tools, rich) == []
    assert report.fairness is not None
    assert (report.fairness.moved, report.fairness.most_s) == (1, 240.0)
    assert 0 < report.fairness.extra_pickup_s <= report.fairness.most_s
    stored = await newest(tools)
    assert stored.measures is not None
    assert stored.measures["fairness"]["extra_pickup_s"] == report.fairness.extra_pickup_s
    assert agrees(stored.problem, stored.result)
    told = await run_as(tools, poor, why_offered, UUID(offer["id"]))
    assert {factor["name"]: factor["contribution"] for factor in told["factors"]}["fairness"] == -60.0
    staff = await an_account(tools, is_ops=True)
    (seen, *_) = await run_as(tools, staff, rounds_of, request)
    assert seen["measures"]["fairness"]["moved"] == 1


async def test_a_market_may_switch_fairness_off(tools: Tools):
    rich, _ = await two_drivers(tools)
    await settings(tools, fairness_s=0)
    await a_ride(tools, await an_account(tools))
    report = await a_round(tools)
    assert len(await the_offers_of(tools, rich)) == 1
    assert report.fairness is None
    stored = await newest(tools)
    assert stored.policy_version == "dispatch-2/monaco"
    assert {one["income_per_hour"] for one in stored.problem["supply"]} == {None}


async def test_declining_moves_no_income_and_no_cost(tools: Tools):
    """The poorer driver declines twenty requests: in the next round they are lifted by exactly as much as before."""
    rich, poor = await two_drivers(tools)
    costs = []
    for _ in range(20):
        await a_ride(tools, await an_account(tools))
        await a_round(tools)
        (offer,) = await the_offers_of(tools, poor)
        await run_as(tools, poor, decline_offer, UUID(offer["id"]))
        async with tools.sessions.begin() as db:
            await db.execute(update(Request).values(state="cancelled"))
        stored = await newest(tools)
        verdicts = {one["provider_id"]: one["terms"] for one in stored.result["verdicts"]}
        costs.append((verdicts[str(poor.id)], verdicts[str(rich.id)]))
    assert all(cost == costs[0] for cost in costs)


async def test_a_round_tells_how_scarce_supply_is_and_how_long_the_rest(tools: Tools):
    for _ in range(3):
        await a_ride(tools, await an_account(tools))
    drivers = [await a_provider(tools)]
    scarce = await a_round(tools)
    assert (scarce.open, scarce.idle, scarce.candidates) == (3, 1, 64)
    assert (scarce.rest.window_s, scarce.rest.at_once) == (6.0, False)
    stored = await newest(tools)
    assert stored.measures == {
        "requests": 3,
        "idle": 1,
        "candidates": 64,
        "window_s": 6.0,
        "at_once": False,
        "fairness": None,
    }
    drivers += [await a_provider(tools) for _ in range(10)]
    ample = await a_round(tools)
    assert (ample.open, ample.idle, ample.candidates) == (2, 10, 16)
    assert ample.rest.at_once
    quiet = await a_round(tools)
    assert (quiet.open, quiet.rest.at_once) == (0, True)


async def test_only_the_nearest_are_judged_when_supply_is_ample_and_the_others_are_told_so(tools: Tools):
    await settings(tools, candidates_ample=2, candidates=2, candidates_scarce=2)
    for _ in range(6):
        await a_provider(tools)
    await a_ride(tools, await an_account(tools))
    await a_round(tools)
    stored = await newest(tools)
    assert len(stored.problem["pairs"]["ask"]) == 2


async def test_a_market_is_not_founded_with_settings_that_cannot_be(tools: Tools):
    wrong = {**MONACO, "slug": "elsewhere", "settings": {"dispatch": {"fairness": True}}}
    with pytest.raises(Invalid):
        await run_as(tools, ENGINE, found_market, wrong)
