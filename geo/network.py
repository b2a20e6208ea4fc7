"""One profile's streets as a weighted graph: the part from which one gets everywhere and back.

A path's weight carries its seconds and its meters at once, as one whole number in a float64: hundredths of a
second times 2**27, plus centimeters. Sums stay exact, the lowest weight is the fastest path and of these the
shortest, and one Dijkstra gives both without walking any path. Room: 1,342 km, 7.7 days.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra, reverse_cuthill_mckee

from geo.planes import Plane
from geo.shortest import Spreader
from geo.snapping import Snapper, Snaps
from geo.streetarrays import StreetArrays
from geo.travel import Profile
from geo.turns import Edges, Stands, driven_stands, plain_stands

_SECOND = 100  # hundredths
_METER = 100  # centimeters
_SHIFT = 2.0**27
_BUCKET_S = 3.0  # a usual street and its turn take four to ten; half or twice as much measures the same

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ends:
    """How places join the network: some stands each, (n, k), and the weight between (inf: no way).

    `share` is the end of the place's edge that each of the k passes: 0, 1, or nan where the place is at it.
    """

    stand: NDArray[np.int64]
    weight: Weights
    share: tuple[float, ...]


class Network:
    """Invariant: from every edge in it one gets to every other."""

    def __init__(self, streets: StreetArrays, profile: Profile, plane: Plane) -> None:
        """LookupError where the profile gets nowhere and back."""
        self._streets = streets
        stands = _largest_part(_stands(streets, profile, plane))
        if not len(stands.start):
            raise LookupError(f"the map has no street to {profile} on")
        stands = _in_walking_order(stands)
        edges = np.unique(stands.edge)
        self.weight = np.full(len(streets.edge_m), np.inf)
        self.weight[edges] = _weigh(streets.seconds(profile)[edges], streets.edge_m[edges])
        twin = streets.edge_twin.astype(np.int64)
        self.twin_weight = np.where(twin >= 0, self.weight[twin], np.inf)
        one_each = edges[~(np.isfinite(self.twin_weight[edges]) & (twin[edges] < edges))]
        self.snapper = Snapper(streets, one_each, plane)
        self.junctions = np.unique(stands.junction)
        self._in, self._after = _whole(stands.in_s) * _SHIFT, stands.after
        self._at = _table(stands.junction, len(streets.node_lat))
        self._arc_start, self._arc_out = stands.start, _whole(stands.out_s) * _SHIFT
        self._arcs = _table(stands.edge, len(streets.edge_m))
        self._begin = np.zeros(
            len(stands.junction)
        )  # one who sets off at a junction turns nowhere: at no cost
        np.maximum.at(self._begin, stands.start, -self._arc_out)
        self._build_graphs(stands)

    def _build_graphs(self, stands: Stands) -> None:
        weight = self._arc_out + self.weight[stands.edge] + self._in[stands.edge]
        weight = np.maximum(weight, _SHIFT)
        n = len(stands.junction)
        key = stands.start * n + stands.end
        order = np.lexsort((weight, key))  # of parallel streets the fastest counts
        first = np.unique(key[order], return_index=True)[1]
        self._key, self._fastest = key[order][first], stands.edge[order][first]
        rows, columns = np.divmod(self._key, n)
        self._graph = csr_array((weight[order][first], (rows, columns)), shape=(n, n))
        self.forward, self.backward = _spreader(self._graph), _spreader(csr_array(self._graph.T))

    def departures(self, at: Snaps) -> Ends:
        """From places on the streets to the first stands. At a junction all its streets are open, at no cost."""
        twin, here = self._streets.edge_twin[at.edge], self._junction_stands(at)
        ahead = part(self.weight[at.edge], 1 - at.share) + self._in[at.edge]
        back = part(self.twin_weight[at.edge], at.share) + self._in[twin]
        stand = np.column_stack((self._after[at.edge], self._after[twin], here))
        weight = np.column_stack((ahead, back, np.where(here >= 0, self._begin[here], np.inf)))
        return Ends(np.maximum(stand, 0), weight, (1.0, 0.0, *(np.nan,) * here.shape[1]))

    def arrivals(self, at: Snaps) -> Ends:
        """From the last stands to places on the streets."""
        twin, here = self._streets.edge_twin[at.edge], self._junction_stands(at)
        by, against = self._arcs[at.edge], self._arcs[twin]
        stand = np.column_stack((self._arc_start[by], self._arc_start[against], here))
        onward = self._onto(by, part(self.weight[at.edge], at.share))
        back = self._onto(against, part(self.twin_weight[at.edge], 1 - at.share))
        weight = np.column_stack((onward, back, np.where(here >= 0, 0.0, np.inf)))
        width = by.shape[1]
        return Ends(
            np.maximum(stand, 0), weight, (*(0.0,) * width, *(1.0,) * width, *(np.nan,) * here.shape[1])
        )

    def _junction_stands(self, at: Snaps) -> Edges:
        """The stands of the junction each place is exactly at; -1 fills."""
        streets = self._streets
        tip = np.where(at.share == 0, streets.edge_from[at.edge], streets.edge_to[at.edge])
        return np.where(((at.share == 0) | (at.share == 1))[:, None], self._at[tip], -1)

    def _onto(self, arcs: Edges, more: Weights) -> Weights:
        return np.where(arcs >= 0, self._arc_out[arcs] + more[:, None], np.inf)

    def along(self, origins: Snaps, destinations: Snaps) -> Weights:
        """The way that never leaves the edge both are on, inf where there is none; sizes broadcast."""
        ahead = destinations.share - origins.share
        onward = part(self.weight[origins.edge], np.maximum(ahead, 0.0))
        back = part(self.twin_weight[origins.edge], np.maximum(-ahead, 0.0))
        same = origins.edge == destinations.edge
        return np.where(same, np.where(ahead >= 0, onward, back), np.inf)

    def spread(self, graph: Spreader, ends: Ends, limit_s: float | None) -> Weights:
        """From the ends of one place along `graph`: the weight to each stand, inf beyond the limit."""
        limit = np.inf if limit_s is None else (limit_s * _SECOND + 1) * _SHIFT
        open_ends = np.isfinite(ends.weight[0])
        return graph.reach(ends.stand[0, open_ends], ends.weight[0, open_ends], limit)

    def path(self, departures: Ends, arrivals: Ends) -> tuple[float, list[int], float, float]:
        """The lightest way between two places: its weight, the edges between, the `share` of its two ends."""
        open_ends = np.flatnonzero(np.isfinite(departures.weight[0]))
        sources, goals = departures.stand[0, open_ends], arrivals.stand[0]
        reached, before = dijkstra(self._graph, indices=sources, return_predecessors=True)
        total = departures.weight[0, open_ends, None] + reached[:, goals] + arrivals.weight[0]
        row, last = np.unravel_index(int(total.argmin()), total.shape)
        node, trail = int(goals[last]), []
        while node != sources[row]:
            previous = int(before[row, node])
            trail.append(previous * self._graph.shape[0] + node)
            node = previous
        edges = self._fastest[np.searchsorted(self._key, trail[::-1])].tolist() if trail else []
        return float(total[row, last]), edges, departures.share[open_ends[row]], arrivals.share[last]


def part(weight: Weights, share: NDArray[np.float64]) -> Weights:
    """The weight of a share of an edge, whole hundredths and centimeters again; inf stays inf."""
    closed = np.isinf(weight)
    seconds, meters = np.divmod(np.where(closed, 0.0, weight), _SHIFT)
    return np.where(closed, np.inf, np.rint(seconds * share) * _SHIFT + np.rint(meters * share))


def read(weight: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and meters of weights; inf and inf of inf."""
    closed = np.isinf(weight)
    seconds, meters = np.divmod(np.where(closed, 0.0, np.maximum(weight, 0.0)), _SHIFT)
    return np.where(closed, np.inf, seconds / _SECOND), np.where(closed, np.inf, meters / _METER)


def _weigh(seconds: NDArray[np.float32], meters: NDArray[np.float32]) -> Weights:
    whole = np.maximum(1.0, np.rint(seconds.astype(np.float64) * _SECOND))  # zero would read as "no edge"
    return whole * _SHIFT + np.rint(meters.astype(np.float64) * _METER)


def _whole(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint(seconds * _SECOND)


def _stands(streets: StreetArrays, profile: Profile, plane: Plane) -> Stands:
    """Bans and the cost of turns are for those who drive."""
    loops = streets.edge_from == streets.edge_to
    edges = np.flatnonzero(np.isfinite(streets.seconds(profile)) & ~loops)
    if profile is Profile.DRIVE:
        return driven_stands(streets, edges, plane)
    return plain_stands(streets, edges)


def _largest_part(stands: Stands) -> Stands:
    """The edges one gets to from everywhere, and from everywhere on: their arcs and stands, renumbered.

    Bans leave some stands to those who set off there (an edge only ever driven on the way to a ban has another stand
    for those who do) or who go no farther (a ban's last step into a dead end). They are kept: one may begin or
    arrive on such an edge, and no way leads through them.
    """
    n = len(stands.junction)
    graph = csr_array((np.ones(len(stands.start)), (stands.start, stands.end)), shape=(n, n))
    labels = np.asarray(connected_components(graph, connection="strong")[1], np.int64)
    label, within = labels[stands.start], labels[stands.start] == labels[stands.end]
    among = within & (label == np.bincount(label[within]).argmax()) if within.any() else within
    used = np.zeros(len(stands.after), np.bool_)
    if among.any():
        leads_there = np.zeros(n + 1, np.bool_)  # -1, no stand, leads nowhere
        leads_there[breadth_first_order(graph.T, stands.start[among][0], return_predecessors=False)] = True
        used[stands.edge[among]] = leads_there[stands.after[stands.edge[among]]]
    kept = used[stands.edge]
    inside = np.zeros(n, np.bool_)
    inside[stands.start[kept]] = inside[stands.end[kept]] = True
    number = np.append(np.where(inside, np.cumsum(inside) - 1, -1), -1)
    part_of_it = Stands(
        stands.junction[inside],
        number[stands.start[kept]],
        stands.edge[kept],
        number[stands.end[kept]],
        stands.out_s[kept],
        stands.in_s,
        number[stands.after],
    )
    return part_of_it if kept.all() else _largest_part(part_of_it)


def _in_walking_order(stands: Stands) -> Stands:
    """The same, neighbours numbered near each other: a search finds most of what it reads in the cache."""
    n = len(stands.junction)
    graph = csr_array((np.ones(len(stands.start)), (stands.start, stands.end)), shape=(n, n))
    order = np.asarray(reverse_cuthill_mckee(csr_matrix(graph + graph.T), symmetric_mode=True), np.int64)
    number = np.full(n + 1, -1)
    number[order] = np.arange(n)
    return replace(
        stands,
        junction=stands.junction[order],
        start=number[stands.start],
        end=number[stands.end],
        after=number[stands.after],
    )


def _table(row_of: Edges, rows: int) -> Edges:
    """What is in each row, as many columns as the fullest needs; -1 fills, and the row after the last is empty."""
    order = np.argsort(row_of, kind="stable")
    row = row_of[order]
    column = np.arange(len(row)) - np.searchsorted(row, row)
    table = np.full((rows + 1, int(column.max()) + 1), -1)
    table[row, column] = order
    return table


def _spreader(graph: csr_array) -> Spreader:
    start, head = graph.indptr.astype(np.int32), graph.indices.astype(np.int32)
    return Spreader(start, head, graph.data, _BUCKET_S * _SECOND * _SHIFT)
