"""Who has a market's lease: one at a time, for as long as they are heard of."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app import dispatcher
from app.dispatcher import MarketDispatcher
from domain.rules.rounds import Rest
from domain.store import leases
from domain.store.leases import MarketLease
from domain.store.outage import DatabaseAway
from domain.usecases.dispatch import RoundReport
from tests.factories import at_present, make_tools

AT_ONCE, NEVER = timedelta(0), timedelta(hours=1)
NOTHING_OPEN = RoundReport(open=0, offers=0, unserved=0, round_id=None, rest=Rest(0.001, at_once=True))

Candidate = Callable[..., MarketLease]


@pytest_asyncio.fixture
async def candidate(engine: AsyncEngine, database_url: str) -> AsyncIterator[Candidate]:
    """Whoever wants a market; what they have is given back at the end."""
    leases: list[MarketLease] = []

    def wants(market: str = "monaco", silent_after: timedelta = NEVER) -> MarketLease:
        leases.append(MarketLease(make_tools(engine).sessions, market, silent_after=silent_after))
        return leases[-1]

    yield wants
    for lease in leases:
        await lease.release()


async def test_one_holder_a_market_until_it_lets_go(candidate: Candidate):
    holder, standby, elsewhere = candidate(), candidate(), candidate("nice")
    assert [await one.held() for one in (holder, standby, elsewhere)] == [True, False, True]
    await holder.release()
    assert [await one.held() for one in (standby, holder, elsewhere)] == [True, False, True]


async def test_a_holder_that_falls_silent_is_sent_off_and_learns_of_it(candidate: Candidate):
    frozen, elsewhere = candidate(), candidate("nice")
    assert await frozen.held()
    assert await elsewhere.held()
    standby = candidate(silent_after=AT_ONCE)
    assert await standby.held()
    assert not await frozen.held(), "its connection is gone, and the market somebody else's"
    assert await standby.held()
    assert await elsewhere.held(), "another market's holder is let be"


async def test_who_was_sent_off_hears_it_at_its_next_sign_of_life(candidate: Candidate):
    frozen, standby = candidate(), candidate(silent_after=AT_ONCE)
    assert await frozen.held()
    assert await standby.held()
    await frozen.beat()
    await frozen.beat()
    assert await standby.held()


async def test_several_who_find_a_holder_silent_are_not_all_its_heirs(candidate: Candidate):
    assert await candidate().held()
    heirs = [candidate(silent_after=AT_ONCE), *(candidate(silent_after=NEVER) for _ in range(4))]
    assert sum(await asyncio.gather(*(heir.held() for heir in heirs))) == 1


def a_round_until(over: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The dispatcher's next round lasts until then and is the last; what it sets at its end, to stop."""
    stop = asyncio.Event()

    async def long(*_: object) -> RoundReport:
        await over.wait()
        stop.set()
        return NOTHING_OPEN

    monkeypatch.setattr(dispatcher, "BEAT_S", 0.01)
    monkeypatch.setattr(dispatcher, "run_round", long)
    return stop


async def test_a_long_round_gives_signs_of_life(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """The round waits for the third sign: without them it never ends."""
    heard, third = list[bool](), asyncio.Event()
    as_ever = MarketLease.beat

    async def counted(lease: MarketLease) -> None:
        await as_ever(lease)
        heard.append(lease._session is not None)
        if len(heard) == 3:
            third.set()

    stop = a_round_until(third, monkeypatch)
    monkeypatch.setattr(MarketLease, "beat", counted)
    async with asyncio.timeout(10):
        await MarketDispatcher(make_tools(engine, clock=at_present()), "monaco").run(stop)
    assert heard[:3] == [True, True, True]


async def test_who_is_interrupted_while_asking_gives_the_market_up(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch
):
    """Half an answer may be under way on the connection: it ends with the lease on it."""
    holder, standby = candidate(), candidate()
    assert await holder.held()
    asked = asyncio.Event()

    async def never(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(AsyncSession, "execute", never)
        beating = asyncio.create_task(holder.beat())
        await asked.wait()
        beating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beating
    async with asyncio.timeout(10):
        while not await standby.held():  # noqa: ASYNC110 - its server notices the end in its own time
            await asyncio.sleep(0.01)


async def test_a_right_that_is_missing_is_told_and_an_outage_is_not(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Silence would look like a market that nobody wants."""
    assert await candidate().held()
    standby = candidate(silent_after=AT_ONCE)
    with monkeypatch.context() as patched:
        patched.setattr(leases, "_SEND_OFF", text("select 1 / 0"))
        assert not await standby.held()
    assert "the lease of monaco cannot be had" in caplog.text
    caplog.clear()

    async def away(*_: object) -> bool:
        raise DatabaseAway("no connection")

    monkeypatch.setattr(MarketLease, "_take", away)
    assert not await standby.held()
    assert not caplog.text


async def test_a_sign_of_life_that_fails_is_not_the_last(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    heard, third = list[int](), asyncio.Event()

    async def fails(_: MarketLease) -> None:
        heard.append(1)
        if len(heard) == 3:
            third.set()
        raise RuntimeError("unheard of")

    stop = a_round_until(third, monkeypatch)
    monkeypatch.setattr(MarketLease, "beat", fails)
    async with asyncio.timeout(10):
        await MarketDispatcher(make_tools(engine, clock=at_present()), "monaco").run(stop)
    assert "a sign of life for monaco failed" in caplog.text
