"""Tours keep every promise, cost what they say, and are the best there are where all can be tried."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching.tours.answer import Tours, Unplanned
from matching.tours.effort import Effort
from matching.tours.problem import Errand, Halt, TourProblem, Vehicle
from matching.tours.solve import plan, pool

SHORT = Effort(shrink=60, improve=120)
pytestmark = pytest.mark.timeout(
    300
)  # the first call compiles: ten seconds alone, a minute on a busy machine


def street(*at: float) -> NDArray[np.float64]:
    """Travel seconds between places along one street, at these metres, at 1 m/s."""
    places = np.array(at)
    return np.asarray(np.abs(places[:, None] - places[None, :]))


def errand(
    name: str, start: int, end: int, *, by_s: float = math.inf, load: int = 1, nobody_s: float = 3_600.0
) -> Errand:
    return Errand(
        id=name, pickup=Halt(place=start, latest_s=by_s), drop=Halt(place=end), load=load, nobody_s=nobody_s
    )


@st.composite
def problems(draw: st.DrawFn, most_errands: int = 5, most_vehicles: int = 3) -> TourProblem:
    """A few errands in a square kilometre, with windows that are sometimes tight."""
    whole = st.integers(0, 1_000)
    n, m = draw(st.integers(1, most_errands)), draw(st.integers(1, most_vehicles))
    xy = np.array([(draw(whole), draw(whole)) for _ in range(2 * n + m)], float)
    seconds = np.rint(np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)))
    errands = []
    for k in range(n):
        early = draw(st.integers(0, 600))
        late = early + draw(st.sampled_from([120, 900, 5_000]))
        drop_by = late + draw(st.sampled_from([300, 1_500, 9_000]))
        errands.append(
            Errand(
                id=f"e{k}",
                pickup=Halt(
                    place=2 * k, earliest_s=early, latest_s=late, service_s=draw(st.sampled_from([0, 30]))
                ),
                drop=Halt(place=2 * k + 1, latest_s=drop_by),
                load=draw(st.integers(1, 3)),
                nobody_s=draw(st.sampled_from([400.0, 10_000.0])),
            )
        )
    vehicles = [
        Vehicle(
            id=f"v{k}",
            start=2 * n + k,
            end=draw(st.sampled_from([None, 2 * n + k])),
            until_s=draw(st.sampled_from([4_000.0, math.inf])),
            capacity=draw(st.integers(1, 4)),
        )
        for k in range(m)
    ]
    return TourProblem(
        errands=tuple(errands), vehicles=tuple(vehicles), seconds=seconds, seed=draw(st.integers(0, 99))
    )


def driven(problem: TourProblem, vehicle: Vehicle, stops: tuple[str, ...]) -> float | None:
    """Seconds on the road of a vehicle that makes these stops in this order; None if a promise breaks."""
    errands = {errand.id: errand for errand in problem.errands}
    at, now, road = vehicle.start, vehicle.from_s, 0.0
    aboard = sum(load for _, load in vehicle.onboard)
    seen: set[str] = set()
    for stop in stops:
        kind, name = stop[0], stop[1:]
        if kind == "=":
            halt, load = vehicle.onboard[int(name)]
            aboard -= load
        elif kind == "+":
            halt, load = errands[name].pickup, errands[name].load
            aboard += load
            seen.add(name)
        else:
            if name not in seen:
                return None
            halt, load = errands[name].drop, errands[name].load
            aboard -= load
        way = float(problem.seconds[at, halt.place])
        road += way
        now = max(now + way, halt.earliest_s)
        if now > halt.latest_s + 1e-6 or aboard > vehicle.capacity:
            return None
        now, at = now + halt.service_s, halt.place
    if vehicle.end is not None and stops:
        way = float(problem.seconds[at, vehicle.end])
        road, now = road + way, now + way
    return road if now <= vehicle.until_s + 1e-6 else None


def check(problem: TourProblem, answer: Tours) -> None:
    """Everything a `Tours` says is true."""
    errands = {errand.id: errand for errand in problem.errands}
    carried: list[str] = []
    road = 0.0
    for vehicle, tour in zip(problem.vehicles, answer.tours, strict=True):
        stops = tuple(visit.stop for visit in tour.visits)
        took = driven(problem, vehicle, stops)
        assert took is not None, (vehicle, stops)
        assert took == pytest.approx(tour.drive_s)
        begins = [visit.begin_s for visit in tour.visits]
        assert begins == sorted(begins)
        assert {stop for stop in stops if stop[0] == "="} == {f"={k}" for k in range(len(vehicle.onboard))}
        names = [stop[1:] for stop in stops if stop[0] == "+"]
        assert sorted(names) == sorted(stop[1:] for stop in stops if stop[0] == "-")
        carried += names
        road += took
    left = [name for name, _ in answer.unplanned]
    assert sorted(carried + left) == sorted(errands)
    assert answer.objective == pytest.approx(road + sum(errands[name].nobody_s for name in left))


def orders(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every order of these errands' stops, pickups before drops."""
    stops = [sign + name for name in names for sign in "+-"]
    for order in itertools.permutations(stops):
        if all(order.index(f"+{name}") < order.index(f"-{name}") for name in names):
            yield order


def optimum(problem: TourProblem) -> float:
    """The least objective, by trying everything."""
    best = math.inf
    cheapest: dict[tuple[int, tuple[str, ...]], float] = {}
    names = tuple(errand.id for errand in problem.errands)
    for v, vehicle in enumerate(problem.vehicles):
        for size in range(len(names) + 1):
            for chosen in itertools.combinations(names, size):
                roads = [driven(problem, vehicle, order) for order in orders(chosen)]
                cheapest[v, chosen] = min((road for road in roads if road is not None), default=math.inf)
    nobody = {errand.id: errand.nobody_s for errand in problem.errands}
    for to in itertools.product(range(-1, len(problem.vehicles)), repeat=len(names)):
        cost = sum(nobody[name] for name, v in zip(names, to, strict=True) if v < 0)
        for v in range(len(problem.vehicles)):
            cost += cheapest[v, tuple(name for name, of in zip(names, to, strict=True) if of == v)]
        best = min(best, cost)
    return best


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_a_days_tours_keep_every_window_and_load(problem: TourProblem):
    check(problem, plan(problem, SHORT))


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_pooled_plans_keep_every_window_and_load(problem: TourProblem):
    check(problem, pool(problem))


@settings(max_examples=25, deadline=None)
@given(problem=problems(most_errands=3, most_vehicles=2))
def test_small_tours_are_the_best_there_are(problem: TourProblem):
    answer = plan(problem, Effort(shrink=0, improve=4_000))
    assert answer.objective == pytest.approx(optimum(problem), abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(problem=problems(), dice=st.randoms(use_true_random=False))
def test_the_same_problem_in_another_order_gets_the_same_answer(problem: TourProblem, dice):
    errands, vehicles = list(problem.errands), list(problem.vehicles)
    dice.shuffle(errands)
    dice.shuffle(vehicles)
    again = TourProblem(
        errands=tuple(errands), vehicles=tuple(vehicles), seconds=problem.seconds, seed=problem.seed
    )
    assert plan(again, SHORT) == plan(problem, SHORT)
    assert pool(again) == pool(problem)


@settings(max_examples=40, deadline=None)
@given(problem=problems(), more=problems(most_errands=2))
def test_a_running_plan_changes_only_within_its_promises(problem: TourProblem, more: TourProblem):
    """What was pooled a moment ago is promised now; new errands come."""
    first = pool(problem)
    promised = tuple(
        Vehicle(
            id=v.id, start=v.start, end=v.end, from_s=v.from_s, until_s=v.until_s, capacity=v.capacity,
            plan=tuple(visit.stop for visit in tour.visits),
        )
        for v, tour in zip(problem.vehicles, first.tours, strict=True)
    )  # fmt: skip
    offset = len(problem.seconds)
    new = tuple(
        Errand(
            id=f"n{e.id}", pickup=Halt(place=e.pickup.place % offset), drop=Halt(place=e.drop.place % offset)
        )
        for e in more.errands
    )
    kept = tuple(e for e in problem.errands if e.id not in {name for name, _ in first.unplanned})
    later = TourProblem(errands=kept + new, vehicles=promised, seconds=problem.seconds, seed=1)
    second = pool(later)
    check(later, second)
    for before, after in zip(promised, second.tours, strict=True):
        stops = [visit.stop for visit in after.visits if visit.stop[1:] not in {e.id for e in new}]
        assert stops == list(before.plan)


def test_two_who_go_the_same_way_share_a_car():
    problem = TourProblem(
        errands=(errand("a", 1, 3), errand("b", 2, 4)),
        vehicles=(Vehicle(id="near", start=0), Vehicle(id="far", start=5)),
        seconds=street(0, 100, 200, 900, 1_000, 5_000),
        seed=0,
    )
    answer = pool(problem)
    assert [visit.stop for visit in answer.tours[1].visits] == ["+a", "+b", "-a", "-b"]
    assert answer.objective == 1_000


def test_who_is_aboard_is_set_down_in_time():
    problem = TourProblem(
        errands=(errand("new", 1, 3),),
        vehicles=(
            Vehicle(id="v", start=0, onboard=((Halt(place=2, latest_s=250), 1),), plan=("=0",), capacity=1),
        ),
        seconds=street(0, 50, 200, 300),
        seed=0,
    )
    assert [visit.stop for visit in pool(problem).tours[0].visits] == ["=0", "+new", "-new"]


def test_why_an_errand_is_left_is_told():
    problem = TourProblem(
        errands=(
            errand("dear", 1, 2, nobody_s=10.0),
            errand("late", 1, 2, by_s=50),
            errand("large", 1, 2, load=9),
        ),
        vehicles=(Vehicle(id="v", start=0),),
        seconds=street(0, 100, 200),
        seed=0,
    )
    told = (
        ("dear", Unplanned.NOBODY_CHEAPER),
        ("large", Unplanned.TOO_LARGE),
        ("late", Unplanned.OUT_OF_TIME),
    )
    assert pool(problem).unplanned == told
    assert plan(problem, SHORT).unplanned == told


def test_what_is_aboard_is_no_reason_of_its_own():
    """The vehicle is full until far away; with nothing aboard it could do it."""
    full = Vehicle(id="v", start=0, capacity=1, onboard=((Halt(place=3), 1),), plan=("=0",), until_s=1_000)
    problem = TourProblem(
        errands=(errand("near", 1, 2, by_s=200),), vehicles=(full,), seconds=street(0, 100, 200, 900), seed=0
    )
    assert pool(problem).unplanned == (("near", Unplanned.NOBODY_CHEAPER),)


def test_who_could_not_even_go_home_in_time_is_only_left_where_they_are():
    far = Vehicle(id="far", start=0, end=2, until_s=100)
    problem = TourProblem(errands=(errand("a", 0, 1),), vehicles=(far,), seconds=street(0, 100, 500), seed=0)
    for answer in (pool(problem), plan(problem, SHORT)):
        assert answer.tours[0].visits == ()
        assert answer.unplanned == (("a", Unplanned.OUT_OF_TIME),)


def test_fewer_vehicles_come_before_a_shorter_way():
    """Two cars wait at the two pickups; one could do both jobs in time."""
    problem = TourProblem(
        errands=(errand("a", 0, 1), errand("b", 3, 2)),
        vehicles=(Vehicle(id="left", start=0), Vehicle(id="right", start=3)),
        seconds=street(0, 100, 900, 1_000),
        seed=0,
    )
    apart = plan(problem, Effort(shrink=0, improve=100))
    together = plan(problem, Effort(shrink=100, improve=100))
    assert [len(tour.visits) for tour in apart.tours] == [2, 2]
    assert sorted(len(tour.visits) for tour in together.tours) == [0, 4]


def test_who_still_has_somebody_aboard_is_no_vehicle_to_do_without():
    aboard = Vehicle(id="busy", start=0, onboard=((Halt(place=2), 1),), plan=("=0",))
    errands, way = (errand("a", 1, 3),), street(0, 900, 1_000, 800)
    alone = TourProblem(errands=errands, vehicles=(aboard,), seconds=way, seed=0)
    near = replace(alone, vehicles=(aboard, Vehicle(id="near", start=1)))
    thrifty, at_ease = Effort(shrink=50, improve=0), Effort(shrink=0, improve=0)
    assert [visit.stop for visit in plan(alone, thrifty).tours[0].visits] == ["+a", "-a", "=0"]
    assert [len(tour.visits) for tour in plan(near, at_ease).tours] == [1, 2]
    assert [len(tour.visits) for tour in plan(near, thrifty).tours] == [3, 0]


def test_a_vehicle_has_no_more_stops_ahead_than_there_is_room_for():
    def with_room(room: int) -> Tours:
        way = street(0, 100, 200, 300, 400)
        errands = (errand("a", 1, 2), errand("b", 3, 4))
        return pool(
            TourProblem(errands=errands, vehicles=(Vehicle(id="v", start=0),), seconds=way, seed=0, room=room)
        )

    assert len(with_room(4).tours[0].visits) == 4
    few = with_room(3)
    assert len(few.tours[0].visits) == 2
    assert [why for _, why in few.unplanned] == [Unplanned.NOBODY_CHEAPER]


def test_without_errands_or_vehicles_there_is_nothing_to_do():
    nobody = TourProblem(errands=(errand("a", 0, 1),), vehicles=(), seconds=street(0, 1), seed=0)
    assert plan(nobody, SHORT).unplanned == (("a", Unplanned.TOO_LARGE),)
    idle = TourProblem(errands=(), vehicles=(Vehicle(id="v", start=0),), seconds=street(0), seed=0)
    assert pool(idle).tours[0].visits == ()
    assert plan(idle, SHORT).objective == 0


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        (lambda: Halt(place=0, earliest_s=2, latest_s=1), "holds no moment"),
        (lambda: Halt(place=0, service_s=-1), "service"),
        (lambda: errand("a", 0, 0, load=-1), "load"),
        (lambda: errand("a", 0, 0, nobody_s=math.nan), "price"),
        (lambda: Vehicle(id="v", start=0, from_s=2, until_s=1), "before it begins"),
        (
            lambda: Vehicle(id="v", start=0, capacity=1, onboard=((Halt(place=0), 2),)),
            "more than its capacity",
        ),
    ],
)
def test_wrong_values_raise_where_they_enter(what, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        what()


@pytest.mark.parametrize(
    ("about", "wrong"),
    [
        ({"errands": (errand("a", 0, 1), errand("a", 0, 1))}, "errand id is used twice"),
        ({"seconds": np.zeros((2, 3))}, "not a square"),
        ({"seconds": np.array([[0, math.nan], [0, 0]])}, "negative or not a number"),
        ({"errands": (errand("a", 0, 7),)}, "place 7"),
        ({"vehicles": (Vehicle(id="v", start=0, plan=("+a",)),)}, "unknown, split or planned twice"),
        ({"vehicles": (Vehicle(id="v", start=0, plan=("+x", "-x")),)}, "unknown, split or planned twice"),
        ({"vehicles": (Vehicle(id="v", start=0, onboard=((Halt(place=1), 1),)),)}, "owed"),
    ],
)
def test_a_problem_that_contradicts_itself_is_refused(about, wrong: str):
    whole = {"errands": (errand("a", 0, 1),), "vehicles": (), "seconds": street(0, 1), "seed": 0} | about
    with pytest.raises(ValueError, match=wrong):
        TourProblem(**whole)


def test_a_running_plan_that_is_late_or_too_long_is_refused():
    late = errand("a", 1, 2, by_s=5)
    vehicle = Vehicle(id="v", start=0, plan=("+a", "-a"))
    seconds = street(0, 100, 200)
    with pytest.raises(ValueError, match="breaks its own promises"):
        pool(TourProblem(errands=(late,), vehicles=(vehicle,), seconds=seconds, seed=0))
    with pytest.raises(ValueError, match="is over 1"):
        pool(TourProblem(errands=(errand("a", 1, 2),), vehicles=(vehicle,), seconds=seconds, seed=0, room=1))


def test_where_all_is_at_one_place_what_is_worth_most_is_carried() -> None:
    """No way is any shorter there, and there is room for one of three."""
    errands = tuple(
        Errand(id=name, pickup=Halt(place=0), drop=Halt(place=1, latest_s=latest_s), nobody_s=worth)
        for name, latest_s, worth in (("a", 100.0, 0.0), ("b", 200.0, 0.0), ("c", 300.0, 3_600.0))
    )
    van = Vehicle(id="van", start=0)
    answer = plan(
        TourProblem(errands=errands, vehicles=(van,), seconds=np.zeros((2, 2)), seed=1, room=2),
        Effort(shrink=0, improve=200),
    )
    assert {name for name, _ in answer.unplanned} == {"a", "b"}
