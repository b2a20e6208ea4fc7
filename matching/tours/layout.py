"""Between the records of a `TourProblem` and the arrays the kernels work on.

Every stop gets a place of its own (two errands at one door are two places), and so does each vehicle's start
and end; an open end is a place to which every way takes no time.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from matching.tours.kernel import Fleet, Floats, Ints, Terrain, schedule
from matching.tours.problem import Halt, TourProblem

NEAR_MOST = 200  # neighbours a stop is torn out with: four times what one ruin can take


@dataclass(frozen=True, slots=True)
class Layout:
    """A problem as arrays, with its running plans laid out; `names` says what each place is."""

    terrain: Terrain
    fleet: Fleet
    names: tuple[str, ...]
    """`+id`, `-id`, `=k` as in `Vehicle.plan`; "" for starts and ends."""
    open_end: tuple[bool, ...]

    def blank(self) -> Fleet:
        """A fleet of the same shape, for a search to work in."""
        vehicles, room = self.fleet.nodes.shape
        return _empty(vehicles, room, len(self.terrain.pickup))


def lay_out(problem: TourProblem, movable: AbstractSet[str]) -> Layout:
    """Arrays of the problem, whose search may move the errands of these ids. Its plans are taken as they are: they
    keep their windows, or the times given are wrong, which raises `ValueError`."""
    halts: list[tuple[str, Halt, int, int]] = []
    for number, errand in enumerate(problem.errands):
        halts.append((f"+{errand.id}", errand.pickup, errand.load, number))
        halts.append((f"-{errand.id}", errand.drop, -errand.load, number))
    for vehicle in problem.vehicles:
        halts += [(f"={k}", halt, -load, -1) for k, (halt, load) in enumerate(vehicle.onboard)]
    places = [halt.place for _, halt, _, _ in halts]
    first_end = len(halts)
    for vehicle in problem.vehicles:
        places += [vehicle.start, vehicle.start if vehicle.end is None else vehicle.end]
    n, open_end = len(places), tuple(vehicle.end is None for vehicle in problem.vehicles)
    seconds = problem.seconds[np.ix_(places, places)].copy()
    earliest, latest, service = np.zeros(n), np.full(n, np.inf), np.zeros(n)
    load, pair_of = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    for at, (_, halt, amount, number) in enumerate(halts):
        earliest[at], latest[at], service[at] = halt.earliest_s, halt.latest_s, halt.service_s
        load[at], pair_of[at] = amount, number
    for v, vehicle in enumerate(problem.vehicles):
        start, end = first_end + 2 * v, first_end + 2 * v + 1
        earliest[start], latest[[start, end]] = vehicle.from_s, vehicle.until_s
        load[start] = sum(amount for _, amount in vehicle.onboard)
        if open_end[v]:
            seconds[:, end] = 0.0
    pairs = len(problem.errands)
    searched = pair_of.copy()
    for number, errand in enumerate(problem.errands):
        if errand.id not in movable:
            searched[2 * number : 2 * number + 2] = -1
    terrain = Terrain(
        seconds=seconds,
        earliest=earliest,
        latest=latest,
        service=service,
        load=load,
        pickup=np.arange(0, 2 * pairs, 2),
        drop=np.arange(1, 2 * pairs, 2),
        pair_of=searched,
        near=_near(seconds, searched),
        capacity=np.array([vehicle.capacity for vehicle in problem.vehicles], np.int64),
        usable=np.ones(len(problem.vehicles), np.bool_),
    )
    names = (*(name for name, _, _, _ in halts), *[""] * (2 * len(problem.vehicles)))
    fleet = _empty(len(problem.vehicles), problem.room + 2, pairs)
    _seat(problem, terrain, fleet, first_end, pair_of)
    return Layout(terrain, fleet, names, open_end)


def _seat(problem: TourProblem, terrain: Terrain, fleet: Fleet, first_end: int, pair_of: Ints) -> None:
    """Lay the running plans out."""
    errand_at = {errand.id: 2 * number for number, errand in enumerate(problem.errands)}
    owed_at = 2 * len(problem.errands)
    for v, vehicle in enumerate(problem.vehicles):
        if len(vehicle.plan) > problem.room:
            raise ValueError(
                f"vehicle {vehicle.id}: a plan of {len(vehicle.plan)} stops is over {problem.room}"
            )
        stops = [
            owed_at + int(stop[1:]) if stop[0] == "=" else errand_at[stop[1:]] + (stop[0] == "-")
            for stop in vehicle.plan
        ]
        owed_at += len(vehicle.onboard)
        row = [first_end + 2 * v, *stops, first_end + 2 * v + 1]
        fleet.nodes[v, : len(row)] = row
        fleet.length[v] = len(row)
        fleet.vehicle_of[[pair_of[stop] for stop in stops if pair_of[stop] >= 0]] = v
        schedule(terrain, fleet, v)
        late = fleet.begin[v, : len(row)] > fleet.last[v, : len(row)] + 1e-6
        if stops and (bool(late.any()) or int(fleet.aboard[v, : len(row)].max()) > vehicle.capacity):
            raise ValueError(f"vehicle {vehicle.id}: the running plan breaks its own promises")


def _near(seconds: Floats, movable: Ints) -> Ints:
    """For each place the movable stops, nearest first, itself left out; ties by number."""
    stops = np.flatnonzero(movable >= 0)
    if len(stops) < 2:
        return np.empty((len(seconds), 0), np.int64)
    order = stops[np.argsort(seconds[:, stops], axis=1, kind="stable")]
    itself = order == np.arange(len(seconds))[:, None]
    itself[~itself.any(axis=1), -1] = True  # places that are no stop lose their farthest instead
    return np.array(order[~itself].reshape(len(seconds), len(stops) - 1)[:, :NEAR_MOST])


def _empty(vehicles: int, room: int, pairs: int) -> Fleet:
    return Fleet(
        nodes=np.zeros((vehicles, room), np.int64),
        length=np.full(vehicles, 2, np.int64),
        begin=np.zeros((vehicles, room)),
        last=np.zeros((vehicles, room)),
        aboard=np.zeros((vehicles, room), np.int64),
        vehicle_of=np.full(pairs, -1, np.int64),
        touched=np.zeros(vehicles, np.bool_),
    )
