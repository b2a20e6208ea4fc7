"""What has served is let go of, and nobody's stream is left with a gap."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.janitor import Janitor
from domain.rules.events import EventType
from domain.store import idempotency, streams
from domain.store.tables import IdempotencyKey
from domain.usecases import leftovers
from domain.usecases.audit import audit
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.work import ENGINE, Actor, Tools, working
from tests.factories import FakeClock, an_account, make_tools, run_as


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    return make_tools(engine, clock=clock)


async def tell(tools: Tools, somebody: Actor, times: int) -> None:
    for _ in range(times):
        async with working(tools, ENGINE) as work:
            work.emit(somebody.id, EventType.DUTY_CHANGED, {})
    async with working(tools, ENGINE) as work:
        await streams.claim_unsent(work.db, 100)


async def kept(tools: Tools, somebody: Actor) -> list[int]:
    async with working(tools, ENGINE) as work:
        return [row.seq for row in await streams.read_after(work.db, somebody.id, 0, 100)]


async def test_old_events_go_and_the_stream_says_from_where_it_is_kept(
    tools: Tools, clock: FakeClock
) -> None:
    somebody, quiet = await an_account(tools), await an_account(tools)
    await tell(tools, somebody, 3)
    await tell(tools, quiet, 2)
    clock.move(tools.knobs.events_kept + 1)
    await tell(tools, somebody, 2)
    await run_as(tools, ENGINE, forget_leftovers)
    assert await kept(tools, somebody) == [4, 5]
    assert await kept(tools, quiet) == []
    async with working(tools, ENGINE) as work:
        found = await streams.head(work.db, somebody.id)
        assert found is not None
        assert (found.seq, found.kept_from) == (5, 4)
        assert (await audit(work)).sound


async def test_an_event_nobody_was_told_of_is_never_forgotten(tools: Tools, clock: FakeClock) -> None:
    somebody = await an_account(tools)
    async with working(tools, ENGINE) as work:
        work.emit(somebody.id, EventType.DUTY_CHANGED, {})
    clock.move(tools.knobs.events_kept + 1)
    await run_as(tools, ENGINE, forget_leftovers)
    assert await kept(tools, somebody) == [1]


async def test_numbers_go_on_where_they_were(tools: Tools, clock: FakeClock) -> None:
    somebody = await an_account(tools)
    await tell(tools, somebody, 3)
    clock.move(tools.knobs.events_kept + 1)
    await run_as(tools, ENGINE, forget_leftovers)
    await tell(tools, somebody, 1)
    assert await kept(tools, somebody) == [4]


async def test_one_sweep_takes_everything_however_much_there_is(
    tools: Tools, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bounded sweep an hour would be left behind by a busy house, and never come to the last of its accounts."""
    monkeypatch.setattr(leftovers, "MOST", 3)
    people = [await an_account(tools) for _ in range(5)]
    for somebody in people:
        await tell(tools, somebody, 2)
        async with working(tools, ENGINE) as work:
            await idempotency.claim(
                work.db,
                row_id=work.new_id(),
                account=somebody.id,
                operation="do",
                key="1",
                fingerprint="",
                now=work.now,
            )
    clock.move(tools.knobs.events_kept + 1)
    await tell(tools, people[0], 1)
    await Janitor(tools).step()
    assert [await kept(tools, somebody) for somebody in people] == [[3], [], [], [], []]
    async with working(tools, ENGINE) as work:
        assert (await work.db.execute(select(func.count()).select_from(IdempotencyKey))).scalar_one() == 0
        assert (await audit(work)).sound
