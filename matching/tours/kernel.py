"""Routes and their search, compiled: schedules, cheapest insertions, ruin and recreate.

A route is a row of `Fleet.nodes`, from its start to its end; beside it stand, per place: when the work there
begins, the latest it may begin without breaking a later window, and how much is aboard when one leaves. They
make the feasibility of an insertion a question about its two neighbours (Savelsbergh 1992), not about the route.

The search tears strings of neighbouring stops out of routes and puts them back where they fit best, after
Christiaens and Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems" (Transportation
Science 54(2), 2020), for pairs of pickup and drop. Numbers are that paper's unless said.

One file, though long: the compiler's cache of a function does not notice that one of another file has changed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TINY = 1e-9  # s; sums of seconds in another order differ by less
TORN_OUT = 15.0  # stops an iteration tears out on average; the paper has 10, of stops without partners
STRING_MOST = 10.0  # stops of one string
SPLIT = 0.5  # of the strings leave some stops in their middle alone
SPLIT_MORE = 0.01  # chance that one more of those is torn out after all: the paper's beta
BLINK = 0.01
LEFT = 0.5  # of the pairs that do not pay: a judgement
TINY_GAIN = 1e-7  # s; less is rounding
HOT, COLD = 1.5, 0.002  # the annealing's ends, in mean seconds of a drive


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
    pairs = len(terrain.pickup)
    if pairs == 0:
        return count
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
    seed_pair = below(state, pairs)
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
    at = 0
    for k in range(1, stops + 1):
        if fleet.nodes[vehicle, k] == place:
            at = k
            break
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
        tried_empty = False
        for vehicle in range(len(fleet.length)):
            if not terrain.usable[vehicle]:
                continue
            empty = fleet.length[vehicle] == 2
            if empty and tried_empty and _same(terrain, fleet, vehicle):
                continue
            tried_empty = tried_empty or empty
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
def _same(terrain: Terrain, fleet: Fleet, vehicle: int) -> bool:
    """Whether an idle vehicle is the one before it again: the same start, end and room."""
    if vehicle == 0 or fleet.length[vehicle - 1] != 2 or not terrain.usable[vehicle - 1]:
        return False
    return bool(
        fleet.nodes[vehicle, 0] == fleet.nodes[vehicle - 1, 0]
        and fleet.nodes[vehicle, 1] == fleet.nodes[vehicle - 1, 1]
        and terrain.capacity[vehicle] == terrain.capacity[vehicle - 1]
    )


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
