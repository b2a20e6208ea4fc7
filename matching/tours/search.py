"""Ruin and recreate, compiled: strings of neighbouring stops are torn out of routes and put back where they fit best.

After Christiaens and Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems"
(Transportation Science 54(2), 2020), for pairs of pickup and drop. Numbers are that paper's unless said.
"""

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled
from matching.tours.kernel import (
    Fleet,
    Floats,
    Ints,
    Terrain,
    below,
    chance,
    cheapest,
    driven,
    insert,
    remove,
    schedule,
)

TORN_OUT = 15.0  # stops an iteration tears out on average; the paper has 10, of stops without partners
STRING_MOST = 10.0  # stops of one string
SPLIT = 0.5  # of the strings leave some stops in their middle alone
SPLIT_MORE = 0.01  # chance that one more of those is torn out after all: the paper's beta
BLINK = 0.01
LEFT = 0.5  # of the pairs that do not pay: a judgement
TINY_GAIN = 1e-7  # s; less is rounding
HOT, COLD = 1.5, 0.002  # the annealing's ends, in mean seconds of a drive


@compiled()
def copy(source: Fleet, target: Fleet) -> None:
    """Make one fleet the other."""
    for vehicle in range(len(source.length)):
        _copy_route(source, target, vehicle)
    target.vehicle_of[:] = source.vehicle_of
    target.touched[:] = False


@compiled()
def catch_up(source: Fleet, target: Fleet, touched: NDArray[np.bool_]) -> None:
    """Make one fleet the other, when they differ in the touched routes alone; nothing is touched any more."""
    for vehicle in range(len(source.length)):
        if touched[vehicle]:
            _copy_route(source, target, vehicle)
    target.vehicle_of[:] = source.vehicle_of
    touched[:] = False


@compiled()
def _copy_route(source: Fleet, target: Fleet, vehicle: int) -> None:
    n = source.length[vehicle]
    target.length[vehicle] = n
    target.nodes[vehicle, :n] = source.nodes[vehicle, :n]
    target.begin[vehicle, :n] = source.begin[vehicle, :n]
    target.last[vehicle, :n] = source.last[vehicle, :n]
    target.aboard[vehicle, :n] = source.aboard[vehicle, :n]


@compiled()
def total(terrain: Terrain, fleet: Fleet) -> float:
    """Seconds on the road of the whole fleet."""
    seconds = 0.0
    for vehicle in range(len(fleet.length)):
        seconds += driven(terrain, fleet, vehicle)
    return seconds


@compiled()
def ruin(terrain: Terrain, fleet: Fleet, out: Ints, count: int, state: NDArray[np.uint64]) -> int:
    """Tear strings out around a random stop; the pairs go behind the first `count` of `out`."""
    served, stops = 0, 0
    for vehicle in range(len(fleet.length)):
        if fleet.length[vehicle] > 2:
            served += 1
            stops += fleet.length[vehicle] - 2
    if served == 0:
        return count
    longest = min(STRING_MOST, stops / served)
    most_strings = 4.0 * TORN_OUT / (1.0 + longest) - 1.0
    strings = int(1.0 + chance(state) * most_strings)
    seed_pair = below(state, len(terrain.pickup))
    seed = terrain.pickup[seed_pair] if chance(state) < 0.5 else terrain.drop[seed_pair]
    ruined = np.zeros(len(fleet.length), np.bool_)
    for k in range(-1, terrain.near.shape[1]):
        if strings <= 0:
            break
        place = seed if k < 0 else terrain.near[seed, k]
        pair = terrain.pair_of[place]
        if pair < 0 or fleet.vehicle_of[pair] < 0 or ruined[fleet.vehicle_of[pair]]:
            continue
        vehicle = fleet.vehicle_of[pair]
        ruined[vehicle] = True
        strings -= 1
        count = _tear(terrain, fleet, vehicle, place, longest, out, count, state)
    return count


@compiled()
def _tear(
    terrain: Terrain,
    fleet: Fleet,
    vehicle: int,
    place: int,
    longest: float,
    out: Ints,
    count: int,
    state: NDArray[np.uint64],
) -> int:
    """Take a string that holds `place` out of its route, each stop with its partner."""
    stops = fleet.length[vehicle] - 2
    size = int(1.0 + chance(state) * min(float(stops), longest))
    size = min(size, stops)
    spared = 0
    if 1 < size < stops and chance(state) < SPLIT:
        spared = 1
        while size + spared < stops and chance(state) > SPLIT_MORE:
            spared += 1
    span = size + spared
    at = 1
    while fleet.nodes[vehicle, at] != place:  # it is there: `ruin` has asked `vehicle_of`
        at += 1
    lowest, highest = max(1, at - span + 1), min(at, stops - span + 1)
    first = lowest + below(state, highest - lowest + 1)
    hole = first + (below(state, size - 1) + 1 if spared > 0 else span)
    torn = np.empty(span, np.int64)
    taken = 0
    for k in range(first, first + span):
        if hole <= k < hole + spared:
            continue
        pair = terrain.pair_of[fleet.nodes[vehicle, k]]
        if pair >= 0:
            torn[taken] = pair
            taken += 1
    for k in range(taken):
        if fleet.vehicle_of[torn[k]] >= 0:
            remove(terrain, fleet, torn[k])
            out[count] = torn[k]
            count += 1
    schedule(terrain, fleet, vehicle)
    return count


@compiled()
def order(terrain: Terrain, out: Ints, count: int, depot: int, state: NDArray[np.uint64]) -> None:
    """Put the torn-out pairs in one of the paper's orders, drawn by its weights, ties at random."""
    keys = np.empty(count, np.float64)
    draw = below(state, 14)
    for k in range(count):
        p, d = terrain.pickup[out[k]], terrain.drop[out[k]]
        if draw < 4:
            keys[k] = chance(state)
        elif draw < 6:
            keys[k] = -float(terrain.load[p])
        elif draw < 8:
            keys[k] = -terrain.seconds[depot, p]
        elif draw < 9:
            keys[k] = terrain.seconds[depot, p]
        elif draw < 11:
            keys[k] = (terrain.latest[p] - terrain.earliest[p]) + (terrain.latest[d] - terrain.earliest[d])
        elif draw < 12:
            keys[k] = terrain.earliest[p]
        elif draw < 13:
            keys[k] = -terrain.latest[d]
        else:
            keys[k] = -terrain.seconds[p, d]
    sorted_out = out[:count][np.argsort(keys)]
    out[:count] = sorted_out


@compiled()
def recreate(
    terrain: Terrain,
    fleet: Fleet,
    out: Ints,
    count: int,
    worth: Floats,
    blink: float,
    state: NDArray[np.uint64],
) -> int:
    """Put each pair where it costs least; those that fit nowhere stay in `out`, and their number is returned.

    One that costs more than leaving it (`worth`) is left half of the time: alone it does not pay, but the next may
    share its way.
    """
    left = 0
    for k in range(count):
        pair = out[k]
        best, where, i, j = np.inf, -1, -1, -1
        for vehicle in range(len(fleet.length)):
            if not terrain.usable[vehicle]:
                continue
            added, after_p, after_d = cheapest(terrain, fleet, vehicle, pair, blink, state)
            if added < best:
                best, where, i, j = added, vehicle, after_p, after_d
        if where < 0 or (best > worth[pair] and chance(state) < LEFT):
            out[left] = pair
            left += 1
        else:
            insert(terrain, fleet, where, pair, i, j)
    return left


@compiled()
def anneal(
    terrain: Terrain,
    best: Fleet,
    now: Fleet,
    tried: Fleet,
    missing: Ints,
    count: int,
    iterations: int,
    scale: float,
    worth: Floats,
    state: NDArray[np.uint64],
) -> int:
    """Fewer unserved (by `worth`), then fewer seconds. `best` is the start and the answer; returns how many of
    `missing` are still unserved in it. `scale` is the mean drive in seconds."""
    copy(best, now)
    out = np.empty(len(terrain.pickup), np.int64)
    now_missing = missing.copy()
    now_count = count
    now_cost = total(terrain, now) + _lost(worth, now_missing, now_count)
    best_cost = now_cost
    hot, cold = HOT * scale, COLD * scale
    cooling = (cold / hot) ** (1.0 / max(1, iterations))
    heat = hot
    depot = now.nodes[0, 0]
    copy(now, tried)
    for _ in range(iterations):
        out[:now_count] = now_missing[:now_count]
        taken = ruin(terrain, tried, out, now_count, state)
        order(terrain, out, taken, depot, state)
        left = recreate(terrain, tried, out, taken, worth, BLINK, state)
        cost = total(terrain, tried) + _lost(worth, out, left)
        if cost < now_cost - heat * np.log(max(chance(state), 1e-300)):
            catch_up(tried, now, tried.touched)
            now_cost, now_count = cost, left
            now_missing[:left] = out[:left]
            if cost < best_cost - TINY_GAIN:
                copy(now, best)
                best_cost = cost
                count = left
                missing[:left] = out[:left]
        else:
            catch_up(now, tried, tried.touched)
        heat *= cooling
    return count


@compiled()
def _lost(worth: Floats, missing: Ints, count: int) -> float:
    seconds = 0.0
    for k in range(count):
        seconds += worth[missing[k]]
    return seconds


@compiled()
def shrink(
    terrain: Terrain, best: Fleet, now: Fleet, tried: Fleet, iterations: int, state: NDArray[np.uint64]
) -> int:
    """Do with fewer vehicles: empty the one whose pairs were missing least often, and look for room.

    `best` always serves everybody. How often a pair was left out weighs against leaving it out again (the
    paper's absence counters). Returns how many vehicles were saved; they are not `usable` any more.
    """
    pairs = len(terrain.pickup)
    absent = np.zeros(pairs, np.float64)
    everything = np.full(pairs, np.inf)
    out = np.empty(pairs, np.int64)
    missing = np.empty(pairs, np.int64)
    saved = 0
    copy(best, now)
    count = _empty_one(terrain, now, absent, missing)
    if count < 0:
        return 0
    depot = now.nodes[0, 0]
    copy(now, tried)
    for _ in range(iterations):
        out[:count] = missing[:count]
        taken = ruin(terrain, tried, out, count, state)
        order(terrain, out, taken, depot, state)
        left = recreate(terrain, tried, out, taken, everything, BLINK, state)
        if left < count or _lost(absent, out, left) < _lost(absent, missing, count):
            catch_up(tried, now, tried.touched)
            missing[:left] = out[:left]
            count = left
        else:
            catch_up(now, tried, tried.touched)
        for k in range(left):
            absent[out[k]] += 1.0
        if count == 0:
            copy(now, best)
            saved += 1
            count = _empty_one(terrain, now, absent, missing)
            if count < 0:
                return saved
            copy(now, tried)
    _use_again(terrain, best)
    return saved


@compiled()
def _empty_one(terrain: Terrain, fleet: Fleet, absent: Floats, missing: Ints) -> int:
    """Close the route with the least absences; its pairs into `missing`. -1: none can be closed."""
    chosen, least = -1, np.inf
    for vehicle in range(len(fleet.length)):
        if not terrain.usable[vehicle]:
            continue
        if fleet.length[vehicle] == 2:
            terrain.usable[vehicle] = False
            continue
        seldom = 0.0
        for k in range(1, fleet.length[vehicle] - 1):
            pair = terrain.pair_of[fleet.nodes[vehicle, k]]
            seldom += absent[pair] + 1e-3 if pair >= 0 else np.inf
        if seldom < least:
            chosen, least = vehicle, seldom
    if chosen < 0:
        return -1
    terrain.usable[chosen] = False
    count = 0
    for pair in range(len(terrain.pickup)):
        if fleet.vehicle_of[pair] == chosen:
            missing[count] = pair
            count += 1
    for k in range(count):
        remove(terrain, fleet, missing[k])
    schedule(terrain, fleet, chosen)
    return count


@compiled()
def _use_again(terrain: Terrain, best: Fleet) -> None:
    """The route that could not be saved is needed after all."""
    for vehicle in range(len(best.length)):
        if best.length[vehicle] > 2:
            terrain.usable[vehicle] = True
