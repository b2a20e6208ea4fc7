"""What staff may not ask of the planner, each refusal by its pointer, and nothing done."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.tours.planner import TourPlanner
from domain.rules.errors import (
    Forbidden,
    Invalid,
    NotFound,
    OutsideServiceArea,
    PickupRestricted,
    Unauthenticated,
    UnknownMarket,
)
from domain.rules.tours import AboardAsked, Promised
from domain.store.tables import Request
from domain.usecases.cancelling import cancel_request
from domain.usecases.founding import found_market
from domain.usecases.tours import Mode, ToursAsked, plan_tours
from domain.usecases.work import ENGINE, NOBODY, Actor, Tools, working
from geo.points import LatLng
from tests.factories import (
    CASINO,
    DAWN,
    HELSINKI,
    MONACO,
    PORT,
    FakeClock,
    a_market,
    a_posted_job,
    a_ride,
    an_account,
    make_tools,
    run_as,
)
from tests.usecases.touring import after, asked, errand, request, stop, vehicle

pytestmark = pytest.mark.timeout(300)  # a worker loads pandas and compiles
SQUARE = LatLng(43.7313, 7.4202)  # before the palace: no pickups


@pytest.fixture
async def tools(engine: AsyncEngine, planner: TourPlanner) -> Tools:
    made = replace(make_tools(engine, clock=FakeClock()), planner=planner)
    await a_market(made)
    return made


@pytest.fixture
async def staff(tools: Tools) -> Actor:
    return await an_account(tools, is_ops=True)


@pytest.fixture
async def customer(tools: Tools) -> Actor:
    return await an_account(tools)


def where(refused: "pytest.ExceptionInfo[Invalid]") -> str:
    (error,) = refused.value.facts["errors"]
    return str(error["pointer"])


async def test_only_staff_of_the_market_plan_in_it(tools: Tools, staff: Actor, customer: Actor):
    question = asked(errand("bread", PORT, CASINO))
    local = replace(staff, ops_markets=frozenset({"monaco"}))
    await run_as(tools, local, plan_tours, question)
    for actor in (customer, replace(staff, ops_markets=frozenset({"elsewhere"}))):
        with pytest.raises(Forbidden):
            await run_as(tools, actor, plan_tours, question)
    with pytest.raises(Unauthenticated):
        await run_as(tools, NOBODY, plan_tours, question)
    with pytest.raises(UnknownMarket):
        await run_as(tools, staff, plan_tours, replace(question, market="atlantis"))


async def test_a_request_of_another_market_is_as_unknown_as_one_that_is_not(
    tools: Tools, staff: Actor, customer: Actor
):
    ride = await a_ride(tools, customer)
    async with working(tools, ENGINE) as work:
        await found_market(work, MONACO | {"slug": "elsewhere"})
        await work.db.execute(update(Request).where(Request.id == ride).values(market_id="elsewhere"))
    refusals = []
    for one in (ride, tools.new_id()):
        with pytest.raises(NotFound) as refused:
            await run_as(tools, staff, plan_tours, asked(request(one, 0)))
        refusals.append((refused.value.detail, refused.value.facts))
    assert refusals[0] == refusals[1]
    assert refusals[0][1] == {"pointer": "/errands/0/request_id"}


async def test_only_open_requests_with_a_pickup_and_a_drop_are_planned(
    tools: Tools, staff: Actor, customer: Actor
):
    gone, job = await a_ride(tools, customer), await a_posted_job(tools, customer)
    await run_as(tools, customer, cancel_request, gone, None)
    for one, words in ((gone, "cancelled"), (job, "this request has site")):
        with pytest.raises(Invalid, match=words) as refused:
            await run_as(tools, staff, plan_tours, asked(errand("bread", PORT, CASINO), request(one, 1)))
        assert where(refused) == "/errands/1/request_id"


async def test_a_request_whose_window_has_passed_is_named(tools: Tools, staff: Actor, customer: Actor):
    ride = await a_ride(tools, customer, start_at=after(30))
    with pytest.raises(Invalid, match="passed") as refused:
        await run_as(tools, staff, plan_tours, asked(request(ride), at=after(50)))
    assert where(refused) == "/errands/0/request_id"


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        (asked(vehicles=(vehicle(start=HELSINKI),)), "/vehicles/0/start"),
        (asked(vehicles=(vehicle(end=HELSINKI),)), "/vehicles/0/end"),
        (asked(errand("bread", PORT, HELSINKI)), "/errands/0/drop"),
        (
            asked(
                vehicles=(
                    vehicle(onboard=(AboardAsked(id="m", pointer="", drop=stop(HELSINKI, "/the/drop")),)),
                )
            ),
            "/the/drop",
        ),
    ],
)
async def test_every_place_is_in_the_service_area(
    tools: Tools, staff: Actor, question: ToursAsked, pointer: str
):
    with pytest.raises(OutsideServiceArea) as refused:
        await run_as(tools, staff, plan_tours, question)
    assert refused.value.facts["pointer"] == pointer
    assert refused.value.facts["nearest"] is not None


async def test_nothing_is_fetched_where_no_pickup_is_allowed(tools: Tools, staff: Actor):
    with pytest.raises(PickupRestricted) as refused:
        await run_as(tools, staff, plan_tours, asked(errand("hat", SQUARE, PORT)))
    assert refused.value.facts["pointer"] == "/errands/0/pickup"
    await run_as(tools, staff, plan_tours, asked(errand("hat", PORT, SQUARE)))


async def test_a_promise_that_cannot_be_kept_any_more_is_named(tools: Tools, staff: Actor):
    late = errand("bread", CASINO, PORT, pickup=stop(CASINO, latest=after(1)))
    plan = (Promised("bread", "pickup"), Promised("bread", "drop"))
    with pytest.raises(Invalid, match="s late") as refused:
        await run_as(tools, staff, plan_tours, asked(late, vehicles=(vehicle(plan=plan),), mode=Mode.NOW))
    assert where(refused) == "/vehicles/0/plan/0"


@pytest.mark.parametrize("days", [-31, 31])
async def test_a_plan_is_of_about_now(tools: Tools, staff: Actor, days: int):
    with pytest.raises(Invalid, match="30 days") as refused:
        await run_as(tools, staff, plan_tours, asked(at=DAWN + timedelta(days=days)))
    assert where(refused) == "/at"
