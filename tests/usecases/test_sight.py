"""A round in a large market reads those about its requests, and comes to what it would over everybody."""

import random
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import NotFound
from domain.store import requests, supply
from domain.store.tables import Market, Offer, Request, Round
from domain.usecases import candidates, sight
from domain.usecases.candidates import KEPT_AT_MOST, contended
from domain.usecases.dispatch import run_round
from domain.usecases.offers import accept_offer
from domain.usecases.specs import specs_of
from domain.usecases.why import why_not_me
from domain.usecases.work import ENGINE, Actor, Tools, Work, working
from geo.points import LatLng
from matching.field import Rows
from matching.replay import agrees
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    a_market,
    a_posted_job,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
    the_offers_of,
)
from tests.usecases.chained import Street

ONE = {"candidates_ample": 1, "candidates": 1, "candidates_scarce": 1}
"""Is judged for a request, or as many as a wave asks: three. Twice as many are read as are asked the way for."""
DRIVERS = 100


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str) -> Tools:
    tools = make_tools(engine, clock=at_present())
    await a_market(tools)
    async with tools.sessions.begin() as db:
        await db.execute(update(Market).values(settings={"dispatch": ONE}))
    return tools


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ten are a large market; how many were read at each look."""
    counts: list[int] = []
    whole = supply.on_duty

    async def counted(*args: object, **kwargs: object) -> object:
        found = await whole(*args, **kwargs)  # type: ignore[arg-type]  # as it was called
        counts.append(len(found))
        return found

    monkeypatch.setattr(supply, "on_duty", counted)
    monkeypatch.setattr(sight, "LARGE", 10)
    monkeypatch.setattr(candidates, "LARGE", 10)
    return counts


def somewhere(dice: random.Random) -> LatLng:
    return LatLng(dice.uniform(43.725, 43.750), dice.uniform(7.405, 7.440))


def a_corner(dice: random.Random) -> LatLng:
    """Where one may be picked up."""
    near = dice.choice([PORT, CASINO, LARVOTTO])
    return LatLng(near.lat + dice.uniform(-3e-4, 3e-4), near.lon + dice.uniform(-3e-4, 3e-4))


async def a_town(tools: Tools, seed: int) -> list[Actor]:
    """Drivers all over, some of whom have an offer to answer and some work in hand; three open requests."""
    dice = random.Random(seed)
    drivers = [await a_provider(tools, at=somewhere(dice)) for _ in range(DRIVERS)]
    for _ in range(6):
        await a_ride(tools, await an_account(tools), pickup=a_corner(dice))
    await a_round(tools)
    for driver in drivers:
        offers = await the_offers_of(tools, driver)
        if offers and dice.random() < 0.3:
            await run_as(tools, driver, accept_offer, UUID(offers[0]["id"]))
    for _ in range(3):
        await a_ride(tools, await an_account(tools), pickup=a_corner(dice))
    return drivers


async def what_a_round_would_offer(tools: Tools) -> set[tuple[UUID, UUID]]:
    """Who is asked for what in a round that is taken back."""
    async with tools.sessions() as db:
        before = set((await db.execute(select(Offer.id))).scalars())
    made: set[tuple[UUID, UUID]] = set()

    async def taken_back() -> None:
        async with working(tools, ENGINE) as work:
            await run_round(work, "monaco")
            found = await work.db.execute(select(Offer).where(Offer.id.not_in(before)))
            made.update((offer.request_id, offer.provider_id) for offer in found.scalars())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await taken_back()
    return made


@pytest.mark.parametrize("seed", range(6))
async def test_it_comes_to_what_it_would_over_everybody(
    tools: Tools, seed: int, read: list[int], monkeypatch: pytest.MonkeyPatch
):
    await a_town(tools, seed)
    read.clear()
    about = await what_a_round_would_offer(tools)
    assert about
    assert read[0] < DRIVERS
    monkeypatch.setattr(sight, "LARGE", DRIVERS)
    assert about == await what_a_round_would_offer(tools)
    assert read[-1] == DRIVERS


async def test_where_those_nearby_cannot_come_it_looks_further(tools: Tools, read: list[int]):
    for _ in range(120):
        asked = await a_provider(tools, at=PORT)
        async with tools.sessions.begin() as db:
            db.add(pending(tools, asked, await a_ride(tools, await an_account(tools))))
    async with tools.sessions.begin() as db:
        await db.execute(update(Request).values(state="cancelled"))
    free = await a_provider(tools, at=CASINO)
    read.clear()
    await a_ride(tools, await an_account(tools), pickup=PORT)
    await a_round(tools)
    assert read == [12, 48, 121]
    assert len(await the_offers_of(tools, free)) == 1


@pytest.mark.parametrize("large", [False, True])
async def test_requests_from_one_place_do_not_leave_each_other_nobody(
    tools: Tools, read: list[int], large: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sight, "LARGE", 10 if large else DRIVERS)
    for _ in range(DRIVERS):
        await a_provider(tools, at=LatLng(PORT.lat, PORT.lon + 1e-4))
    rides = [await a_ride(tools, await an_account(tools), pickup=PORT) for _ in range(5)]
    await a_round(tools)
    async with tools.sessions() as db:
        asked = list((await db.execute(select(Offer.request_id))).scalars())
    assert {ride: asked.count(ride) for ride in rides} == dict.fromkeys(rides, 3)
    assert (read[0] < DRIVERS) == large


async def test_where_too_few_can_come_for_all_who_contend_nobody_is_told_that_enough_were_nearer(
    tools: Tools, read: list[int]
):
    for _ in range(30):
        asked = await a_provider(tools, at=PORT)
        async with tools.sessions.begin() as db:
            db.add(pending(tools, asked, await a_ride(tools, await an_account(tools))))
    async with tools.sessions.begin() as db:
        await db.execute(update(Request).values(state="cancelled"))
    for _ in range(8):
        await a_provider(tools, at=CASINO)
    for _ in range(5):  # fifteen are wanted
        await a_ride(tools, await an_account(tools), pickup=PORT)
    await a_round(tools)
    async with tools.sessions() as db:
        (problem,) = (await db.execute(select(Round.problem))).scalars()
    assert len(problem["supply"]) == read[-1] == 38


def pending(tools: Tools, driver: Actor, request: UUID) -> Offer:
    now = tools.clock.now()
    return Offer(
        id=tools.new_id(),
        market_id="monaco",
        request_id=request,
        customer_id=driver.id,
        provider_id=driver.id,
        to_account=driver.id,
        origin="dispatch",
        state="pending",
        answer_by=now,
        price_cents=1_000,
        currency="EUR",
        terms={},
        created_at=now,
    )


async def test_whoever_was_left_out_reads_why_and_who_was_not_on_duty_does_not(tools: Tools, read: list[int]):
    near = [await a_provider(tools, at=PORT) for _ in range(30)]
    far = await a_provider(tools, at=LARVOTTO)
    taxi = await a_provider(tools, ["taxi"], at=PORT)
    home = await a_provider(tools, on_duty=False)
    request = await a_ride(tools, await an_account(tools), pickup=PORT)
    await a_round(tools)
    async with tools.sessions() as db:
        stored = (await db.execute(select(Round))).scalar_one()
    assert len(stored.problem["supply"]) < len(near)
    assert stored.problem["left_out"] > 0
    assert agrees(stored.problem, stored.result)
    told = await run_as(tools, far, why_not_me, request)
    assert told["reasons"] == ["not_nearest"]
    assert "nearest" in told["words"] or "plus proches" in told["words"]
    assert (told["rank"], told["of"], told["factors"]) == (None, None, [])
    for stranger in (taxi, home):
        with pytest.raises(NotFound):
            await run_as(tools, stranger, why_not_me, request)


async def test_whose_trip_ends_there_is_among_them_however_far_they_are(
    engine: AsyncEngine, database_url: str, read: list[int]
):
    street = await Street.founded(engine)
    await street.settings(**ONE)
    await street.one_at_a_time()
    await street.near_its_end(LatLng(43.7600, 7.4360))  # further from the casino than those
    for nth in range(30):
        await a_provider(street.tools, at=LatLng(PORT.lat + nth * 5e-5, PORT.lon))
    await street.settings(**ONE, chain_within_s=3_600)
    read.clear()
    request = await street.next_request()
    await a_round(street.tools)
    assert read == [9]
    async with street.tools.sessions() as db:
        stored = (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()
    finishing = next(one for one in stored.problem["supply"] if one["id"] == str(street.driver.id))
    assert finishing["free_in_s"] > 0
    assert request is not None


async def test_a_posted_job_reads_as_far_as_it_must(tools: Tools, read: list[int]):
    dice = random.Random(7)
    for _ in range(600):
        actor = await an_account(tools)
        put_at(tools, actor.id, somewhere(dice), ["odd-job"])
    jobbers = [await a_provider(tools, ["odd-job"], at=PORT) for _ in range(3)]
    await a_posted_job(tools, await an_account(tools))
    assert read[-1] == len(jobbers)


async def test_a_posted_job_is_told_to_those_at_work_who_are_nearest(tools: Tools, read: list[int]):
    """They are asked for nothing now, so being at work keeps nobody from hearing of it."""
    for nth in range(600):
        put_at(tools, tools.new_id(), LatLng(LARVOTTO.lat + nth * 1e-5, LARVOTTO.lon), ["odd-job"])
    busy = await a_provider(tools, ["odd-job"], at=PORT)
    tools.live.of("monaco").set_available(busy.id, False)
    work = await run_as(tools, ENGINE, look_at, await a_posted_job(tools, await an_account(tools)))
    assert str(busy.id) in work


async def look_at(work: Work, request: UUID) -> set[str]:
    """Who is in the first sight of a posted job."""
    row = await work.db.get_one(Request, request)
    horizon = sight.Horizon.of(work, "monaco", ["odd-job"])
    stops = (await requests.stops_of(work.db, [request]))[request]
    spec = (await specs_of(work, [row]))[row.service_id]
    seeking = candidates.Seeking(
        row, spec, stops, wave=0, wanted=1, within_s=900.0, already_asked=frozenset()
    )
    async for seen in horizon.sights([seeking], 1, at_work=True):
        return {str(one.id) for one in seen.people}
    return set()


def rows(*of: int) -> Rows:
    return np.array(of, dtype=np.intp)


def test_as_many_are_judged_as_are_wanted_by_all_who_contend():
    nearest = [rows(0, 1), rows(1, 2), rows(7, 8), rows()]
    assert contended(nearest, [3, 3, 1, 2], 9) == [6, 6, 1, 0]
    assert contended([rows(0)] * 200, [3] * 200, 1) == [KEPT_AT_MOST] * 200
