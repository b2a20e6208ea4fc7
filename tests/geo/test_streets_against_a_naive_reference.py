"""Every answer of the street graph against a textbook Dijkstra, on small random towns."""

import heapq
from math import inf

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geo.junctions import Way, to_junctions
from geo.points import LatLng, crow_m
from geo.polylines import length_m
from geo.snapping import PIECE_M, Snap
from geo.streetarrays import StreetArrays
from geo.streets import Profile, StreetGraph
from tests.geo.cities import place_of, street

PLACES = {c + 10 * r: place_of(c, r) for c in range(4) for r in range(4)}
streets = st.builds(
    lambda name, kmh, one_way: street(name, kmh, one_way=one_way),
    st.sampled_from(["", "Rue", "Allée"]),
    st.sampled_from([10.0, 25.0, 50.0]),
    st.booleans(),
)
ways = st.lists(
    st.builds(Way, st.lists(st.sampled_from(sorted(PLACES)), min_size=2, max_size=4, unique=True), streets),
    min_size=2,
    max_size=14,
)
low, left = place_of(0, 0)
places = st.builds(LatLng, st.floats(low - 0.001, low + 0.004), st.floats(left - 0.001, left + 0.004))

Cost = tuple[float, float]  # hundredths of a second, centimeters: compared in that order
NO_WAY: Cost = (inf, inf)


def costs(town: StreetArrays, profile: Profile) -> dict[int, Cost]:
    seconds = town.seconds(profile).astype(float)
    return {
        edge: (max(1.0, round(seconds[edge] * 100)), round(float(town.edge_m[edge]) * 100))
        for edge in range(len(seconds))
        if seconds[edge] < inf
    }


def share_of(cost: Cost, share: float) -> Cost:
    return NO_WAY if cost == NO_WAY else (float(np.rint(cost[0] * share)), float(np.rint(cost[1] * share)))


def plus(a: Cost, b: Cost) -> Cost:
    return a[0] + b[0], a[1] + b[1]


def naive(town: StreetArrays, profile: Profile, a: Snap, b: Snap) -> Cost:
    """From `a` to `b` by a heap of (cost, junction), nothing shared with the real thing but its rounding."""
    cost = costs(town, profile)

    def ends(at: Snap) -> tuple[int, int, Cost, Cost]:
        twin = cost.get(int(town.edge_twin[at.edge]), NO_WAY)
        return int(town.edge_from[at.edge]), int(town.edge_to[at.edge]), cost[at.edge], twin

    start, end, onward, back = ends(a)
    heap = [(share_of(onward, 1 - a.share), end)]
    heap.append(((0.0, 0.0) if a.share == 0 else share_of(back, a.share), start))
    heapq.heapify(heap)
    best: dict[int, Cost] = {}
    while heap:
        so_far, node = heapq.heappop(heap)
        if node in best or so_far == NO_WAY:
            continue
        best[node] = so_far
        for edge, more in cost.items():
            if town.edge_from[edge] == node:
                heapq.heappush(heap, (plus(so_far, more), int(town.edge_to[edge])))
    start, end, onward_b, back_b = ends(b)
    found = [plus(best.get(start, NO_WAY), share_of(onward_b, b.share))]
    found.append(plus(best.get(end, NO_WAY), (0.0, 0.0) if b.share == 1 else share_of(back_b, 1 - b.share)))
    if a.edge == b.edge:
        ahead = b.share - a.share
        found.append(share_of(onward, ahead) if ahead >= 0 else share_of(back, -ahead))
    return min(found)


@settings(max_examples=150, deadline=None)
@given(ways, st.lists(places, min_size=1, max_size=4), places, st.sampled_from(list(Profile)))
def test_every_travel_is_the_fastest_and_of_these_the_shortest(mapped, origins, destination, profile):
    town = to_junctions(mapped, PLACES)
    graph = StreetGraph(town)
    assume(has(graph, profile))
    goal = graph.snap(destination, profile)
    there, back = graph.to_one(origins, destination, profile), graph.from_one(destination, origins, profile)
    for i, origin in enumerate(origins):
        snap = graph.snap(origin, profile)
        centiseconds, centimeters = naive(town, profile, snap, goal)
        assert there.seconds[i] == np.float32(centiseconds / 100)
        assert there.meters[i] == np.float32(centimeters / 100)
        one_by_one = graph.from_one(origin, [destination], profile)
        assert (one_by_one.seconds[0], one_by_one.meters[0]) == (there.seconds[i], there.meters[i])
        assert back.seconds[i] == np.float32(naive(town, profile, goal, snap)[0] / 100)


@settings(max_examples=100, deadline=None)
@given(ways, places, places, st.sampled_from(list(Profile)))
def test_a_route_is_the_travel_drawn(mapped, origin, destination, profile):
    graph = StreetGraph(to_junctions(mapped, PLACES))
    assume(has(graph, profile))
    route = graph.route(origin, destination, profile)
    assert route is not None
    travel = graph.to_one([origin], destination, profile)
    assert np.float32(route.seconds) == travel.seconds[0]
    assert np.float32(route.meters) == travel.meters[0]
    assert abs(length_m(route.points) - route.meters) <= 0.5 + 1e-3 * route.meters
    assert crow_m(route.points[0], graph.snap(origin, profile).place) < 0.5
    assert crow_m(route.points[-1], graph.snap(destination, profile).place) < 0.5
    assert "" not in route.names


@settings(max_examples=100, deadline=None)
@given(ways, places)
def test_no_street_is_much_nearer_than_the_one_snapped_to(mapped, p):
    town = to_junctions(mapped, PLACES)
    graph = StreetGraph(town)
    snap = graph.snap(p, Profile.WALK)
    lat, lon = graph.corners(Profile.WALK)
    corners = min(crow_m(p, LatLng(a, b)) for a, b in zip(lat.tolist(), lon.tolist(), strict=True))
    assert snap.offset_m <= corners + PIECE_M / 2
    assert abs(crow_m(p, snap.place) - snap.offset_m) < 1


def has(graph: StreetGraph, profile: Profile) -> bool:
    try:
        return graph.size(profile)[0] > 0
    except LookupError:
        return False
