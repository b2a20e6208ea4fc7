"""Ready is what can do its part: the database, its schema, the bus, and events told in time by whoever tells them."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.database import open_database
from app.migrate import revisions
from app.relay import Relay
from domain.rules.errors import Unavailable
from domain.rules.events import EventType
from domain.usecases.backlog import behind
from domain.usecases.readiness import RELAY_LAG_MOST, Readiness
from domain.usecases.work import ENGINE, Tools, working
from realtime.bus_inproc import InProcBus
from tests.factories import FakeClock, an_account, make_tools


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    return replace(make_tools(engine, clock=clock), bus=InProcBus())


async def something_happens(tools: Tools) -> None:
    somebody = await an_account(tools)
    async with working(tools, ENGINE) as work:
        work.emit(somebody.id, EventType.DUTY_CHANGED, {"on": False})


async def test_events_nobody_tells_make_the_relay_unready_and_nobody_else(tools: Tools, clock: FakeClock):
    await something_happens(tools)
    clock.move(RELAY_LAG_MOST + 1)
    assert (await Readiness(tools).check()).relay_lag_s == RELAY_LAG_MOST + 1
    relay = Readiness(tools, relays=True)
    with pytest.raises(Unavailable, match="late"):
        await relay.check()
    await Relay(tools).step()
    assert (await relay.check()).relay_lag_s == 0


async def test_whoever_was_told_to_stop_is_not_ready(tools: Tools):
    readiness = Readiness(tools)
    await readiness.check()
    readiness.leaving = True
    with pytest.raises(Unavailable, match="stopping"):
        await readiness.check()


async def test_what_waits_is_as_old_as_its_oldest(tools: Tools, clock: FakeClock):
    await something_happens(tools)
    clock.move(3)
    await something_happens(tools)
    async with working(tools, ENGINE) as work:
        assert (await behind(work)).relay_s == 3


async def test_a_schema_older_than_the_code_is_not_ready_and_a_newer_one_is(
    tools: Tools, engine: AsyncEngine
):
    known = revisions()
    assert (await Readiness(tools, known).check()).schema == known[-1]
    with pytest.raises(Unavailable, match=f"{known[-1]}, this version wants 9999"):
        await Readiness(tools, (*known, "9999")).check()
    older_code = Readiness(tools, known[:-1])  # another process has migrated: what this one knows still holds
    assert (await older_code.check()).schema == known[-1]


async def test_a_database_without_a_schema_is_not_ready(tools: Tools, engine: AsyncEngine):
    try:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE alembic_version RENAME TO elsewhere"))
        with pytest.raises(Unavailable, match="the schema is at nothing"):
            await Readiness(tools, revisions()).check()
    finally:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO alembic_version"))


async def test_a_process_all_of_whose_connections_are_at_work_is_ready(tools: Tools, database_url: str):
    """A balancer that took it out would send its load to the next one, until none is left."""
    busy, apart = open_database(database_url, 1), open_database(database_url, 1)
    try:
        async with busy.connect():
            crowded = replace(tools, sessions=async_sessionmaker(busy))
            with pytest.raises(Unavailable, match="does not answer"):
                await Readiness(crowded).check()
            await Readiness(replace(crowded, beside=async_sessionmaker(apart))).check()
    finally:
        await busy.dispose()
        await apart.dispose()
