"""The arithmetic of routes, compiled: schedules, the cheapest feasible insertion of a pair, its removal.

A route is a row of `Fleet.nodes`, from its start to its end; beside it stand, per place: when the work there
begins, the latest it may begin without breaking a later window, and how much is aboard when one leaves. They
make the feasibility of an insertion a question about its two neighbours (Savelsbergh 1992), not about the route.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TINY = 1e-9  # s; sums of seconds in another order differ by less


class Terrain(NamedTuple):
    """What does not change while routes do. Places are numbered from 0."""

    seconds: Floats  # (places, places): from row to column
    earliest: Floats  # (places,): the work there begins no sooner, s
    latest: Floats  # (places,): and no later
    service: Floats  # (places,): how long it takes, s
    load: Ints  # (places,): taken aboard; negative: set down
    pickup: Ints  # (pairs,): place of each pair
    drop: Ints  # (pairs,)
    pair_of: Ints  # (places,): the pair a place belongs to; -1: a start, an end, a stop that stays
    near: Ints  # (places, k): the nearest places of pairs, nearest first
    capacity: Ints  # (vehicles,)
    usable: NDArray[np.bool_]  # (vehicles,): may be given work


class Fleet(NamedTuple):
    """Every vehicle's route."""

    nodes: Ints  # (vehicles, room)
    length: Ints  # (vehicles,): how many of the row are used, start and end included
    begin: Floats  # (vehicles, room): s
    last: Floats  # (vehicles, room): s
    aboard: Ints  # (vehicles, room)
    vehicle_of: Ints  # (pairs,): -1: not served
    touched: NDArray[np.bool_]  # (vehicles,): whose route a search has changed since it last looked


@compiled()
def schedule(terrain: Terrain, fleet: Fleet, vehicle: int) -> None:
    """Refresh a route's times and loads after its places changed."""
    nodes, n = fleet.nodes[vehicle], fleet.length[vehicle]
    begin, last, aboard = fleet.begin[vehicle], fleet.last[vehicle], fleet.aboard[vehicle]
    begin[0] = terrain.earliest[nodes[0]]
    aboard[0] = terrain.load[nodes[0]]
    for k in range(1, n):
        a, b = nodes[k - 1], nodes[k]
        begin[k] = max(begin[k - 1] + terrain.service[a] + terrain.seconds[a, b], terrain.earliest[b])
        aboard[k] = aboard[k - 1] + terrain.load[b]
    last[n - 1] = terrain.latest[nodes[n - 1]]
    for k in range(n - 2, -1, -1):
        a, b = nodes[k], nodes[k + 1]
        last[k] = min(terrain.latest[a], last[k + 1] - terrain.seconds[a, b] - terrain.service[a])


@compiled()
def driven(terrain: Terrain, fleet: Fleet, vehicle: int) -> float:
    """Seconds on the road along a route; none where there is nothing to do."""
    nodes, n = fleet.nodes[vehicle], fleet.length[vehicle]
    if n == 2:
        return 0.0
    total = 0.0
    for k in range(1, n):
        total += terrain.seconds[nodes[k - 1], nodes[k]]
    return total


@compiled()
def cheapest(
    terrain: Terrain, fleet: Fleet, vehicle: int, pair: int, blink: float, state: NDArray[np.uint64]
) -> tuple[float, int, int]:
    """The least added seconds of road for a pair in a route, and after which places its two stops go.

    (inf, -1, -1) where it does not fit. The drop's place counts before the pickup is put in: equal places mean
    right behind it. `blink` is the chance that a place for the pickup is overlooked (Christiaens and Vanden
    Berghe 2020): it keeps a greedy search from repeating itself.
    """
    seconds, earliest, latest, service = terrain.seconds, terrain.earliest, terrain.latest, terrain.service
    p, d = terrain.pickup[pair], terrain.drop[pair]
    room = terrain.capacity[vehicle] - terrain.load[p]
    nodes, n = fleet.nodes[vehicle], fleet.length[vehicle]
    begin, last, aboard = fleet.begin[vehicle], fleet.last[vehicle], fleet.aboard[vehicle]
    unused = 0.0 if n > 2 else seconds[nodes[0], nodes[1]]
    best, best_i, best_j = np.inf, -1, -1
    if n + 2 > nodes.shape[0]:
        return best, best_i, best_j
    for i in range(n - 1):
        a, b = nodes[i], nodes[i + 1]
        leave = begin[i] + service[a]
        if begin[i] > latest[p]:
            break
        if aboard[i] > room:
            continue
        at_p = max(leave + seconds[a, p], earliest[p])
        if at_p > latest[p] or (blink > 0.0 and chance(state) < blink):
            continue
        straight = seconds[a, p] - seconds[a, b] + unused
        at_d = max(at_p + service[p] + seconds[p, d], earliest[d])
        if at_d <= latest[d]:
            after = max(at_d + service[d] + seconds[d, b], earliest[b])
            added = straight + seconds[p, d] + seconds[d, b]
            if after <= last[i + 1] + TINY and added < best:
                best, best_i, best_j = added, i, i
        begins = max(at_p + service[p] + seconds[p, b], earliest[b])
        with_p = straight + seconds[p, b]
        for j in range(i + 1, n - 1):
            # The pair is aboard at place j, whose work now begins at `begins`.
            if begins > last[j] + TINY or aboard[j] > room or begins > latest[d]:
                break
            c, e = nodes[j], nodes[j + 1]
            done = begins + service[c]
            at_d = max(done + seconds[c, d], earliest[d])
            if at_d <= latest[d]:
                after = max(at_d + service[d] + seconds[d, e], earliest[e])
                added = with_p + seconds[c, d] + seconds[d, e] - seconds[c, e]
                if after <= last[j + 1] + TINY and added < best:
                    best, best_i, best_j = added, i, j
            begins = max(done + seconds[c, e], earliest[e])
    return best, best_i, best_j


@compiled()
def insert(terrain: Terrain, fleet: Fleet, vehicle: int, pair: int, i: int, j: int) -> None:
    """Put a pair where `cheapest` said."""
    nodes, n = fleet.nodes[vehicle], fleet.length[vehicle]
    for k in range(n - 1, j, -1):
        nodes[k + 2] = nodes[k]
    nodes[j + 2] = terrain.drop[pair]
    for k in range(j, i, -1):
        nodes[k + 1] = nodes[k]
    nodes[i + 1] = terrain.pickup[pair]
    fleet.length[vehicle] = n + 2
    fleet.vehicle_of[pair] = vehicle
    fleet.touched[vehicle] = True
    schedule(terrain, fleet, vehicle)


@compiled()
def remove(terrain: Terrain, fleet: Fleet, pair: int) -> None:
    """Take a pair out of its route, without a new schedule: `schedule` the route when all are out."""
    vehicle = fleet.vehicle_of[pair]
    nodes, n = fleet.nodes[vehicle], fleet.length[vehicle]
    p, d = terrain.pickup[pair], terrain.drop[pair]
    kept = 0
    for k in range(n):
        if nodes[k] not in (p, d):
            nodes[kept] = nodes[k]
            kept += 1
    fleet.length[vehicle] = kept
    fleet.vehicle_of[pair] = -1
    fleet.touched[vehicle] = True


@compiled()
def chance(state: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) of xorshift64* (Vigna 2016), whose state is one non-zero word."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@compiled()
def below(state: NDArray[np.uint64], n: int) -> int:
    """An integer of 0 … n-1."""
    return int(chance(state) * n)
