"""Who carries what, in which order: `pool` for the moment, `plan` for a day.

`pool` adds new errands to running plans by rounds of assignment: each round finds the cheapest feasible insertion
of every errand into every vehicle and assigns one errand a vehicle at the least total, "nobody" at its price
(Zalesak, Hu and Samaranayake 2025: as good as trip enumeration at a fraction of its work); then a short search
moves what is not promised yet. `plan` makes tours from nothing or from another planner's, with fewer vehicles
first if asked, by ruin and recreate.
"""

import numpy as np
from numpy.typing import NDArray

from matching.assign import NOBODY, assign
from matching.tours.answer import Tour, Tours, Unplanned, Visit
from matching.tours.effort import A_DAY, POOLING, Effort
from matching.tours.kernel import Floats, Terrain, cheapest, driven, insert, schedule
from matching.tours.layout import Layout, lay_out
from matching.tours.problem import TourProblem, Vehicle
from matching.tours.search import anneal, recreate, shrink, total


def pool(problem: TourProblem, effort: Effort = POOLING) -> Tours:
    """Running plans with as many of the other errands as pay; what is promised stays with its vehicle, in order."""
    layout = lay_out(problem, {errand.id for errand in problem.errands} - problem.planned)
    _insert_by_assignment(problem, layout)
    return _searched(problem, layout, effort)


def plan(problem: TourProblem, effort: Effort = A_DAY) -> Tours:
    """Tours of a day. The vehicles' plans are only where the search begins: all may be arranged anew."""
    layout = lay_out(problem, {errand.id for errand in problem.errands})
    out = np.flatnonzero(layout.fleet.vehicle_of < 0)
    out = out[np.argsort(layout.terrain.latest[layout.terrain.drop[out]], kind="stable")]
    whatever_it_costs = np.full(len(problem.errands), np.inf)
    recreate(layout.terrain, layout.fleet, out, len(out), whatever_it_costs, 0.0, _state(problem.seed))
    return _searched(problem, layout, effort)


def _insert_by_assignment(problem: TourProblem, layout: Layout) -> None:
    """Rounds of one errand a vehicle, until none pays."""
    terrain, fleet = layout.terrain, layout.fleet
    nobody = np.array([errand.nobody_s for errand in problem.errands])
    dice = _state(problem.seed)
    fits: dict[tuple[int, int], tuple[float, int, int]] = {}
    stale = set(range(len(problem.vehicles)))
    while True:
        waiting = np.flatnonzero(fleet.vehicle_of < 0).tolist()
        for pair in waiting:
            for vehicle in stale:
                fits[pair, vehicle] = cheapest(terrain, fleet, vehicle, pair, 0.0, dice)
        edges = [(pair, v) for pair in waiting for v in range(len(problem.vehicles)) if fits[pair, v][1] >= 0]
        if not edges:
            return
        rows, columns = np.array(edges, np.intp).T
        given = assign(rows, columns, np.array([fits[edge][0] for edge in edges]), nobody)
        stale = {vehicle for vehicle in given.tolist() if vehicle != NOBODY}
        if not stale:
            return
        for pair, vehicle in enumerate(given.tolist()):
            if vehicle != NOBODY:
                _, i, j = fits[pair, vehicle]
                insert(terrain, fleet, vehicle, pair, i, j)


def _searched(problem: TourProblem, layout: Layout, effort: Effort) -> Tours:
    """Search from where the layout stands, and read the answer."""
    terrain, best = layout.terrain, layout.fleet
    nobody = np.array([errand.nobody_s for errand in problem.errands])
    if not problem.errands or not problem.vehicles:  # the compiled loops check no index
        return _read(problem, layout, nobody)
    now, tried, dice = layout.blank(), layout.blank(), _state(problem.seed)
    left = np.flatnonzero(best.vehicle_of < 0)
    if effort.shrink and not len(left):
        shrink(terrain, best, now, tried, effort.shrink, dice)
    missing = np.zeros(len(problem.errands), np.int64)
    missing[: len(left)] = left
    scale = _mean_drive(terrain)
    if effort.improve:
        anneal(terrain, best, now, tried, missing, len(left), effort.improve, scale, nobody, dice)
    return _read(problem, layout, nobody)


def _mean_drive(terrain: Terrain) -> float:
    """The mean of the ways between stops, s; a second where all are at one place, or none reaches another."""
    stops = np.concatenate((terrain.pickup, terrain.drop))
    ways = terrain.seconds[np.ix_(stops, stops)]
    known = ways[np.isfinite(ways)]
    return (float(known.mean()) if len(known) else 0.0) or 1.0


def _read(problem: TourProblem, layout: Layout, nobody: Floats) -> Tours:
    terrain, fleet = layout.terrain, layout.fleet
    tours = tuple(_tour(vehicle, v, layout) for v, vehicle in enumerate(problem.vehicles))
    left = np.flatnonzero(fleet.vehicle_of < 0).tolist()
    return Tours(
        tours=tours,
        unplanned=tuple((problem.errands[pair].id, _why(problem, layout, pair)) for pair in left),
        objective=round(total(terrain, fleet) + float(nobody[left].sum()), 3),
        seed=problem.seed,
    )


def _tour(vehicle: Vehicle, v: int, layout: Layout) -> Tour:
    terrain, fleet = layout.terrain, layout.fleet
    row = fleet.nodes[v, : fleet.length[v]]
    visits = tuple(
        Visit(layout.names[node], round(float(begin), 3))
        for node, begin in zip(row[1:-1].tolist(), fleet.begin[v, 1 : len(row) - 1].tolist(), strict=True)
    )
    return Tour(vehicle.id, visits, round(driven(terrain, fleet, v), 3))


def _why(problem: TourProblem, layout: Layout, pair: int) -> Unplanned:
    """Tried against each vehicle as if it had nothing else to do."""
    if problem.errands[pair].load > max((vehicle.capacity for vehicle in problem.vehicles), default=0):
        return Unplanned.TOO_LARGE
    idle = layout.blank()
    for v in range(len(problem.vehicles)):
        idle.nodes[v, :2] = layout.fleet.nodes[v, [0, layout.fleet.length[v] - 1]]
        schedule(layout.terrain, idle, v)
        idle.aboard[v] = 0  # what is aboard by now is something else to do
        if cheapest(layout.terrain, idle, v, pair, 0.0, _state(problem.seed))[1] >= 0:
            return Unplanned.NOBODY_CHEAPER
    return Unplanned.OUT_OF_TIME


def _state(seed: int) -> NDArray[np.uint64]:
    """The dice of a seed: any integer, spread by the golden ratio; zero would stay zero."""
    return np.array([(seed * 0x9E3779B97F4A7C15) % 2**64 or 1], np.uint64)
