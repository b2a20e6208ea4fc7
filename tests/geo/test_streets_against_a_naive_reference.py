"""Every answer of the street graph against a textbook Dijkstra over whole histories, on small random towns."""

import heapq
from dataclasses import replace
from math import inf

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from geo.junctions import Way, to_junctions
from geo.network import _largest_part
from geo.planes import Plane
from geo.points import LatLng, crow_m
from geo.polylines import length_m
from geo.snapping import PIECE_M, Snap
from geo.streetarrays import StreetArrays
from geo.streets import Profile, StreetGraph
from geo.turns import Stands, driven_stands, plain_stands
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

bans = st.lists(
    st.tuples(st.integers(0, 99), st.lists(st.integers(0, 9), min_size=1, max_size=2)), max_size=4
)
# a ban through one of two streets between the same corners (it is never driven but on the ban's way), and one into
# a dead end (there is no way on from the ban's last step)
TWICE = [Way(nodes, street(kmh=10.0)) for nodes in ([0, 2], [0, 13], [13, 0], [0, 1])]
DEAD_END = [Way(nodes, street(kmh=10.0)) for nodes in ([2, 3], [32, 0], [0, 12], [0, 1], [0, 1])]
FROM, TO = LatLng(43.703125, 7.400390625), LatLng(43.701171875, 7.40234375)

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


class Reference:
    """From place to place by a heap of (cost, edges driven so far): nothing shared but the price of a turn."""

    def __init__(self, town: StreetArrays, profile: Profile) -> None:
        self.town, self.cost, self.profile = town, costs(town, profile), profile
        plane = Plane(LatLng(float(town.node_lat.mean()), float(town.node_lon.mean())))
        edges = np.array(sorted(self.cost))
        driving = profile is Profile.DRIVE
        stands = driven_stands(town, edges, plane) if driving else plain_stands(town, edges)
        self.inside = set(usable(stands))
        self.in_s = np.rint(stands.in_s * 100)
        rows = zip(stands.start.tolist(), stands.edge.tolist(), stands.out_s.tolist(), strict=True)
        self.out = {(stand, edge): float(np.rint(out * 100)) for stand, edge, out in rows}
        self.after = stands.after
        self.bans = self.forbidden() if driving else set()
        self.memory = max((len(ban) for ban in self.bans), default=1)

    def forbidden(self) -> set[tuple[int, ...]]:
        """The town's bans, and turning around where a restriction could be driven around that way."""
        bans = {ban for ban in self.town.bans() if all(edge in self.cost for edge in ban)}
        corners = {self.town.edge_from[edge] for ban in bans for edge in ban[1:]}
        for edge in self.cost:
            twin = int(self.town.edge_twin[edge])
            others = [o for o in self.cost if self.town.edge_from[o] == self.town.edge_to[edge] and o != twin]
            if self.town.edge_from[edge] in corners and twin in self.cost and others:
                bans.add((edge, twin))
        return bans

    def turn(self, driven: tuple[int, ...], edge: int) -> float | None:
        """Hundredths of a second; None where it is banned."""
        now = (*driven, edge)
        if any(now[-len(ban) :] == ban for ban in self.bans):
            return None
        return self.out.get((int(self.after[driven[-1]]), edge))

    def way(self, a: Snap, b: Snap) -> Cost:
        town, cost = self.town, self.cost
        goals = [(b.edge, share_of(cost[b.edge], b.share))]
        if (twin := int(town.edge_twin[b.edge])) in self.inside:
            goals.append((twin, share_of(cost[twin], 1 - b.share)))
        heap: list[tuple[Cost, tuple[int, ...]]] = []
        for edge, share in ((a.edge, 1 - a.share), (int(town.edge_twin[a.edge]), a.share)):
            if edge in self.inside:
                heap.append((plus(share_of(cost[edge], share), (self.in_s[edge], 0.0)), (edge,)))
        found = [NO_WAY]
        if a.edge == b.edge:
            ahead = b.share - a.share
            twin = int(town.edge_twin[a.edge])
            back = cost[twin] if twin in self.inside else NO_WAY
            found.append(share_of(cost[a.edge], ahead) if ahead >= 0 else share_of(back, -ahead))
        done: set[tuple[int, ...]] = set()
        heapq.heapify(heap)
        while heap:
            so_far, driven = heapq.heappop(heap)
            if driven in done:
                continue
            done.add(driven)
            for edge, rest in goals:
                turned = self.turn(driven, edge)
                if turned is not None:
                    found.append(plus(so_far, plus((turned, 0.0), rest)))
            for edge in self.inside:
                turned = self.turn(driven, edge) if town.edge_from[edge] == town.edge_to[driven[-1]] else None
                if turned is not None:
                    whole = plus(plus(cost[edge], (turned, 0.0)), (float(self.in_s[edge]), 0.0))
                    step = whole if whole[0] > 0 else (1.0, 0.0)
                    heapq.heappush(heap, (plus(so_far, step), (*driven, edge)[-self.memory :]))
        best = min(found)
        return best if best[0] > 0 or best == NO_WAY else (max(best[0], 0.0), best[1])


def usable(stands: Stands) -> list[int]:
    return [int(edge) for edge in np.unique(_largest_part(stands).edge)]


@settings(max_examples=150, deadline=None)
@given(ways, st.lists(places, min_size=1, max_size=4), places, st.sampled_from(list(Profile)), bans)
@example(TWICE, [FROM], TO, Profile.DRIVE, [(2, [1, 0])])
@example(DEAD_END, [FROM], TO, Profile.DRIVE, [(2, [1, 0])])
def test_every_travel_is_the_fastest_and_of_these_the_shortest(mapped, origins, destination, profile, picks):
    town = with_bans(to_junctions(mapped, PLACES), picks)
    graph = StreetGraph(town)
    assume(has(graph, profile))
    reference = Reference(town, profile)
    goal = graph.snap(destination, profile)
    assume(0 < goal.share < 1)
    there, back = graph.to_one(origins, destination, profile), graph.from_one(destination, origins, profile)
    for i, origin in enumerate(origins):
        snap = graph.snap(origin, profile)
        assume(0 < snap.share < 1)  # exactly at a junction one may set off anywhere: tested by itself
        centiseconds, centimeters = reference.way(snap, goal)
        assert there.seconds[i] == np.float32(centiseconds / 100)
        assert there.meters[i] == np.float32(centimeters / 100)
        one_by_one = graph.from_one(origin, [destination], profile)
        assert (one_by_one.seconds[0], one_by_one.meters[0]) == (there.seconds[i], there.meters[i])
        assert back.seconds[i] == np.float32(reference.way(goal, snap)[0] / 100)


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


def with_bans(town: StreetArrays, picks: list[tuple[int, list[int]]]) -> StreetArrays:
    """Some walks along the town's edges, two or three of them, that no car may take."""
    found = set()
    for first, steps in picks:
        walk = [first % len(town.edge_m)]
        for step in steps:
            onward = np.flatnonzero(town.edge_from == town.edge_to[walk[-1]])
            walk.append(int(onward[step % len(onward)]))
        found.add(tuple(walk))
    rows = sorted(found)
    return replace(
        town,
        ban_start=np.cumsum([0, *map(len, rows)]).astype(np.int32),
        ban_edge=np.array([edge for row in rows for edge in row], np.int32),
    )


def has(graph: StreetGraph, profile: Profile) -> bool:
    try:
        return graph.size(profile)[0] > 0
    except LookupError:
        return False
