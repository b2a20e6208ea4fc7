"""Tours planned in a worker: VROOM first, bettered, and a worker that dies costs one answer."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from app.tours.planner import TourPlanner, planned
from app.tours.vroom_start import started
from matching.tours.problem import Errand, Halt, TourProblem, Vehicle
from matching.tours.solve import Effort, plan

SHORT = Effort(shrink=50, improve=100)
ENDLESS = Effort(shrink=0, improve=10**9)
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
    planner = TourPlanner()
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


async def test_the_worker_answers_as_it_would_here(day: TourProblem, planner: TourPlanner):
    assert await planner.plan(day, SHORT, within_s=240) == planned(day, SHORT)


async def test_a_plan_that_takes_too_long_is_ended_and_the_next_one_is_made(
    day: TourProblem, planner: TourPlanner
):
    with pytest.raises(TimeoutError):
        await planner.plan(day, ENDLESS, within_s=0.5)
    assert (await planner.plan(day, SHORT, within_s=240)).unplanned == ()


async def test_a_worker_that_dies_costs_one_answer(day: TourProblem, planner: TourPlanner):
    await planner.plan(day, SHORT, within_s=240)
    (process,) = planner._pool()._processes.values()
    at_work = asyncio.create_task(planner.plan(day, ENDLESS, within_s=240))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(BrokenProcessPool):
        await at_work
    assert (await planner.plan(day, SHORT, within_s=240)).unplanned == ()
