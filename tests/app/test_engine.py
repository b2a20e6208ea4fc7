"""The engine as one process: a flood at its edge leaves the loops theirs, and the stop is soon over."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import CONNECTIONS
from app.engine import Part, running
from app.loops import GIVE_UP
from app.relay import BATCH, Relay
from app.settings import Settings
from app.tours.planner import TourPlanner
from domain.rules.events import EventType
from domain.usecases.work import ENGINE, Actor, Tools, working, working_beside
from matching.tours.problem import TourProblem, Vehicle
from realtime.bus_inproc import InProcBus
from tests.app.workers import is_there, workers_of
from tests.factories import an_account, at_present, make_tools
from tests.realtime.ears import Ear

pytestmark = pytest.mark.timeout(120)
SENT = text("select count(*) from sent_messages where kind = 'push'")
SENT_WITHIN = (
    30.0  # s; a push gives the socket three, and a connection that never comes is waited for over eight
)
PLANNED_WITHIN = 100.0  # s; the process loads pandas and may compile
SETTINGS = Settings(secret="the secret of a test, which is long enough")


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No city: the engine starts with straight lines."""
    monkeypatch.setenv("COUDMAIN_DATA", str(tmp_path))


async def happen(tools: Tools, actor: Actor, count: int) -> None:
    """Events that wait to be told."""
    async with working(tools, ENGINE) as work:
        for _ in range(count):
            work.emit(actor.id, EventType.DUTY_CHANGED, {"on": True})


async def test_requests_that_hold_every_connection_leave_the_loops_theirs(
    engine: AsyncEngine, database_url: str
):
    elsewhere, ear = make_tools(engine), Ear()
    somebody = await an_account(elsewhere)
    async with running(SETTINGS, database_url) as whole, AsyncExitStack() as flood:
        await whole.tools.bus.subscribe("account.*", ear)
        for _ in range(CONNECTIONS):
            session = await flood.enter_async_context(whole.tools.sessions())
            await session.execute(text("select 1"))
        await happen(elsewhere, somebody, 1)
        ((subject, payload),) = await ear.until(1)
    assert subject == f"account.{somebody.id}"
    assert json.loads(payload)["seq"] == 1


async def test_and_what_stays_done_though_refused_has_connections_of_its_own(database_url: str):
    async with running(SETTINGS, database_url) as whole, AsyncExitStack() as flood:
        for _ in range(CONNECTIONS):
            session = await flood.enter_async_context(whole.tools.sessions())
            await session.execute(text("select 1"))
        async with working_beside(whole.tools) as aside:
            assert (await aside.db.execute(text("select 1"))).scalar_one() == 1


async def test_and_what_the_console_is_given_to_push_arrives(engine: AsyncEngine, database_url: str):
    elsewhere = make_tools(engine, clock=at_present())
    somebody = await an_account(elsewhere, "+37760000001")
    async with running(SETTINGS, database_url) as whole, AsyncExitStack() as flood:
        for _ in range(CONNECTIONS):
            session = await flood.enter_async_context(whole.tools.sessions())
            await session.execute(text("select 1"))
        async with working(elsewhere, ENGINE) as work:
            work.emit(somebody.id, EventType.REQUEST_REOPENED, {"request_id": str(work.new_id())})
        async with asyncio.timeout(SENT_WITHIN), engine.connect() as looks:
            while not (await looks.execute(SENT)).scalar_one():
                await looks.rollback()
                await asyncio.sleep(0.05)


class StoppingBus(InProcBus):
    """The stop comes with the first event that is told."""

    def __init__(self) -> None:
        super().__init__()
        self.stop, self.told = asyncio.Event(), 0

    async def publish(self, subject: str, payload: bytes) -> None:
        self.told += 1
        self.stop.set()


async def test_a_relay_told_to_stop_leaves_what_is_still_untold_to_the_next(engine: AsyncEngine):
    bus = StoppingBus()
    tools = make_tools(engine)
    await happen(tools, await an_account(tools), 3 * BATCH)
    await Relay(replace(tools, bus=bus)).run(bus.stop)
    assert bus.told == BATCH
    assert await Relay(tools).step() == 2 * BATCH


@pytest.mark.parametrize("parts", [Part.ALL, Part.API], ids=str)
async def test_who_answers_has_a_planner_whose_process_begins_when_it_is_asked_and_ends_with_the_engine(
    database_url: str, parts: Part
):
    nothing = TourProblem(errands=(), vehicles=(Vehicle(id="v", start=0),), seconds=np.zeros((1, 1)), seed=0)
    async with running(SETTINGS, database_url, parts) as whole:
        planner = whole.tools.planner
        assert isinstance(planner, TourPlanner)
        assert workers_of(planner) == []
        planner._within_s = PLANNED_WITHIN
        await planner.pool(nothing)
        (pid,) = workers_of(planner)
        assert is_there(pid)
    async with asyncio.timeout(PLANNED_WITHIN):
        while is_there(pid):  # noqa: ASYNC110 - nothing tells of a process that is not one's own
            await asyncio.sleep(0.02)


async def test_who_answers_nobody_has_none(database_url: str):
    async with running(SETTINGS, database_url, Part.DISPATCH | Part.RELAY) as whole:
        assert whole.tools.planner is None


@pytest.mark.parametrize("parts", [Part.ALL, Part.API, Part.DISPATCH, Part.RELAY], ids=str)
async def test_the_stop_waits_for_no_transaction_that_hangs(
    engine: AsyncEngine, database_url: str, parts: Part
):
    """Somebody holds the tables that every loop wants: they are cut short, and nothing is left behind."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(SETTINGS, database_url, parts))
        async with engine.begin() as holds:
            await holds.execute(text("lock table events, timers, pushes, requests in access exclusive mode"))
            began = time.monotonic()
            await stack.aclose()
            took = time.monotonic() - began
    assert took < GIVE_UP + 5.0, "a busy machine is given some seconds more"
    async with engine.connect() as looks:
        busy = (
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        assert (await looks.execute(text(busy))).scalar_one() == 0
