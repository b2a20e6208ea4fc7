"""Suggestions of where to wait: from past requests alone, never an order, and free to ignore."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import NotOnDuty
from domain.store.tables import Base, Round
from domain.usecases.suggestions import LEAST_SEEN, my_suggestions
from domain.usecases.views.suggestions import WHY_NONE, suggestions_view
from domain.usecases.work import Tools
from geo.cells import from_hex, to_hex
from geo.points import LatLng
from geo.privacy import COARSE_RES, coarse
from tests.factories import (
    DAWN,
    LARVOTTO,
    PORT,
    ROCK,
    FakeClock,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    make_tools,
    put_at,
    run_as,
)

LARVOTTO_CELL = coarse(LARVOTTO).cell_hex


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(DAWN)


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def asked_on_past_days(tools: Tools, clock: FakeClock, place: LatLng, *, a_day: int, days: int) -> None:
    """Rides from a place, at the same hour of some days running up to the clock's day, which has none."""
    for _ in range(days):
        for _ in range(a_day):
            await a_ride(tools, await an_account(tools), pickup=place)
        clock.at += timedelta(days=1)


async def test_off_duty_there_is_nothing_to_suggest(tools: Tools) -> None:
    with pytest.raises(NotOnDuty):
        await run_as(tools, await a_provider(tools, on_duty=False), my_suggestions)


async def test_without_past_demand_nothing_is_suggested_and_it_says_so(tools: Tools) -> None:
    told = await run_as(tools, await a_provider(tools), my_suggestions)
    assert (told.places, told.why_none, told.days) == ((), "no_data", 0)


async def test_a_busy_quarter_is_suggested_as_a_coarse_cell_with_an_expected_gain(
    tools: Tools, clock: FakeClock
) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    told = await run_as(tools, await a_provider(tools, at=ROCK), my_suggestions)
    (place,) = told.places
    assert place.cell == LARVOTTO_CELL
    assert to_hex(from_hex(place.cell)) == place.cell
    assert told.days == 3
    assert 0 < place.low.amount <= place.gain.amount <= place.high.amount
    assert place.travel_s > 0


async def test_who_is_there_already_is_told_to_go_nowhere(tools: Tools, clock: FakeClock) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    told = await run_as(tools, await a_provider(tools, at=LARVOTTO), my_suggestions)
    assert (told.places, told.why_none) == ((), "no_gain")


async def test_a_place_is_worth_less_where_others_wait(tools: Tools, clock: FakeClock) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    me = await a_provider(tools, at=ROCK)
    (alone,) = (await run_as(tools, me, my_suggestions)).places
    for _ in range(2):
        await a_provider(tools, at=LARVOTTO)
    (crowded,) = (await run_as(tools, me, my_suggestions)).places
    assert crowded.gain.amount < alone.gain.amount


async def test_a_cell_of_few_requests_is_left_out_for_it_would_name_somebody(
    tools: Tools, clock: FakeClock
) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=1, days=LEAST_SEEN - 1)
    told = await run_as(tools, await a_provider(tools, at=ROCK), my_suggestions)
    assert (told.places, told.why_none) == ((), "no_data")


async def test_the_demand_of_another_hour_is_not_that_of_this_one(tools: Tools, clock: FakeClock) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    clock.at += timedelta(hours=5)
    told = await run_as(tools, await a_provider(tools, at=ROCK), my_suggestions)
    assert told.why_none == "no_data"


async def test_without_a_position_nothing_is_suggested(tools: Tools, clock: FakeClock) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    told = await run_as(tools, await a_provider(tools, at=None), my_suggestions)
    assert told.why_none == "no_position"


async def rows_of_everything(tools: Tools) -> dict[str, int]:
    async with tools.sessions() as db:
        return {
            name: (await db.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in sorted(Base.metadata.tables.items())
        }


async def test_ignoring_a_suggestion_costs_nothing(tools: Tools, clock: FakeClock) -> None:
    """Two people at one place: one asks and does not go, the other never asked. The engine cannot tell them apart:
    nothing was written, and the next round sees the two alike."""
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    asked, silent = await a_provider(tools, at=ROCK), await a_provider(tools, at=ROCK)
    before = await rows_of_everything(tools)
    assert (await run_as(tools, asked, my_suggestions)).places
    assert await rows_of_everything(tools) == before
    clock.move(600)
    for one in (asked, silent):
        put_at(tools, one.id, ROCK)
    await a_ride(tools, await an_account(tools), pickup=PORT)
    await a_round(tools)
    async with tools.sessions() as db:
        stored = (await db.execute(select(Round))).scalars().one()
    one_row, other_row = (
        {name: value for name, value in supply.items() if name not in {"id", "blocked_customers"}}
        for supply in stored.problem["supply"]
    )
    assert one_row == other_row


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_answer_says_that_it_is_no_order(tools: Tools, clock: FakeClock, language: str) -> None:
    await asked_on_past_days(tools, clock, LARVOTTO, a_day=4, days=3)
    told = await run_as(tools, await a_provider(tools, at=ROCK), my_suggestions)
    view = suggestions_view(told, language)
    assert "suggestion" in view["words"]
    assert view["items"][0]["travel_s"] % 30 == 0
    assert view["items"][0]["gain_per_hour"]["currency"] == "EUR"
    assert set(WHY_NONE) == {"no_data", "no_position", "no_gain"}
    assert COARSE_RES == 8
