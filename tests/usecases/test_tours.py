"""Tours for staff: with the real database and the real worker, promises kept, nothing changed."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.tours.planner import TourPlanner
from domain.rules.errors import (
    Unavailable,
)
from domain.rules.events import EventType
from domain.rules.tours import AboardAsked, Promised
from domain.store.tables import Request
from domain.usecases.tours import ON_TIME, Mode, plan_tours, ways_between
from domain.usecases.work import ENGINE, Actor, Planner, PlannerAway, Tools, Work, working
from geo.points import LatLng
from geo.travel import Profile, Travel
from matching.tours.answer import Tours
from matching.tours.problem import TourProblem
from tests.factories import (
    CASINO,
    DAWN,
    LARVOTTO,
    PORT,
    ROCK,
    CrowRoads,
    FakeClock,
    PaperCity,
    a_market,
    a_ride,
    an_account,
    make_tools,
    run_as,
)
from tests.usecases.touring import after, asked, errand, request, stop, vehicle

pytestmark = pytest.mark.timeout(300)  # a worker loads pandas and compiles
TABLES = ("requests", "offers", "engagements", "rounds", "events", "timers")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def tools(engine: AsyncEngine, planner: TourPlanner, clock: FakeClock) -> Tools:
    made = replace(make_tools(engine, clock=clock), planner=planner)
    await a_market(made)
    return made


@pytest.fixture
async def staff(tools: Tools) -> Actor:
    return await an_account(tools, is_ops=True)


@pytest.fixture
async def customer(tools: Tools) -> Actor:
    return await an_account(tools)


async def counts(tools: Tools) -> dict[str, int]:
    """Rows, of all that a deed would leave some in."""
    async with tools.sessions() as db:
        return {
            table: (await db.execute(text(f"select count(*) from {table}"))).scalar_one() for table in TABLES
        }


def stops_of(tour: dict[str, Any]) -> list[str]:
    """`+bread` is a pickup, `-bread` a drop."""
    return [("+" if one["kind"] == "pickup" else "-") + one["errand"] for one in tour["stops"]]


async def test_a_day_is_planned_from_errands_and_from_open_requests_and_nothing_is_changed(
    tools: Tools, staff: Actor, customer: Actor
):
    ride, later = await a_ride(tools, customer), await a_ride(tools, customer, start_at=after(60))
    before = await counts(tools)
    bread = errand("bread", CASINO, LARVOTTO, pickup=stop(CASINO, service_s=120), load=2)
    told = await run_as(
        tools, staff, plan_tours, asked(request(ride), bread, request(later, service_s=60), seed=5)
    )
    assert await counts(tools) == before
    assert (told["seed"], told["travel_source"], told["left_over"]) == (5, "crow", [])
    (tour,) = told["tours"]
    assert sorted(stops_of(tour)) == sorted(
        sign + name for name in (str(ride), str(later), "bread") for sign in "+-"
    )
    begins = [one["begin_at"] for one in tour["stops"]]
    assert begins == sorted(begins)
    assert [one["load"] for one in tour["stops"]][-1] == 0
    hour = next(one for one in tour["stops"] if one["errand"] == str(later) and one["kind"] == "pickup")
    assert (hour["earliest"], hour["latest"]) == ("2026-05-04T07:00:00.000Z", "2026-05-04T07:15:00.000Z")
    assert hour["begin_at"] == "2026-05-04T07:00:00.000Z"
    assert hour["arrive_at"] < hour["begin_at"], "it waits for the hour"
    assert tour["drive_s"] == pytest.approx(sum(one["drive_s"] for one in tour["stops"]), abs=5)
    assert tour["drive_m"] == pytest.approx(sum(one["drive_m"] for one in tour["stops"]), abs=5)


async def test_every_moment_follows_from_the_one_before_it(tools: Tools, staff: Actor):
    bread = errand("bread", PORT, CASINO, pickup=stop(PORT, service_s=120))
    bike = vehicle(end=PORT, from_at=after(10))
    told = await run_as(tools, staff, plan_tours, asked(bread, vehicles=(bike,)))
    (tour,) = told["tours"]
    fetch, bring = tour["stops"]
    way = CrowRoads()._crow.route(PORT, CASINO)
    assert tour["leave_at"] == fetch["arrive_at"] == "2026-05-04T06:10:00.000Z"
    there = datetime.fromisoformat(bring["arrive_at"])
    assert there == pytest.approx(after(12) + timedelta(seconds=way.seconds), abs=timedelta(milliseconds=5))
    assert (bring["drive_s"], bring["drive_m"]) == (round(way.seconds), round(way.meters))
    back = datetime.fromisoformat(tour["end_at"])
    assert back == pytest.approx(there + timedelta(seconds=way.seconds), abs=timedelta(milliseconds=5))
    assert tour["drive_m"] == pytest.approx(2 * way.meters, abs=2)


async def test_now_keeps_running_plans_and_adds_what_fits(tools: Tools, staff: Actor):
    milk = AboardAsked(id="milk", pointer="", drop=stop(CASINO, latest=after(15)))
    promised = (Promised("bread", "pickup"), Promised("milk", "drop"), Promised("bread", "drop"))
    bike = vehicle(capacity=2, onboard=(milk,), plan=promised)
    van = vehicle("van", LARVOTTO, 1)
    errands = (errand("bread", PORT, LARVOTTO), errand("post", CASINO, LARVOTTO, number=1))
    told = await run_as(tools, staff, plan_tours, asked(*errands, vehicles=(bike, van), mode=Mode.NOW))
    first, second = told["tours"]
    kept = [one for one in stops_of(first) if one[1:] != "post"]
    assert kept == ["+bread", "-milk", "-bread"]
    assert "+post" in stops_of(first) + stops_of(second)
    assert first["stops"][0]["load"] == 2, "the milk is aboard from the start"
    again = await run_as(tools, staff, plan_tours, asked(*errands, vehicles=(bike, van), mode=Mode.NOW))
    assert again == told


async def test_a_day_may_arrange_a_running_plan_anew_and_now_may_not(tools: Tools, staff: Actor):
    """Promised: all the way there, back, and there again."""
    errands = (errand("far", LARVOTTO, LARVOTTO), errand("near", PORT, CASINO, number=1))
    promised = ["+far", "-far", "+near", "-near"]
    running = vehicle(
        plan=tuple(Promised(one[1:], "pickup" if one[0] == "+" else "drop") for one in promised)
    )
    now, day = [
        (await run_as(tools, staff, plan_tours, asked(*errands, vehicles=(running,), mode=mode)))["tours"][0]
        for mode in (Mode.NOW, Mode.DAY)
    ]
    assert stops_of(now) == promised
    assert stops_of(day) == ["+near", "-near", "+far", "-far"]
    assert day["drive_m"] < now["drive_m"]


async def test_what_was_answered_may_be_asked_again_as_a_running_plan(tools: Tools, staff: Actor):
    bread, post = errand("bread", CASINO, LARVOTTO), errand("post", ROCK, PORT, number=1)
    day = await run_as(tools, staff, plan_tours, asked(bread))
    plan = tuple(Promised(one["errand"], one["kind"]) for one in day["tours"][0]["stops"])
    more = await run_as(
        tools, staff, plan_tours, asked(bread, post, vehicles=(vehicle(plan=plan),), mode=Mode.NOW)
    )
    assert [one for one in stops_of(more["tours"][0]) if one[1:] == "bread"] == ["+bread", "-bread"]
    assert more["left_over"] == []


async def test_the_same_question_gets_the_same_answer(tools: Tools, staff: Actor):
    places = (PORT, CASINO, ROCK, LARVOTTO)
    errands = tuple(errand(f"e{k}", places[k % 4], places[(k + 1 + k // 4) % 4], number=k) for k in range(8))
    question = asked(*errands, vehicles=(vehicle(capacity=2), vehicle("van", ROCK, 1, capacity=3)))
    first = await run_as(tools, staff, plan_tours, question)
    assert await run_as(tools, staff, plan_tours, question) == first
    assert [one["vehicle"] for one in first["tours"]] == ["bike", "van"]


async def test_the_moment_that_is_told_may_be_said(tools: Tools, staff: Actor, clock: FakeClock):
    clock.move(0.123_987)
    at_once = stop(PORT, latest=DAWN + timedelta(milliseconds=123))
    question = asked(errand("bread", PORT, CASINO, pickup=at_once))
    first = await run_as(tools, staff, plan_tours, question)
    assert (first["at"], first["left_over"]) == ("2026-05-04T06:00:00.123Z", [])
    clock.move(300)
    said = replace(question, at=datetime.fromisoformat(first["at"]))
    assert await run_as(tools, staff, plan_tours, said) == first


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "more than any of the vehicles holds"), ("fr", "plus que ne contient aucun des véhicules")],
)
async def test_what_is_left_over_says_why_to_its_reader(
    tools: Tools, staff: Actor, language: Literal["en", "fr"], words: str
):
    errands = (
        errand("piano", PORT, CASINO, load=9),
        errand("express", LARVOTTO, CASINO, number=1, pickup=stop(LARVOTTO, latest=after(0.1))),
        errand("dear", CASINO, LARVOTTO, number=2, nobody_s=1),
    )
    told = await run_as(tools, replace(staff, language=language), plan_tours, asked(*errands, mode=Mode.NOW))
    assert [(one["errand"], one["reason"]) for one in told["left_over"]] == [
        ("piano", "too_large"),
        ("express", "out_of_time"),
        ("dear", "nobody_cheaper"),
    ]
    assert words in told["left_over"][0]["words"]
    assert told["tours"] == [
        {"vehicle": "bike", "leave_at": None, "end_at": None, "drive_s": 0, "drive_m": 0, "stops": []}
    ]


async def test_a_request_is_fetched_within_its_own_window(tools: Tools, staff: Actor, customer: Actor):
    ride, later = await a_ride(tools, customer), await a_ride(tools, customer, start_at=after(30))

    async def window(one: UUID, **values: Any) -> tuple[str | None, str | None]:
        async with working(tools, ENGINE) as work:
            await work.db.execute(update(Request).where(Request.id == one).values(**values))
        told = await run_as(tools, staff, plan_tours, asked(request(one)))
        fetch, bring = told["tours"][0]["stops"]
        assert (bring["earliest"], bring["latest"]) == (None, None)
        return fetch["earliest"], fetch["latest"]

    assert await window(ride, window_s=None) == (None, None)
    assert await window(ride, window_s=600) == (None, "2026-05-04T06:10:00.000Z")
    assert await window(later, window_s=3_600) == ("2026-05-04T06:30:00.000Z", "2026-05-04T07:30:00.000Z")
    assert timedelta(minutes=15) == ON_TIME
    assert await window(later, window_s=None) == ("2026-05-04T06:30:00.000Z", "2026-05-04T06:45:00.000Z")


@dataclass
class ScriptedPlanner:
    """Does as it is told when it is asked."""

    when_asked: Callable[[], object]
    problems: list[TourProblem] = field(default_factory=list)

    async def plan(self, problem: TourProblem) -> Tours:
        self.problems.append(problem)
        self.when_asked()
        raise PlannerAway("too much to do")

    async def pool(self, problem: TourProblem) -> Tours:
        raise AssertionError("a day was asked for")


@pytest.mark.parametrize("there_is_one", [True, False])
async def test_without_a_planner_there_is_a_refusal_that_says_when_to_come_back(
    tools: Tools, staff: Actor, there_is_one: bool
):
    planner: Planner | None = ScriptedPlanner(lambda: None) if there_is_one else None
    with pytest.raises(Unavailable) as refused:
        await run_as(replace(tools, planner=planner), staff, plan_tours, asked(errand("bread", PORT, CASINO)))
    assert refused.value.facts["retry_after_s"] > 0


async def test_no_connection_is_held_while_tours_are_planned(tools: Tools, staff: Actor, engine: AsyncEngine):
    held: list[int] = []
    scripted = ScriptedPlanner(lambda: held.append(engine.pool.checkedout()))  # type: ignore[attr-defined]
    before = engine.pool.checkedout()  # type: ignore[attr-defined]
    with pytest.raises(Unavailable):
        await run_as(
            replace(tools, planner=scripted), staff, plan_tours, asked(errand("bread", PORT, CASINO))
        )
    assert held == [before]


async def test_a_connection_is_not_let_go_of_with_something_to_write(tools: Tools, staff: Actor):
    async def tells(work: Work) -> None:
        work.emit(staff.id, EventType.DUTY_CHANGED, {"on": True})
        await work.let_go()

    with pytest.raises(ValueError, match="to be written"):
        await run_as(tools, staff, tells)


async def test_a_worker_killed_between_two_questions_costs_one_answer(
    tools: Tools, staff: Actor, planner: TourPlanner
):
    question = asked(errand("bread", PORT, CASINO))
    first = await run_as(tools, staff, plan_tours, question)
    assert planner._worker is not None
    (pid,) = planner._worker._processes
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="died") as refused:
        await run_as(tools, staff, plan_tours, question)
    assert refused.value.facts["retry_after_s"] > 0
    assert await run_as(tools, staff, plan_tours, question) == first


class Islands(CrowRoads):
    """Straight roads, and none to or from the Rock."""

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        travel = await super().from_one(origin, destinations, profile)
        apart = np.array([(origin == ROCK) != (place == ROCK) for place in destinations])
        never = np.where(apart, np.float32(np.inf), 0)
        return replace(travel, seconds=travel.seconds + never, meters=travel.meters + never)


@pytest.mark.parametrize("mode", Mode)
async def test_where_no_way_leads_nobody_is_sent(tools: Tools, staff: Actor, mode: Mode):
    islands = replace(tools, cities={"monaco": PaperCity(travel=Islands())})
    errands = (errand("hat", ROCK, PORT), errand("bread", PORT, CASINO, number=1))
    told = await run_as(islands, staff, plan_tours, asked(*errands, mode=mode))
    assert [(one["errand"], one["reason"]) for one in told["left_over"]] == [("hat", "out_of_time")]
    assert stops_of(told["tours"][0]) == ["+bread", "-bread"]


async def test_ways_are_each_to_each_and_others_have_their_turn_between():
    turns = 0

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(somebody_else())
    ways = await ways_between(CrowRoads(), (PORT, CASINO, ROCK), Profile.WALK)
    other.cancel()
    assert turns >= 3
    assert ways.seconds.shape == ways.meters.shape == (3, 3)
    assert np.diag(ways.seconds).tolist() == [0, 0, 0]
    assert (ways.source, ways.calibration) == ("crow", "none")
