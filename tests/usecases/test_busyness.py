"""How busy a market is, as anybody may know it: counted by indexes, too coarse to watch a person by."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.store.tables import Engagement, Market
from domain.usecases.catalogue import busyness
from domain.usecases.work import NOBODY, Tools
from tests.factories import a_market, a_provider, an_account, make_tools, run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def now(tools: Tools) -> dict[str, int | None]:
    told: dict[str, dict[str, int | None]] = await run_as(tools, NOBODY, busyness)
    return told["monaco"]


async def test_an_empty_market_and_one_of_four_people_look_the_same(engine: AsyncEngine) -> None:
    tools = make_tools(engine)
    await a_market(tools)
    empty = await now(tools)
    assert set(empty.values()) == {None}
    for _ in range(4):
        await a_provider(tools)
    assert await now(tools) == empty
    await a_provider(tools)
    assert (await now(tools))["on_duty"] == 5
    await a_provider(tools, on_duty=False)
    await a_provider(tools)
    assert (await now(tools))["on_duty"] == 5, "the sixth is not seen to come"


async def far_from_midnight(town: Town) -> None:
    """It is forenoon in the market, whenever the test runs: its day ends with no ride in between."""
    ahead = max(-12, 10 - town.clock.at.hour)
    async with town.tools.sessions.begin() as db:
        await db.execute(update(Market).values(timezone=f"Etc/GMT{-ahead:+d}"))


async def test_what_waits_runs_and_was_done_today_is_counted(town: Town) -> None:
    await far_from_midnight(town)
    done = []
    for _ in range(5):
        ride = await town.ride()
        await town.drive_to(ride, "completed")
        done.append(ride)
    customers = [await an_account(town.tools) for _ in range(2)]
    for number in range(6):
        await town.ask(customer=customers[number % 2])
    told = await now(town.tools)
    assert told == {"on_duty": None, "open_requests": 5, "running": None, "completed_today": 5}


async def test_today_begins_at_the_markets_own_midnight(town: Town) -> None:
    rides = []
    for _ in range(5):
        ride = await town.ride()
        await town.drive_to(ride, "completed")
        rides.append(ride)
    town.clock.at = datetime(2026, 5, 4, 23, 0, tzinfo=UTC)  # one o'clock of the fifth in Monaco
    for ended, counted in (
        (datetime(2026, 5, 4, 22, 0, tzinfo=UTC), 5),
        (datetime(2026, 5, 4, 21, 59, tzinfo=UTC), None),
        (town.clock.at - timedelta(minutes=1), 5),
    ):
        async with town.tools.sessions.begin() as db:
            await db.execute(update(Engagement).values(ended_at=ended))
        assert (await now(town.tools))["completed_today"] == counted


async def test_it_takes_one_statement(town: Town, engine: AsyncEngine) -> None:
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await now(town.tools)
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert len(asked) == 1
