"""What is wrong with tours as asked is told by its pointer; what is right becomes a problem between numbered places."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from domain.rules.errors import Invalid
from domain.rules.tours import (
    HORIZON,
    MOST_ERRANDS,
    AboardAsked,
    ErrandAsked,
    Promised,
    StopAsked,
    VehicleAsked,
    check_promises,
    lay_out,
    stop_named,
)
from geo.points import LatLng

AT = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
DEPOT, BAKERY, CAFE, SCHOOL = (LatLng(43.73, 7.42 + k / 100) for k in range(4))


def minutes(count: float) -> datetime:
    return AT + timedelta(minutes=count)


def stop(point: LatLng, pointer: str = "/errands/0/pickup", **about: Any) -> StopAsked:
    return StopAsked(point=point, pointer=pointer, **about)


def errand(name: str = "bread", number: int = 0, **about: Any) -> ErrandAsked:
    where = f"/errands/{number}"
    whole = {"pickup": stop(BAKERY, f"{where}/pickup"), "drop": stop(CAFE, f"{where}/drop")} | about
    return ErrandAsked(id=name, pointer=f"{where}/id", **whole)


def vehicle(name: str = "bike", number: int = 0, **about: Any) -> VehicleAsked:
    return VehicleAsked(id=name, pointer=f"/vehicles/{number}", **{"start": DEPOT} | about)


def aboard(name: str = "milk", number: int = 0, load: int = 1) -> AboardAsked:
    where = f"/vehicles/0/onboard/{number}"
    return AboardAsked(id=name, pointer=where, drop=stop(SCHOOL, f"{where}/drop"), load=load)


def plan(*stops: str) -> tuple[Promised, ...]:
    """`+bread` is its pickup, `-bread` its drop."""
    return tuple(Promised(one[1:], "pickup" if one[0] == "+" else "drop") for one in stops)


def refused(vehicles: Sequence[VehicleAsked], errands: Sequence[ErrandAsked] = ()) -> tuple[str, str]:
    """Where, and in what words."""
    with pytest.raises(Invalid) as told:
        lay_out(AT, vehicles, errands)
    (error,) = told.value.facts["errors"]
    return error["pointer"], error["detail"]


def test_the_same_place_is_one_place():
    laid = lay_out(AT, [vehicle(end=DEPOT)], [errand(), errand("rolls", 1)])
    assert laid.points == (BAKERY, CAFE, DEPOT)
    assert (laid.vehicles[0].start, laid.vehicles[0].end) == (2, 2)
    assert laid.stops["rolls", "drop"].point == CAFE


def test_moments_become_seconds_from_the_plans_own():
    asked = errand(pickup=stop(BAKERY, earliest=minutes(-5), latest=minutes(10), service_s=90))
    late = vehicle(from_at=minutes(1), until_at=minutes(60))
    laid = lay_out(AT, [late, vehicle("van", 1, from_at=minutes(-9))], [asked])
    pickup, drop = laid.errands[0].pickup, laid.errands[0].drop
    assert (pickup.earliest_s, pickup.latest_s, pickup.service_s) == (0, 600, 90)
    assert (drop.earliest_s, drop.latest_s) == (0, float("inf"))
    assert [(one.from_s, one.until_s) for one in laid.vehicles] == [
        (60, 3_600),
        (0, HORIZON.total_seconds()),
    ]


def test_a_plan_names_its_stops_by_errand():
    asked = vehicle(onboard=(aboard(),), plan=plan("+bread", "-milk", "-bread"))
    laid = lay_out(AT, [asked], [errand()])
    assert laid.vehicles[0].plan == ("+bread", "=0", "-bread")
    assert [stop_named(one, asked) for one in laid.vehicles[0].plan] == [
        ("bread", "pickup"),
        ("milk", "drop"),
        ("bread", "drop"),
    ]
    problem = laid.problem(np.zeros((4, 4)), 7)
    assert (set(problem.planned), problem.seed, problem.room) == ({"bread"}, 7, 3)


def test_without_a_plan_what_is_aboard_is_set_down_as_it_is_named():
    laid = lay_out(AT, [vehicle(onboard=(aboard(), aboard("eggs", 1)))], [])
    assert laid.vehicles[0].plan == ("=0", "=1")
    assert laid.stops["eggs", "drop"].point == SCHOOL


@pytest.mark.parametrize(
    ("vehicles", "errands", "where", "words"),
    [
        ([vehicle(), vehicle(number=1)], [], "/vehicles/1/id", "twice"),
        ([vehicle()], [errand(), errand(number=1)], "/errands/1/id", "twice"),
        ([vehicle(onboard=(aboard("bread"),))], [errand()], "/vehicles/0/onboard/0", "twice"),
        (
            [vehicle(onboard=(aboard(),))],
            [errand(str(k), k) for k in range(MOST_ERRANDS)],
            "/vehicles/0/onboard/0",
            "at most 200 errands",
        ),
        (
            [vehicle()],
            [errand(pickup=stop(BAKERY, earliest=minutes(2), latest=minutes(1)))],
            "/errands/0/pickup",
            "ends before it begins",
        ),
        (
            [vehicle()],
            [errand(drop=stop(CAFE, "/errands/0/drop", latest=minutes(-1)))],
            "/errands/0/drop",
            "passed",
        ),
        (
            [vehicle()],
            [errand(drop=stop(CAFE, "/errands/0/drop", latest=AT + HORIZON + timedelta(seconds=1)))],
            "/errands/0/drop",
            "at most 7 days",
        ),
        ([vehicle(until_at=minutes(-1))], [], "/vehicles/0/until", "before it begins"),
        (
            [vehicle(from_at=minutes(2), until_at=minutes(1))],
            [],
            "/vehicles/0/until",
            "before it begins",
        ),
        ([vehicle(from_at=AT + 2 * HORIZON)], [], "/vehicles/0/from", "at most 7 days"),
        ([vehicle(capacity=1, onboard=(aboard(load=2),))], [], "/vehicles/0/onboard", "more is aboard"),
        ([vehicle(plan=plan("+bread"))], [], "/vehicles/0/plan/0", "no such stop"),
        ([vehicle(onboard=(aboard(),), plan=plan("+milk"))], [], "/vehicles/0/plan/0", "no such stop"),
        ([vehicle(plan=plan("-bread"))], [errand()], "/vehicles/0/plan/0", "before it is picked up"),
        ([vehicle(plan=plan("+bread", "+bread"))], [errand()], "/vehicles/0/plan/1", "made twice"),
        (
            [vehicle(onboard=(aboard(),), plan=plan("-milk", "-milk"))],
            [],
            "/vehicles/0/plan/1",
            "made twice",
        ),
        ([vehicle(plan=plan("+bread"))], [errand()], "/vehicles/0/plan", "never set down: bread"),
        ([vehicle(onboard=(aboard(),), plan=())], [], "/vehicles/0/plan", "never set down: milk"),
        (
            [vehicle(plan=plan("+bread", "-bread")), vehicle("van", 1, plan=plan("+bread", "-bread"))],
            [errand()],
            "/vehicles/1/plan/0",
            "in another plan",
        ),
    ],
)
def test_what_is_wrong_is_named(
    vehicles: list[VehicleAsked], errands: list[ErrandAsked], where: str, words: str
):
    pointer, detail = refused(vehicles, errands)
    assert pointer == where
    assert words in detail


LATE = errand(pickup=stop(BAKERY, latest=minutes(1)))


@pytest.mark.parametrize(
    ("asked", "errands", "ways", "where", "words"),
    [
        (vehicle(plan=plan("+bread", "-bread")), [LATE], 90.4, "/vehicles/0/plan/0", "30 s late"),
        (vehicle(plan=plan("+bread", "-bread")), [LATE], 60.2, "/vehicles/0/plan/0", " 1 s late"),
        (vehicle(plan=plan("+bread", "-bread")), [errand()], np.inf, "/vehicles/0/plan/0", "no way"),
        (
            vehicle(capacity=1, plan=plan("+bread", "-bread")),
            [errand(load=2)],
            10.0,
            "/vehicles/0/plan/0",
            "more would be aboard",
        ),
        (
            vehicle(end=SCHOOL, until_at=minutes(1), plan=plan("+bread", "-bread")),
            [errand()],
            25.0,
            "/vehicles/0/until",
            "15 s late",
        ),
        (
            vehicle(onboard=(replace(aboard(), drop=stop(SCHOOL, latest=minutes(1))),)),
            [],
            90.0,
            "/vehicles/0/onboard/0",
            "30 s late",
        ),
    ],
)
def test_a_promise_that_cannot_be_kept_is_named(
    asked: VehicleAsked, errands: list[ErrandAsked], ways: float, where: str, words: str
):
    laid = lay_out(AT, [asked], errands)
    seconds = np.where(np.eye(len(laid.points)) > 0, 0.0, ways)
    with pytest.raises(Invalid) as told:
        check_promises(laid.problem(seconds, 0), [asked])
    (error,) = told.value.facts["errors"]
    assert error["pointer"] == where
    assert words in error["detail"]


def test_promises_that_hold_pass():
    asked = vehicle(end=SCHOOL, plan=plan("+bread", "-bread"))
    laid = lay_out(AT, [asked], [LATE])
    check_promises(laid.problem(np.full((4, 4), 60.0), 0), [asked])
