"""Who hears of a posted job, how far it looks, and what each is told of why."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import NotEligible
from domain.rules.states import Verb
from domain.store.tables import Engagement, EventRow, Offer, Provider, Round
from domain.usecases import telling
from domain.usecases.actions import Deed, act
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.comparing import proposals
from domain.usecases.homeward import head
from domain.usecases.offers import accept_offer
from domain.usecases.requests import on_request_expired
from domain.usecases.telling import Crier, my_calls
from domain.usecases.why import why_offered
from domain.usecases.work import ENGINE, Actor, Tools
from geo.points import LatLng
from matching.replay import agrees
from tests.factories import (
    LARVOTTO,
    FakeClock,
    a_market,
    a_posted_job,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    run_as,
    the_offers_of,
)

WEST = LatLng(43.7500, 7.3600)  # five kilometres west of the port
HALF_WAY = LatLng(43.7485, 7.3950)  # between there and the Larvotto beach
NEARER = LatLng(43.7492, 7.3800)  # on the same line
EAST = LatLng(43.7480, 7.4100)
BID = Bid(4_000, "EUR")


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def told(tools: Tools, jobber: Actor) -> list[str]:
    return [one["id"] for one in await run_as(tools, jobber, my_calls, 20)]


async def why(tools: Tools, jobber: Actor, request_id: UUID) -> str:
    jobber = replace(jobber, language="en")
    offer = await run_as(tools, jobber, propose, request_id, BID)
    return str((await run_as(tools, jobber, why_offered, offer.id))["words"])


async def test_who_passes_there_on_the_way_home_is_told_so_and_the_customer_reads_how_near_that_is(
    tools: Tools,
):
    customer = await an_account(tools)
    passer = await a_provider(tools, ["odd-job"], at=NEARER)
    settled = await a_provider(tools, ["odd-job"], at=NEARER)
    await run_as(tools, passer, head, LARVOTTO)
    request_id = await a_posted_job(tools, customer, site=HALF_WAY)
    assert "you pass that way: 5 minutes out of your way at most" in await why(tools, passer, request_id)
    assert "pass" not in (await why(tools, settled, request_id)).replace("letting an offer pass", "")
    shown = await run_as(tools, customer, proposals, request_id)
    assert [one["provider"]["account_id"] for one in shown] == [str(passer.id), str(settled.id)]
    first, second = (one["ranking"]["terms"] for one in shown)
    assert first["passing"] > second["passing"] == 0.0
    assert first["travel"] == second["travel"]
    async with tools.sessions() as db:
        rounds = (await db.execute(select(Round))).scalars().all()
        offers = (await db.execute(select(Offer.terms))).scalars().all()
    assert all(agrees(one.problem, one.result) for one in rounds)
    everything = f"{[one.problem for one in rounds]} {[one.result for one in rounds]} {offers} {shown}"
    assert str(LARVOTTO.lat) not in everything


async def test_the_opposite_way_is_not_on_the_way(tools: Tools):
    passer = await a_provider(tools, ["odd-job"], at=EAST)
    await run_as(tools, passer, head, LatLng(43.7600, 7.4300))
    request_id = await a_posted_job(tools, await an_account(tools), site=HALF_WAY)
    assert "you pass that way" not in await why(tools, passer, request_id)


async def test_who_is_driving_that_way_is_told_so(tools: Tools):
    driver = await a_provider(tools, ["ride-vtc", "odd-job"], at=WEST)
    await a_ride(tools, await an_account(tools), pickup=WEST, drop=LARVOTTO)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    async with tools.sessions() as db:
        assert (await db.execute(select(Engagement.exclusive))).scalar_one()
    request_id = await a_posted_job(tools, await an_account(tools), site=HALF_WAY)
    assert await told(tools, driver) == [str(request_id)]
    async with tools.sessions() as db:
        last = (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()
    assert last.problem["asks"][0]["passing"] == [str(driver.id)]


async def test_who_passes_is_told_and_may_propose_from_further_than_anybody_else(tools: Tools):
    """A job looks half an hour on foot around it: it is more from here, and next to nothing of it a detour."""
    passer = await a_provider(tools, ["odd-job"], at=WEST)
    settled = await a_provider(tools, ["odd-job"], at=WEST)
    await run_as(tools, passer, head, LARVOTTO)
    request_id = await a_posted_job(tools, await an_account(tools), site=HALF_WAY)
    assert await told(tools, passer) == [str(request_id)]
    assert await told(tools, settled) == []
    assert "you pass that way" in await why(tools, passer, request_id)
    with pytest.raises(NotEligible):
        await run_as(tools, settled, propose, request_id, BID)


async def test_passing_does_not_override_how_far_somebody_travels(tools: Tools):
    passer = await a_provider(tools, ["odd-job"], at=WEST)
    await run_as(tools, passer, head, LARVOTTO)
    async with tools.sessions.begin() as db:
        await db.execute(update(Provider).values(max_travel_s=120))
    await a_posted_job(tools, await an_account(tools), site=HALF_WAY)
    assert await told(tools, passer) == []


async def test_who_is_told_later_is_told_why(tools: Tools, clock: FakeClock):
    first = await a_provider(tools, ["odd-job"])
    request_id = await a_posted_job(tools, await an_account(tools))
    clock.move(300)
    late = await a_provider(tools, ["odd-job"])
    assert await run_as(tools, ENGINE, Crier("monaco").step) == 1
    assert "5 minutes after it was posted" in await why(tools, late, request_id)
    assert "after it was posted" not in await why(tools, first, request_id)


async def test_a_job_looks_no_further_than_it_must(tools: Tools, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("matching.reach.ENOUGH", 2)
    near = [await a_provider(tools, ["odd-job"]) for _ in range(2)]
    far = await a_provider(tools, ["odd-job"], at=WEST)
    request_id = await a_posted_job(tools, await an_account(tools))
    assert [await told(tools, one) for one in near] == [[str(request_id)]] * 2
    assert await told(tools, far) == []


async def last_heard(tools: Tools, actor: Actor) -> tuple[str, dict[str, Any]]:
    async with tools.sessions() as db:
        statement = select(EventRow).where(EventRow.account_id == actor.id).order_by(EventRow.seq.desc())
        event = (await db.execute(statement.limit(1))).scalar_one()
    return event.type, event.data


async def test_who_heard_of_a_job_hears_that_it_went_and_not_to_whom(tools: Tools):
    customer = await an_account(tools)
    jobbers = [await a_provider(tools, ["odd-job"]) for _ in range(3)]
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, jobbers[0], propose, request_id, BID)
    await run_as(tools, customer, accept_offer, offer.id)
    over = {
        "id": str(request_id),
        "request_id": str(request_id),
        "state": "matched",
        "role": "provider",
        "service": "odd-job",
    }
    for other in jobbers[1:]:
        assert await last_heard(tools, other) == ("request.matched", over)
        assert await told(tools, other) == []
    assert (await last_heard(tools, jobbers[0]))[0].startswith("engagement.")


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_who_heard_of_a_job_hears_that_it_is_over(tools: Tools, clock: FakeClock, end: str):
    customer, jobber = await an_account(tools), await a_provider(tools, ["odd-job"])
    elsewhere = await a_provider(tools, ["odd-job"], at=WEST, max_travel_s=60)
    request_id = await a_posted_job(tools, customer)
    if end == "cancelled":
        await run_as(tools, customer, cancel_request, request_id)
    else:
        clock.move(86_401)
        await run_as(tools, ENGINE, on_request_expired, request_id)
    type_, data = await last_heard(tools, jobber)
    assert (type_, data["role"], data.get("outcome")) == (f"request.{end}", "provider", None)
    assert (await last_heard(tools, customer))[1]["outcome"]["words"]
    with pytest.raises(NoResultFound):
        await last_heard(tools, elsewhere)


async def test_who_dropped_a_job_does_not_find_it_among_those_to_propose_on(tools: Tools):
    customer = await an_account(tools)
    dropped, other = [await a_provider(tools, ["odd-job"]) for _ in range(2)]
    request_id = await a_posted_job(tools, customer)
    offer = await run_as(tools, dropped, propose, request_id, BID)
    engagement = (await run_as(tools, customer, accept_offer, offer.id)).engagement
    await run_as(tools, dropped, act, engagement.id, Deed(verb=Verb.CANCEL))
    assert await told(tools, dropped) == []
    assert await told(tools, other) == [str(request_id)]
    assert (await last_heard(tools, other))[0] == "request.posted"


async def test_every_open_job_has_its_turn_however_many_there_are(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "MOST_CALLS", 2)
    customer = await an_account(tools)
    jobs = [await a_posted_job(tools, customer, site=HALF_WAY) for _ in range(5)]
    newcomer, crier = await a_provider(tools, ["odd-job"], at=HALF_WAY), Crier("monaco")
    heard = []
    for _ in range(4):
        await run_as(tools, ENGINE, crier.step)
        heard.append(len(await told(tools, newcomer)))
    assert heard == [2, 4, 5, 5]
    assert set(await told(tools, newcomer)) == {str(job) for job in jobs}
    later = await a_provider(tools, ["odd-job"], at=HALF_WAY)
    await run_as(tools, ENGINE, crier.step)
    assert await told(tools, later) == [str(jobs[3]), str(jobs[2])]
