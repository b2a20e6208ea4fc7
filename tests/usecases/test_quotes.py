"""Frozen, signed prices."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    Invalid,
    NotFound,
    OutsideServiceArea,
    PickupRestricted,
    QuoteExpired,
    QuoteForged,
    QuoteUsed,
    UnknownService,
)
from domain.rules.places import Place
from domain.store.tables import Quote
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.quotes import quote, redeem_quote
from domain.usecases.work import ENGINE, Actor, Tools, working
from geo.points import LatLng
from tests.factories import (
    CASINO,
    DAWN,
    HELSINKI,
    PORT,
    FakeClock,
    a_market,
    a_provider,
    an_account,
    make_tools,
    run_as,
)

RIDE = [Place("pickup", PORT), Place("drop", CASINO)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    made = make_tools(engine, clock=clock)
    await a_market(made)
    return made


@pytest.fixture
async def customer(tools: Tools) -> Actor:
    return await an_account(tools)


async def test_a_quote_sums_to_its_price(tools: Tools, customer: Actor) -> None:
    row, eta = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
    assert sum(item["amount"]["amount"] for item in row.breakdown) == row.price_cents >= 1_300
    assert row.distance_m > 0
    assert row.duration_s > 0
    assert eta is None, "nobody is on duty, so nothing is promised"


async def test_a_provider_nearby_makes_a_pickup_promise(tools: Tools, customer: Actor) -> None:
    await a_provider(tools, at=PORT)
    _, eta = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
    assert 0 < eta["p50_s"] <= eta["p90_s"]


async def test_a_quote_is_used_once_by_its_owner(tools: Tools, customer: Actor) -> None:
    row, _ = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
    stranger = await an_account(tools)
    with pytest.raises(NotFound):
        await run_as(tools, stranger, redeem_quote, row.id)
    used = await run_as(tools, customer, redeem_quote, row.id)
    assert used.price_cents == row.price_cents
    with pytest.raises(QuoteUsed):
        await run_as(tools, customer, redeem_quote, row.id)


async def test_a_quote_expires(tools: Tools, customer: Actor, clock: FakeClock) -> None:
    row, _ = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
    clock.move(tools.knobs.quote_ttl)
    with pytest.raises(QuoteExpired):
        await run_as(tools, customer, redeem_quote, row.id)


async def test_a_changed_price_is_a_forged_quote(tools: Tools, customer: Actor) -> None:
    row, _ = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
    async with working(tools, ENGINE) as work:
        await work.db.execute(update(Quote).where(Quote.id == row.id).values(price_cents=1))
    with pytest.raises(QuoteForged):
        await run_as(tools, customer, redeem_quote, row.id)


async def test_a_place_outside_gets_the_nearest_inside(tools: Tools, customer: Actor) -> None:
    with pytest.raises(OutsideServiceArea) as refused:
        await run_as(tools, customer, quote, service="ride-vtc", places=[RIDE[0], Place("drop", HELSINKI)])
    near = LatLng(**refused.value.facts["nearest"])
    assert refused.value.facts["pointer"] == "/stops/1"
    row, _ = await run_as(tools, customer, quote, service="ride-vtc", places=[RIDE[0], Place("drop", near)])
    assert row.price_cents > 0


async def test_swapped_coordinates_are_recognised(tools: Tools, customer: Actor) -> None:
    swapped = [Place("pickup", LatLng(PORT.lon, PORT.lat)), RIDE[1]]
    with pytest.raises(OutsideServiceArea, match="look swapped"):
        await run_as(tools, customer, quote, service="ride-vtc", places=swapped)


async def test_a_forbidden_pickup_names_an_allowed_one(tools: Tools, customer: Actor) -> None:
    square = Place("pickup", LatLng(43.7313, 7.4202))
    with pytest.raises(PickupRestricted) as refused:
        await run_as(tools, customer, quote, service="ride-vtc", places=[square, RIDE[1]])
    allowed = Place("pickup", LatLng(**refused.value.facts["nearest"]))
    await run_as(tools, customer, quote, service="ride-vtc", places=[allowed, RIDE[1]])


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(days=31)])
async def test_a_start_is_ahead_and_not_too_far(tools: Tools, customer: Actor, ahead: timedelta) -> None:
    with pytest.raises(Invalid):
        await run_as(tools, customer, quote, service="ride-vtc", places=RIDE, start_at=DAWN + ahead)


async def test_an_unknown_service_is_refused(tools: Tools, customer: Actor) -> None:
    with pytest.raises(UnknownService):
        await run_as(tools, customer, quote, service="ride-to-the-moon", places=RIDE)


@pytest.mark.parametrize("places", [RIDE[:1], RIDE[::-1], [*RIDE, RIDE[1]], [Place("site", PORT)], []])
async def test_a_ride_needs_a_pickup_and_a_drop(tools: Tools, customer: Actor, places: list[Place]) -> None:
    with pytest.raises(Invalid):
        await run_as(tools, customer, quote, service="ride-vtc", places=places)


async def test_a_price_that_was_only_asked_for_leaves_no_place_behind(
    tools: Tools, customer: Actor, clock: FakeClock
) -> None:
    for taken_up in (True, False, False):
        row, _ = await run_as(tools, customer, quote, service="ride-vtc", places=RIDE)
        if taken_up:
            await run_as(tools, customer, redeem_quote, row.id)

    async def kept() -> list[bool]:
        async with tools.sessions() as db:
            return [used is not None for used in (await db.execute(select(Quote.used_at))).scalars()]

    clock.move(tools.knobs.quote_ttl + 3_600)
    await run_as(tools, ENGINE, forget_leftovers)
    assert len(await kept()) == 3, "whoever comes back within a day is told that it has expired"
    clock.move(86_400)
    await run_as(tools, ENGINE, forget_leftovers)
    assert await kept() == [True]


@pytest.mark.parametrize("minutes", [-95, 0, 1e9])
async def test_an_impossible_estimate_gets_no_price(tools: Tools, customer: Actor, minutes: float) -> None:
    site, answers = [Place("site", PORT)], {"duration_min": minutes}
    with pytest.raises(Invalid):
        await run_as(tools, customer, quote, service="odd-job-now", places=site, answers=answers)
