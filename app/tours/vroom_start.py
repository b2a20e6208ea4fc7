"""A `TourProblem` through VROOM (pyvroom), a well-kept planner: where our own search begins.

VROOM counts whole seconds; ways are rounded up and windows inwards, so that what it plans keeps the real ones. It is
not asked about what has no whole second: that is left to our search.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import vroom

from matching.tours.problem import Errand, Halt, TourProblem, Vehicle

FOREVER: Final = 2**31  # s; VROOM wants a number
LAST: Final = 2**21  # s; for VROOM every vehicle ends then, after 24 days
NO_WAY: Final = LAST + 1
"""s; VROOM refuses a question whose ways could add up to 2**32: four hundred stops may have this."""

LEVEL: Final = 5  # of 0 to 5: with fifty errands it takes a second or two
LEVELS: Final = ((60, LEVEL), (120, 1))
"""(errands at most, level). A hundred errands on real streets take 10 s of CPU at level 5 where nothing has a window
and 2.5 s where all have, at level 1 2 s and 0.3 s; what our search makes of either differs by 3 % at most. Over two
hundred without windows level 0 takes 11 s, and our search alone finds shorter tours in one: VROOM is not asked."""

FIXED: Final = 100_000  # s; a vehicle costs more than any way saved, where fewer are wanted


def begun(problem: TourProblem, *, fewest: bool) -> TourProblem:
    """`started` at the level that its size allows; the same problem where there are too many errands."""
    new = len(problem.errands) - len(problem.planned)
    level = next((level for most, level in LEVELS if new <= most), None)
    return problem if level is None else started(problem, fewest=fewest, level=level)


def started(problem: TourProblem, *, fewest: bool, level: int = LEVEL) -> TourProblem:
    """The same problem with VROOM's tours as its vehicles' plans.

    Vehicles that have a plan already are left as they are: VROOM is not asked about them.
    """
    free = [v for v in problem.vehicles if not v.plan and _holds_a_second(v.from_s, min(v.until_s, LAST))]
    planned = problem.planned
    errands = [k for k, one in enumerate(problem.errands) if one.id not in planned and _can_be_asked(one)]
    if not free or not errands:
        return problem
    asked = _Asked(problem, errands)
    solution = asked.put(free, fewest=fewest).solve(exploration_level=level, nb_threads=1)
    plans = asked.plans(solution, free)
    vehicles = tuple(replace(v, plan=plans.get(v.id, v.plan)) for v in problem.vehicles)
    room = max([problem.room, *(len(vehicle.plan) for vehicle in vehicles)])
    return replace(problem, vehicles=vehicles, room=room)


class _Asked:
    """Some errands of a problem, as VROOM numbers them: `2k` and `2k+1` are the stops of errand k."""

    def __init__(self, problem: TourProblem, errands: list[int]) -> None:
        self._problem = problem
        self._errands = errands

    def put(self, vehicles: list[Vehicle], *, fewest: bool) -> Any:
        """The question."""
        problem = self._problem
        question = vroom.Input()
        ways = np.minimum(np.ceil(problem.seconds), NO_WAY)
        question.set_durations_matrix(profile="car", matrix_input=ways.astype(np.uint32))
        for number, vehicle in enumerate(vehicles):
            window = vroom.TimeWindow(_ceil(vehicle.from_s), _floor(min(vehicle.until_s, LAST)))
            ends = {} if vehicle.end is None else {"end": vehicle.end}
            question.add_vehicle(
                vroom.Vehicle(
                    number,
                    start=vehicle.start,
                    capacity=[vehicle.capacity],
                    time_window=window,
                    costs=vroom.VehicleCosts(fixed=FIXED if fewest else 0),
                    **ends,
                )
            )
        for k in self._errands:
            errand = problem.errands[k]
            question.add_shipment(
                _step(2 * k, errand.pickup), _step(2 * k + 1, errand.drop), amount=vroom.Amount([errand.load])
            )
        return question

    def plans(self, solution: Any, vehicles: list[Vehicle]) -> Mapping[str, tuple[str, ...]]:
        """The answer: vehicle id to its stops."""
        plans: dict[str, list[str]] = {}
        rows = solution.routes
        if "id" not in rows:  # a table without columns: nothing fits anybody
            return {}
        for number, kind, stop in zip(rows["vehicle_id"], rows["type"], rows["id"], strict=True):
            if kind in {"pickup", "delivery"}:
                name = self._problem.errands[int(stop) // 2].id
                plans.setdefault(vehicles[int(number)].id, []).append(
                    ("+" if kind == "pickup" else "-") + name
                )
        return {vehicle: tuple(stops) for vehicle, stops in plans.items()}


def _step(number: int, halt: Halt) -> Any:
    window = vroom.TimeWindow(_ceil(halt.earliest_s), _floor(halt.latest_s))
    return vroom.ShipmentStep(
        number, location=halt.place, default_service=math.ceil(halt.service_s), time_windows=[window]
    )


def _can_be_asked(errand: Errand) -> bool:
    return all(_holds_a_second(halt.earliest_s, halt.latest_s) for halt in (errand.pickup, errand.drop))


def _holds_a_second(earliest_s: float, latest_s: float) -> bool:
    return _ceil(earliest_s) <= _floor(latest_s)


def _ceil(moment: float) -> int:
    """VROOM knows no time before the problem's moment: what was open then is open from it on."""
    return math.ceil(max(0.0, moment))


def _floor(moment: float) -> int:
    return FOREVER if math.isinf(moment) else math.floor(moment)
