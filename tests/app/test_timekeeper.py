"""The timekeeper: everything due is done, once, and one that fails holds up nobody."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.timekeeper import Timekeeper
from domain.store.tables import LedgerEntry, Market, Timer
from domain.store.timers import TimerKind
from domain.usecases.timers import HANDLERS
from domain.usecases.work import ENGINE, Tools, Work, working
from tests.factories import FakeClock, make_tools

REF = UUID(int=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    return make_tools(engine, clock=clock)


class Deeds:
    """Handlers that remember what they were asked, and fail where they are told to."""

    def __init__(self, failing: Sequence[UUID] = ()) -> None:
        self.done: list[UUID] = []
        self.failing = set(failing)

    async def __call__(self, work: Work, ref: UUID) -> None:
        work.signal("a.signal")
        if ref in self.failing:
            raise ZeroDivisionError("told to fail")
        self.done.append(ref)

    def keeper(self, tools: Tools) -> Timekeeper:
        return Timekeeper(tools, dict.fromkeys(TimerKind, self))


async def set_timers(tools: Tools, *refs: UUID, after: float = 0.0) -> None:
    async with working(tools, ENGINE) as work:
        for ref in refs:
            work.schedule(TimerKind.MONEY, ref, work.after(after))


async def left(tools: Tools) -> Sequence[Timer]:
    async with tools.sessions() as db:
        return (await db.execute(select(Timer).order_by(Timer.due_at))).scalars().all()


def test_every_kind_of_timer_has_its_use_case() -> None:
    assert set(HANDLERS) == set(TimerKind)


async def test_what_is_due_is_done_and_the_rest_waits(tools: Tools, clock: FakeClock) -> None:
    deeds = Deeds()
    await set_timers(tools, UUID(int=1), UUID(int=2))
    await set_timers(tools, UUID(int=3), after=60)
    assert await deeds.keeper(tools).step() == 2
    assert sorted(deeds.done) == [UUID(int=1), UUID(int=2)]
    assert len(await left(tools)) == 1
    clock.move(60)
    await deeds.keeper(tools).step()
    assert await left(tools) == []


async def test_one_that_fails_rings_again_later_and_later_and_holds_up_nobody(
    tools: Tools, clock: FakeClock
) -> None:
    deeds = Deeds(failing=[UUID(int=1)])
    await set_timers(tools, UUID(int=1), UUID(int=2))
    keeper = deeds.keeper(tools)
    for attempt, wait in ((1, 1), (2, 2), (3, 4)):
        await keeper.step()
        (timer,) = await left(tools)
        assert (timer.attempts, timer.last_error) == (attempt, "ZeroDivisionError: told to fail")
        assert (timer.due_at - clock.now()).total_seconds() == wait
        clock.move(wait)
    assert deeds.done == [UUID(int=2)]
    deeds.failing.clear()
    await keeper.step()
    assert await left(tools) == []


async def test_what_a_failing_deed_wrote_and_said_is_undone(tools: Tools) -> None:
    async def half_done(work: Work, ref: UUID) -> None:
        work.schedule(TimerKind.MONEY, UUID(int=9), work.after(60))
        raise ZeroDivisionError

    await set_timers(tools, REF)
    tools.bus.published.clear()  # type: ignore[attr-defined]
    await Timekeeper(tools, dict.fromkeys(TimerKind, half_done)).step()
    assert [timer.ref for timer in await left(tools)] == [REF]
    assert tools.bus.published == []  # type: ignore[attr-defined]


async def test_a_commit_that_the_database_refuses_puts_the_timer_off(tools: Tools) -> None:
    async def leak(work: Work, ref: UUID) -> None:
        leg = {"id": ref, "txn_id": ref, "market_id": "nowhere", "account": "psp", "currency": "EUR"}
        work.db.add(LedgerEntry(**leg, amount_cents=1, kind="capture", at=work.now))

    async with working(tools, ENGINE) as work:
        work.db.add(
            Market(
                id="nowhere",
                name="Nowhere",
                currency="EUR",
                timezone="UTC",
                center_lat=0,
                center_lon=0,
                settings={},
            )
        )
    await set_timers(tools, REF)
    assert await Timekeeper(tools, dict.fromkeys(TimerKind, leak)).step() == 1
    (timer,) = await left(tools)
    assert timer.attempts == 1
    assert "does not sum to zero" in (timer.last_error or "")


async def test_two_timekeepers_do_everything_once(tools: Tools) -> None:
    deeds = Deeds()
    refs = [UUID(int=n) for n in range(1, 21)]
    await set_timers(tools, *refs)
    await asyncio.gather(deeds.keeper(tools).step(), deeds.keeper(tools).step())
    assert sorted(deeds.done) == refs


async def test_it_runs_when_woken_and_stops_when_told(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    listening: asyncio.Future[Callable[[str, bytes], None]] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def subscribe(pattern: str, deliver: Callable[[str, bytes], None]) -> Any:
        assert pattern == "wake.timers"
        listening.set_result(deliver)

        async def end() -> None:
            ended.set()

        return end

    monkeypatch.setattr(tools.bus, "subscribe", subscribe)
    stop, rang = asyncio.Event(), asyncio.Event()

    async def ring(work: Work, ref: UUID) -> None:
        rang.set()

    running = asyncio.create_task(Timekeeper(tools, dict.fromkeys(TimerKind, ring)).run(stop))
    wake = await asyncio.wait_for(listening, 10)
    await set_timers(tools, REF)
    wake("wake.timers", b"")
    await asyncio.wait_for(rang.wait(), 10)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert ended.is_set()


async def test_a_timer_that_a_newer_version_set_is_left_for_it_and_holds_up_nobody(
    tools: Tools, clock: FakeClock
) -> None:
    deeds = Deeds()
    await set_timers(tools, UUID(int=1))
    async with tools.sessions() as db:
        await db.execute(update(Timer).values(kind="of tomorrow"))
        await db.commit()
    clock.move(1)
    await set_timers(tools, UUID(int=2))
    await deeds.keeper(tools).step()
    assert deeds.done == [UUID(int=2)]
    (timer,) = await left(tools)
    assert timer.kind == "of tomorrow"
    assert timer.due_at > clock.now()
