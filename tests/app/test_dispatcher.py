"""The dispatcher's loop: leases, wake-up calls, and rounds that fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import dispatcher
from app.dispatcher import Dispatcher, MarketDispatcher
from domain.rules.rounds import Rest
from domain.usecases.dispatch import RoundReport
from domain.usecases.work import Knobs, Tools
from tests.factories import (
    RecordingBus,
    a_market,
    a_posted_job,
    a_provider,
    a_ride,
    an_account,
    at_present,
    make_tools,
    the_offers_of,
)

FOREVER = 3_600.0  # s; a window nobody waits for in a test
QUIET = RoundReport(open=0, offers=0, unserved=0, round_id=None, rest=Rest(FOREVER, at_once=True))


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str) -> Tools:
    tools = make_tools(engine, clock=at_present(), knobs=Knobs(round_window=FOREVER))
    await a_market(tools)
    return tools


class Listening(RecordingBus):
    """A bus whose subscribers are called at once."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_by: dict[str, Callable[[str, bytes], None]] = {}

    async def subscribe(self, pattern: str, deliver: Callable[[str, bytes], None]) -> Callable[[], Any]:
        self.heard_by[pattern] = deliver
        return await super().subscribe(pattern, deliver)


async def test_a_step_runs_one_round_in_each_market(tools: Tools):
    driver = await a_provider(tools)
    await a_ride(tools, await an_account(tools))
    one = MarketDispatcher(tools, "monaco")
    report = await one.step()
    assert report is not None
    assert report.offers == 1
    assert len(await the_offers_of(tools, driver)) == 1
    await release(one)


async def test_two_dispatchers_do_not_both_have_one_market_and_the_standby_takes_over(tools: Tools):
    first, standby = MarketDispatcher(tools, "monaco"), MarketDispatcher(tools, "monaco")
    assert await first.step() is not None
    assert await standby.step() is None
    await release(first)
    assert await standby.step() is not None
    await release(standby)


async def test_newcomers_hear_of_posted_jobs(tools: Tools):
    await a_posted_job(tools, await an_account(tools))
    jobber = await a_provider(tools, ["odd-job"])
    one = MarketDispatcher(tools, "monaco")
    await one.step()
    await release(one)
    bus = tools.bus
    assert isinstance(bus, RecordingBus)
    assert jobber.account_id is not None
    assert bus.published[-1][0] == "wake.relay"


async def test_in_a_quiet_market_a_wake_up_call_starts_a_round_and_a_failing_round_stops_nothing(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    bus = Listening()
    object.__setattr__(tools, "bus", bus)
    rounds: asyncio.Queue[str] = asyncio.Queue(maxsize=10)
    outcomes = iter([QUIET, QUIET])

    async def counted(work: Any, market: str, incomes: Any) -> RoundReport:
        await rounds.put(market)
        return next(outcomes)

    monkeypatch.setattr(dispatcher, "run_round", counted)
    stop = asyncio.Event()
    running = asyncio.create_task(Dispatcher(tools, ["monaco"]).run(stop))
    async with asyncio.timeout(10):
        await rounds.get()
        bus.heard_by["wake.dispatch.monaco"]("wake.dispatch.monaco", b"")
        await rounds.get()
        stop.set()
        await running


async def test_a_round_that_fails_is_logged_and_the_next_one_comes(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    tools = make_tools(engine, clock=at_present(), knobs=Knobs(round_window=0.001))
    again: asyncio.Queue[None] = asyncio.Queue()

    async def broken(work: Any, market: str, incomes: Any) -> RoundReport:
        await again.put(None)
        raise RuntimeError("a bad row")

    monkeypatch.setattr(dispatcher, "run_round", broken)
    stop = asyncio.Event()
    running = asyncio.create_task(Dispatcher(tools, ["monaco"]).run(stop))
    async with asyncio.timeout(10):
        for _ in range(3):
            await again.get()
        stop.set()
        await running
    assert "the next one comes" in caplog.text


async def release(one: MarketDispatcher) -> None:
    """What the end of `run` does."""
    await one._lease.release()
