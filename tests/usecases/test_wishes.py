"""What people may wish: the way home, a longest way, with whom not; and what an agenda and the law allow."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Invalid, NotEligible, NotFound, NotOnDuty, TooMany
from domain.rules.places import Place
from domain.store.tables import Decision, Engagement, HomewardUse, Market, Provider, Request, Round
from domain.usecases.blocks import block, my_blocks, unblock
from domain.usecases.call import Bid, propose
from domain.usecases.duty import go_off_duty, read_duty
from domain.usecases.homeward import head
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.offers import accept_offer, decline_offer
from domain.usecases.requests import Wish, create_request
from domain.usecases.why import why_not_me
from domain.usecases.work import ENGINE, Actor, Tools
from geo.points import LatLng
from matching.replay import agrees, replay
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    ROCK,
    FakeClock,
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

WEST = LatLng(43.7500, 7.3600)  # five kilometres west of the port
HILL = LatLng(43.7450, 7.3950)  # two


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def settings(tools: Tools, **dispatch: Any) -> None:
    async with tools.sessions.begin() as db:
        await db.execute(update(Market).values(settings={"dispatch": dispatch}))


async def reason_of(tools: Tools, request: UUID, driver: Actor) -> str:
    async with tools.sessions() as db:
        found = (
            select(Decision.reason)
            .where(Decision.request_id == request, Decision.provider_id == driver.id)
            .order_by(Decision.id.desc())
            .limit(1)
        )
        return (await db.execute(found)).scalar_one()


async def a_booked_job(tools: Tools, driver: Actor, at: LatLng, start_in: timedelta) -> None:
    """The driver has agreed to be somewhere at an hour; their agenda claims the last minute before it."""
    customer = await an_account(tools)
    job = await a_posted_job(tools, customer, site=at)
    bid = Bid(price_cents=6_000, currency="EUR", start_at=tools.clock.now() + start_in)
    offer = await run_as(tools, driver, propose, job, bid)
    await run_as(tools, customer, accept_offer, offer.id)
    async with tools.sessions.begin() as db:
        claimed = "tstzrange(e.start_at - interval '1 minute', upper(h.span))"
        await db.execute(
            text(f"UPDATE holds h SET span = {claimed} FROM engagements e WHERE e.id = h.engagement_id")
        )


# The agenda


async def test_a_ride_that_ends_too_far_from_the_next_job_is_not_offered(tools: Tools):
    """A quarter of an hour there, twenty minutes on to the job, which begins in thirty; ten kept free would do."""
    driver = await a_provider(tools, ["ride-vtc", "odd-job"], at=PORT)
    await a_booked_job(tools, driver, LARVOTTO, timedelta(minutes=30))
    west = await a_ride(tools, await an_account(tools), pickup=PORT, drop=WEST)
    await a_round(tools)
    assert await the_offers_of(tools, driver) == []
    assert await reason_of(tools, west, driver) == "agenda_conflict"
    async with tools.sessions() as db:
        stored = (await db.execute(select(Round).where(Round.problem["asks"] != []))).scalars().all()[-1]
    (asked,) = stored.problem["asks"]
    blind = replay({**stored.problem, "asks": [{**asked, "onward_s": []}]})
    assert len(blind.offers) == 1, "the constant alone would have let it through"


async def test_the_way_to_the_next_job_decides_and_not_a_constant(tools: Tools):
    """The job begins six minutes after a ride that ends at its door: ten kept free for the way would forbid it."""
    driver = await a_provider(tools, ["ride-vtc", "odd-job"], at=PORT)
    there = await a_ride(tools, await an_account(tools), pickup=PORT, drop=HILL)
    async with tools.sessions() as db:
        ride_s = (await db.get_one(Request, there)).duration_s
    await a_booked_job(tools, driver, HILL, timedelta(seconds=ride_s + 420))
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    assert offer["request_id"] == str(there)
    async with tools.sessions() as db:
        stored = (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()
    assert stored.problem["asks"][0]["onward_s"] == [[str(driver.id), 0.0]]
    assert agrees(stored.problem, stored.result)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))  # and the agenda takes it


async def test_a_job_of_tomorrow_hinders_no_ride_of_today(tools: Tools):
    driver = await a_provider(tools, ["ride-vtc", "odd-job"], at=PORT)
    await a_booked_job(tools, driver, LARVOTTO, timedelta(days=1))
    await a_ride(tools, await an_account(tools), pickup=PORT, drop=WEST)
    await a_round(tools)
    assert len(await the_offers_of(tools, driver)) == 1


# Several trades in one round


async def test_a_ride_a_parcel_and_a_job_share_people_as_suits_all_of_them(tools: Tools):
    """The all-rounder is the nearest to everything and the only one for the ride; the others get the rest."""
    async with tools.sessions.begin() as db:
        await db.execute(
            text("""UPDATE services SET spec = jsonb_set(spec, '{dispatch,waves}',
                                                         '[{"size": 1, "within_s": 1500}]')""")
        )
    everything = await a_provider(tools, ["ride-vtc", "parcel", "odd-job-now"], at=PORT)
    courier = await a_provider(tools, ["parcel"], at=ROCK)
    jobber = await a_provider(tools, ["odd-job-now"], at=CASINO)
    ride = await a_ride(tools, await an_account(tools), pickup=PORT, drop=CASINO)
    parcel = await a_ride(tools, await an_account(tools), service="parcel", pickup=PORT, drop=CASINO)
    job = await an_urgent_job(tools, PORT)
    report = await a_round(tools)
    assert report.offers == 3
    asked = {driver: (await the_offers_of(tools, driver))[0] for driver in (everything, courier, jobber)}
    assert {offer["request_id"] for offer in asked.values()} == {str(ride), str(parcel), str(job)}
    assert asked[everything]["request_id"] == str(ride)
    assert asked[courier]["request_id"] == str(parcel)
    assert asked[jobber]["request_id"] == str(job)
    for other in (parcel, job):
        assert await reason_of(tools, other, everything) == "offered_another"


async def test_whoever_serves_many_trades_has_one_offer_at_a_time(tools: Tools):
    everything = await a_provider(tools, ["ride-vtc", "parcel", "odd-job-now"], at=PORT)
    for service in ("ride-vtc", "parcel"):
        await a_ride(tools, await an_account(tools), service=service)
    await an_urgent_job(tools, PORT)
    assert (await a_round(tools)).offers == 1
    assert len(await the_offers_of(tools, everything)) == 1
    assert (await a_round(tools)).offers == 0


async def an_urgent_job(tools: Tools, site: LatLng) -> UUID:
    wish = Wish(service="odd-job-now", places=(Place("site", site),))
    return UUID(str((await run_as(tools, await an_account(tools), create_request, wish)).row.id))


# The way home


async def test_on_the_way_home_only_what_brings_one_nearer_is_offered(tools: Tools):
    driver = await a_provider(tools, at=PORT)
    await run_as(tools, driver, head, LARVOTTO)
    away = await a_ride(tools, await an_account(tools), pickup=PORT, drop=WEST)
    await a_round(tools)
    assert await the_offers_of(tools, driver) == []
    told = await run_as(tools, driver, why_not_me, away)
    assert [str(reason) for reason in told["reasons"]] == ["not_homeward"]
    nearer = await a_ride(tools, await an_account(tools), pickup=PORT, drop=CASINO)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    assert offer["request_id"] == str(nearer)


async def test_home_is_written_nowhere_but_on_the_session_and_leaves_with_it(tools: Tools):
    home = LatLng(43.7466611, 7.4335511)  # digits that nothing else has
    driver = await a_provider(tools, at=PORT)
    await run_as(tools, driver, head, home)
    await a_ride(tools, await an_account(tools), pickup=PORT, drop=WEST)
    await a_round(tools)
    assert await tables_with(tools, "43.7466611") == ["duty_sessions"]
    seen = await run_as(tools, driver, read_duty)
    assert seen["homeward"] is True
    assert "43.7466611" not in str(seen)
    await run_as(tools, driver, go_off_duty)
    assert await tables_with(tools, "43.7466611") == []


async def tables_with(tools: Tools, digits: str) -> list[str]:
    async with tools.sessions() as db:
        tables = await db.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        found = []
        for (table,) in tables:
            hits = await db.execute(
                text(f'select count(*) from "{table}" t where t::text like :digits'),
                {"digits": f"%{digits}%"},
            )
            if hits.scalar_one():
                found.append(table)
        return sorted(found)


async def test_the_way_home_may_be_asked_for_twice_a_day(tools: Tools, clock: FakeClock):
    driver = await a_provider(tools, at=PORT)
    await run_as(tools, driver, head, LARVOTTO)
    await run_as(tools, driver, head, LARVOTTO)  # the same place again is no other use
    await run_as(tools, driver, head, None)
    await run_as(tools, driver, head, LARVOTTO)
    with pytest.raises(TooMany):
        await run_as(tools, driver, head, ROCK)
    assert (await run_as(tools, driver, read_duty))["homeward"] is True
    clock.move(86_400)
    await run_as(tools, driver, head, ROCK)
    clock.move(4 * 86_400)
    await run_as(tools, ENGINE, forget_leftovers)
    async with tools.sessions() as db:
        assert (await db.execute(select(HomewardUse))).all() == []


async def test_many_at_once_count_each_and_no_more_than_allowed(tools: Tools):
    driver = await a_provider(tools, at=PORT)
    places = [LatLng(43.74 + n / 1_000, 7.42) for n in range(6)]
    tries = [run_as(tools, driver, head, place) for place in places]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(1 for outcome in outcomes if outcome is None) == 2
    assert sum(1 for outcome in outcomes if isinstance(outcome, TooMany)) == 4


async def test_a_market_may_not_have_it_and_off_duty_there_is_no_way_home(tools: Tools):
    driver, resting = await a_provider(tools, at=PORT), await a_provider(tools, on_duty=False)
    await settings(tools, homeward_a_day=0)
    with pytest.raises(TooMany):
        await run_as(tools, driver, head, LARVOTTO)
    with pytest.raises(NotOnDuty):
        await run_as(tools, resting, head, LARVOTTO)


# With whom not


async def met(tools: Tools, customer: Actor, driver: Actor) -> None:
    """The driver has been offered a ride of the customer's."""
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, decline_offer, UUID(offer["id"]))
    async with tools.sessions.begin() as db:
        await db.execute(text("update requests set state = 'cancelled'"))


@pytest.mark.parametrize("by", ["customer", "driver"])
async def test_a_blocked_pair_is_not_put_in_touch_whoever_wished_it(tools: Tools, by: str):
    customer, driver = await an_account(tools), await a_provider(tools)
    await met(tools, customer, driver)
    one, other = (customer, driver) if by == "customer" else (driver, customer)
    await run_as(tools, one, block, other.id)
    await run_as(tools, one, block, other.id)
    request = await a_ride(tools, customer)
    assert (await a_round(tools)).offers == 0
    told = await run_as(tools, driver, why_not_me, request)
    assert [str(reason) for reason in told["reasons"]] == ["blocked"]
    assert await run_as(tools, other, my_blocks) == []
    assert [row.blocked_id for row in await run_as(tools, one, my_blocks)] == [other.id]
    job = await a_posted_job(tools, customer)
    async with tools.sessions.begin() as db:
        await db.execute(update(Provider).values(services=["ride-vtc", "odd-job"]))
    with pytest.raises((NotEligible, NotFound)):
        await run_as(tools, driver, propose, job, Bid(price_cents=6_000, currency="EUR"))
    await run_as(tools, one, unblock, other.id)
    await run_as(tools, one, unblock, other.id)
    assert (await a_round(tools)).offers == 1


async def test_a_stranger_cannot_be_blocked_nor_oneself(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    for nobody in (driver.id, tools.new_id()):
        with pytest.raises(NotFound):
            await run_as(tools, customer, block, nobody)
    with pytest.raises(Invalid):
        await run_as(tools, customer, block, customer.id)


# How far and how long


async def test_nobody_is_asked_further_than_the_distance_they_have_set(tools: Tools):
    driver = await a_provider(tools, at=LARVOTTO)
    async with tools.sessions.begin() as db:
        await db.execute(update(Provider).values(max_pickup_m=1_000))
    request = await a_ride(tools, await an_account(tools), pickup=PORT)
    await a_round(tools)
    assert await reason_of(tools, request, driver) == "longer_than_wanted"
    async with tools.sessions.begin() as db:
        await db.execute(update(Provider).values(max_pickup_m=5_000))
    assert (await a_round(tools)).offers == 1


async def test_a_regime_may_bound_a_days_work(tools: Tools, clock: FakeClock):
    driver = await a_provider(tools)
    await a_ride(tools, await an_account(tools))
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    async with tools.sessions.begin() as db:
        zone = text("date_trunc('day', now() at time zone 'Europe/Monaco') at time zone 'Europe/Monaco'")
        began = (await db.execute(select(zone))).scalar_one()
        worked = clock.now() - began
        await db.execute(
            update(Engagement).values(
                state="completed", confirmed_at=began - timedelta(hours=5), ended_at=clock.now()
            )
        )
        await db.execute(text("update holds set state = 'released'"))
        await db.execute(text("update requests set state = 'closed'"))
    hours = worked.total_seconds() / 3_600  # yesterday's five do not count
    await settings(tools, most_hours_a_day={"fr_vtc": hours * 0.99})
    request = await a_ride(tools, await an_account(tools))
    await a_round(tools)
    assert await reason_of(tools, request, driver) == "hours_worked"
    await settings(tools, most_hours_a_day={"fr_vtc": hours + 1, "taxi": 0.0})
    assert (await a_round(tools)).offers == 1
