"""Two dispatchers forced onto one market, with phones that accept at once: waste, and nothing assigned twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.dispatcher import MarketDispatcher
from domain.rules.errors import Refusal
from domain.store.invariants import breaches
from domain.store.leases import MarketLease
from domain.store.tables import Engagement, Offer, Request
from domain.usecases.offers import accept_offer
from domain.usecases.work import Actor, Tools
from tests.factories import (
    CASINO,
    PORT,
    ROCK,
    TestMarkets,
    a_market,
    a_provider,
    a_ride,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
)

REQUESTS, DRIVERS, DISPATCHERS = 30, 24, 3
PLACES = (PORT, ROCK, CASINO)
ROUNDS = 4  # of each dispatcher, as they come

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
async def tools(engine: AsyncEngine) -> Tools:
    tools = make_tools(engine, clock=at_present())
    await a_market(tools)
    return tools


@pytest.fixture
def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody believes that the market is theirs."""

    async def held(_: MarketLease) -> bool:
        return True

    monkeypatch.setattr(MarketLease, "held", held)


async def a_process(tools: Tools, drivers: list[Actor]) -> MarketDispatcher:
    """A dispatcher with a live index of its own, as a process of its own has."""
    own = replace(tools, live=TestMarkets())
    for number, driver in enumerate(drivers):
        put_at(own, driver.id, PLACES[number % len(PLACES)])
    return MarketDispatcher(own, "monaco")


@pytest.mark.usefixtures("no_lease")
async def test_two_dispatchers_forced_onto_one_market_assign_nothing_twice(tools: Tools):
    drivers = [await a_provider(tools, at=PLACES[n % len(PLACES)]) for n in range(DRIVERS)]
    for number in range(REQUESTS):
        await a_ride(tools, await an_account(tools), pickup=PLACES[number % len(PLACES)])
    dispatchers = [await a_process(tools, drivers) for _ in range(DISPATCHERS)]
    rounds_over = asyncio.Event()
    answers: Counter[str] = Counter()

    async def rounds(dispatcher: MarketDispatcher) -> None:
        for _ in range(ROUNDS):
            assert await dispatcher.step() is not None

    async def phones() -> None:
        """Every offer is accepted as soon as it is seen, by two presses at once."""
        pressed: set[UUID] = (
            set()
        )  # one refused (its driver is busy by now) stays pending until its time is over
        while True:
            last_look = rounds_over.is_set()
            async with tools.sessions() as db:
                pending = select(Offer.id, Offer.provider_id).where(Offer.state == "pending")
                found = [(offer, who) for offer, who in await db.execute(pending) if offer not in pressed]
            pressed.update(offer for offer, _ in found)
            await asyncio.gather(*(press(offer, who) for offer, who in found for _ in range(2)))
            if last_look and not found:
                return
            await asyncio.sleep(0)

    async def press(offer: UUID, who: UUID) -> None:
        try:
            await run_as(tools, Actor(account_id=who), accept_offer, offer)
        except Refusal as refusal:
            answers[refusal.code] += 1
        else:
            answers["won"] += 1

    answering = asyncio.create_task(phones())
    await asyncio.gather(*(rounds(dispatcher) for dispatcher in dispatchers))
    rounds_over.set()
    await answering

    async with tools.sessions() as db:
        found = {name: count for name, count in (await breaches(db)).items() if count}
        engaged = (await db.execute(select(Engagement.provider_id, Engagement.request_id))).all()
        waiting = (
            await db.execute(select(func.count()).select_from(Request).where(Request.state == "open"))
        ).scalar_one()
    assert found == {}
    assert 0 < len(engaged) == len({provider for provider, _ in engaged}) <= DRIVERS, answers
    assert len({request for _, request in engaged}) == len(engaged)
    assert waiting == REQUESTS - len(engaged), "whoever got nobody still waits"
    assert answers["won"] == 2 * len(engaged), "the winner's second press gets the same engagement"
