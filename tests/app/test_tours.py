"""Tours planned in a worker: VROOM first, bettered, and a worker that dies costs one answer."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import numpy as np
import pytest

from app.directories import ROOT
from app.tours import vroom_start
from app.tours.planner import MOST_WAITING, TourPlanner
from app.tours.vroom_start import started
from app.tours.worker import planned, pooled
from domain.usecases.work import PlannerAway
from matching.tours.effort import POOLING, Effort
from matching.tours.problem import Errand, Halt, TourProblem, Vehicle
from matching.tours.solve import plan
from tests.app.workers import is_there, workers_of

SHORT = Effort(shrink=50, improve=100)
ENDLESS = Effort(shrink=0, improve=10**9)
LONG = 240.0  # s; a worker that is started again loads all of it again, on a busy machine
pytestmark = pytest.mark.timeout(300)  # a worker loads pandas and compiles


@pytest.fixture(scope="module")
def day() -> TourProblem:
    """Eight parcels across a square, three couriers who come home by the evening."""
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 5_000, (19, 2))
    seconds = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) / 5
    errands = tuple(
        Errand(
            id=f"parcel-{k}",
            pickup=Halt(place=2 * k, earliest_s=600.5 * k, latest_s=600.5 * k + 1_800, service_s=60),
            drop=Halt(place=2 * k + 1, latest_s=600.5 * k + 6_000.25, service_s=60),
            nobody_s=1e5,
        )
        for k in range(8)
    )
    couriers = tuple(Vehicle(id=f"courier-{k}", start=16 + k, end=16 + k, until_s=20_000) for k in range(3))
    return TourProblem(errands=errands, vehicles=couriers, seconds=seconds, seed=1, room=16)


@pytest.fixture
async def planner() -> AsyncIterator[TourPlanner]:
    planner = TourPlanner(LONG)
    yield planner
    planner.close()


def test_vrooms_tours_keep_the_real_windows_and_are_only_the_beginning(day: TourProblem):
    begun = started(day, fewest=True)
    assert sum(len(vehicle.plan) for vehicle in begun.vehicles) == 16
    read = plan(begun, Effort(shrink=0, improve=0))  # refuses a plan that breaks a window
    assert planned(day, SHORT).objective <= read.objective


def test_whoever_has_a_plan_is_left_to_it(day: TourProblem):
    halts = ("+parcel-0", "-parcel-0")
    at_work = Vehicle(id="courier-0", start=16, end=16, until_s=20_000, plan=halts)
    kept = TourProblem(
        errands=day.errands, vehicles=(at_work, *day.vehicles[1:]), seconds=day.seconds, seed=1, room=16
    )
    begun = started(kept, fewest=False)
    assert begun.vehicles[0].plan == halts
    assert all("parcel-0" not in stop for vehicle in begun.vehicles[1:] for stop in vehicle.plan)
    nobody_free = TourProblem(errands=day.errands[:1], vehicles=(at_work,), seconds=day.seconds, seed=1)
    assert started(nobody_free, fewest=False) is nobody_free


def test_what_has_no_whole_second_is_left_to_our_search(day: TourProblem):
    """VROOM refuses such windows altogether."""
    instant = replace(day.errands[0].pickup, earliest_s=0.2, latest_s=0.8, place=16)
    narrow = replace(day.errands[0], pickup=instant)
    brief = replace(day.vehicles[0], from_s=0.2, until_s=0.8)
    problem = replace(
        day, errands=(narrow, *day.errands[1:]), vehicles=(brief, replace(day.vehicles[1], start=16, end=16))
    )
    begun = started(problem, fewest=True)
    assert all("parcel-0" not in stop for vehicle in begun.vehicles for stop in vehicle.plan)
    assert begun.vehicles[0].plan == ()
    assert "+parcel-0" in [visit.stop for visit in planned(problem, SHORT).tours[1].visits]
    alone = replace(day, errands=day.errands[:1], vehicles=(brief,))
    assert started(alone, fewest=True) is alone


def test_what_was_open_before_now_is_open_from_now_on(day: TourProblem):
    """VROOM counts from zero: a moment before it would be one in 136 years."""
    errands = tuple(replace(e, pickup=replace(e.pickup, earliest_s=-90.5)) for e in day.errands)
    begun = started(replace(day, errands=errands), fewest=True)
    assert sum(len(vehicle.plan) for vehicle in begun.vehicles) == 16


def test_where_nothing_fits_anybody_nothing_is_begun(day: TourProblem):
    heavy = replace(day, errands=tuple(replace(errand, load=99) for errand in day.errands))
    assert [vehicle.plan for vehicle in started(heavy, fewest=True).vehicles] == [(), (), ()]


def test_vroom_is_asked_less_of_more_errands(day: TourProblem, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def noted(problem: TourProblem, *, fewest: bool, level: int) -> TourProblem:
        asked.append(level)
        return problem

    monkeypatch.setattr(vroom_start, "started", noted)
    for count in (1, 60, 61, 120, 121):
        many = tuple(replace(day.errands[0], id=str(k)) for k in range(count))
        assert vroom_start.begun(replace(day, errands=many), fewest=True).vehicles == day.vehicles
    assert asked == [5, 5, 1, 1]


def test_as_many_stops_as_are_ever_asked_about_may_be_out_of_reach():
    """VROOM refuses ways that could add up to more than it can count."""
    apart = np.full((500, 500), np.inf)
    np.fill_diagonal(apart, 0.0)
    errands = tuple(
        Errand(id=str(k), pickup=Halt(place=2 * k), drop=Halt(place=2 * k + 1)) for k in range(200)
    )
    vans = tuple(Vehicle(id=str(k), start=400 + 2 * k, end=401 + 2 * k) for k in range(50))
    begun = started(TourProblem(errands=errands, vehicles=vans, seconds=apart, seed=0), fewest=True, level=0)
    assert all(vehicle.plan == () for vehicle in begun.vehicles)


async def test_the_worker_answers_as_it_would_here(day: TourProblem, planner: TourPlanner):
    assert await planner.plan(day, SHORT) == planned(day, SHORT)
    assert await planner.pool(day, POOLING) == pooled(day, POOLING)


async def test_a_plan_that_takes_too_long_is_ended_and_the_next_one_is_made(
    day: TourProblem, planner: TourPlanner
):
    await planner.plan(day, SHORT)
    (at_work,) = workers_of(planner)
    planner._within_s = 0.5
    with pytest.raises(PlannerAway, match=r"0\.5 s"):
        await planner.plan(day, ENDLESS)
    await until(lambda: not is_there(at_work))
    planner._within_s = LONG
    assert (await planner.plan(day, SHORT)).unplanned == ()


async def test_who_gives_up_while_the_worker_gets_ready_leaves_it_to_the_next(
    day: TourProblem, planner: TourPlanner
):
    """Where no kernels are kept it compiles for longer than some wait; ended, it would begin again each time."""
    planner._within_s = 0.05
    with pytest.raises(PlannerAway):
        await planner.plan(day, SHORT)
    (getting_ready,) = workers_of(planner)
    planner._within_s = LONG
    assert (await planner.plan(day, SHORT)).unplanned == ()
    assert workers_of(planner) == [getting_ready]


async def test_a_worker_that_dies_costs_one_answer(day: TourProblem, planner: TourPlanner):
    await planner.plan(day, SHORT)
    (pid,) = workers_of(planner)
    at_work = asyncio.create_task(planner.plan(day, ENDLESS))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(PlannerAway, match="died"):
        await at_work
    assert (await planner.plan(day, SHORT)).unplanned == ()


async def test_a_worker_that_dies_before_it_is_ready_costs_one_answer_too(
    day: TourProblem, planner: TourPlanner
):
    asked = asyncio.create_task(planner.plan(day, SHORT))
    await until(lambda: bool(workers_of(planner)))
    os.kill(workers_of(planner)[0], signal.SIGKILL)
    with pytest.raises(PlannerAway, match="died"):
        await asked
    assert (await planner.plan(day, SHORT)).unplanned == ()


async def test_whoever_comes_while_many_wait_is_told_to_come_back(day: TourProblem, planner: TourPlanner):
    asked = [asyncio.create_task(planner.plan(day, SHORT)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(PlannerAway, match="others"):
        await planner.plan(day, SHORT)
    first, *others = await asyncio.gather(*asked)
    assert all(answer == first for answer in others)
    assert await planner.plan(day, SHORT) == first


async def test_one_that_takes_too_long_costs_those_who_wait_behind_it_nothing(
    day: TourProblem, planner: TourPlanner
):
    await planner.plan(day, SHORT)
    planner._within_s = 0.5
    slow = asyncio.create_task(planner.plan(day, ENDLESS))
    await asyncio.sleep(0)
    planner._within_s = LONG
    behind = asyncio.create_task(planner.plan(day, SHORT))
    with pytest.raises(PlannerAway):
        await slow
    assert (await behind).unplanned == ()


async def test_a_caller_who_leaves_ends_the_search_and_nobody_waits_behind_it(
    day: TourProblem, planner: TourPlanner
):
    await planner.plan(day, SHORT)
    leaves = asyncio.create_task(planner.plan(day, ENDLESS))
    await asyncio.sleep(0)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    assert (await planner.plan(day, SHORT)).unplanned == ()


async def test_ctrl_c_is_not_the_workers_and_the_close_ends_it(day: TourProblem, planner: TourPlanner):
    await planner.plan(day, SHORT)
    (pid,) = workers_of(planner)
    os.kill(pid, signal.SIGINT)  # a terminal sends it to the whole group
    assert (await planner.plan(day, SHORT)).unplanned == ()
    assert workers_of(planner) == [pid]
    planner.close()
    await until(lambda: not is_there(pid))
    planner.close()


KILLED = """
import asyncio, sys
import numpy as np
from app.tours.planner import TourPlanner
from matching.tours.problem import TourProblem, Vehicle

async def main():
    planner = TourPlanner(240.0)
    nothing = TourProblem(errands=(), vehicles=(Vehicle(id="v", start=0),), seconds=np.zeros((1, 1)), seed=0)
    await planner.pool(nothing)
    print(*planner._worker._processes, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_a_worker_does_not_outlive_a_process_that_is_killed():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert is_there(pid)
    process.kill()
    await process.wait()
    await until(lambda: not is_there(pid))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not holds():  # noqa: ASYNC110 - nothing tells of a process that is not one's own
            await asyncio.sleep(0.02)
