"""One profile's streets as a weighted graph: the part from which one gets everywhere and back.

A path's weight carries its seconds and its meters at once, as one whole number in a float64: hundredths of a
second times 2**27, plus centimeters. Sums stay exact, the lowest weight is the fastest path and of these the
shortest, and one Dijkstra gives both without walking any path. Room: 1,342 km, 7.7 days.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from geo.planes import Plane
from geo.snapping import Snapper, Snaps
from geo.streetarrays import StreetArrays
from geo.travel import Profile

_SECOND = 100  # hundredths
_METER = 100  # centimeters
_SHIFT = 2.0**27

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ends:
    """How places join the network: two junctions each, (n, 2), and the weight between (inf: no way)."""

    node: NDArray[np.int64]
    weight: Weights


class Network:
    """Invariant: every junction in it reaches every other."""

    def __init__(
        self, streets: StreetArrays, profile: Profile, edges: NDArray[np.int64], plane: Plane
    ) -> None:
        """Of some of `usable_edges`."""
        self._streets = streets
        seconds = streets.seconds(profile)
        self.weight = np.full(len(seconds), np.inf)
        self.weight[edges] = _weigh(seconds[edges], streets.edge_m[edges])
        twin = streets.edge_twin.astype(np.int64)
        self.twin_weight = np.where(twin >= 0, self.weight[twin], np.inf)
        one_each = edges[~(np.isfinite(self.twin_weight[edges]) & (twin[edges] < edges))]
        self.snapper = Snapper(streets, one_each, plane)
        self._build_graphs(edges)

    def _build_graphs(self, edges: NDArray[np.int64]) -> None:
        froms, tos = self._streets.edge_from[edges], self._streets.edge_to[edges]
        self.junctions = np.unique(froms).astype(np.int64)
        n = len(self.junctions)
        self._local = np.full(len(self._streets.node_lat), -1)
        self._local[self.junctions] = np.arange(n)
        key = self._local[froms] * n + self._local[tos]
        order = np.lexsort((self.weight[edges], key))  # of parallel streets the fastest counts
        first = np.unique(key[order], return_index=True)[1]
        self._key, self._fastest = key[order][first], edges[order][first]
        rows, columns = np.divmod(self._key, n)
        self.forward = csr_array((self.weight[self._fastest], (rows, columns)), shape=(n, n))
        self.backward = csr_array(self.forward.T)

    def departures(self, at: Snaps) -> Ends:
        """From places on the streets to the first junctions."""
        onward, back = self.weight[at.edge], self.twin_weight[at.edge]
        behind = np.where(at.share == 0, 0.0, part(back, at.share))  # at a junction all its streets are open
        return self._ends(at, part(onward, 1 - at.share), behind)

    def arrivals(self, at: Snaps) -> Ends:
        """From the last junctions to places on the streets."""
        onward, back = self.weight[at.edge], self.twin_weight[at.edge]
        beyond = np.where(at.share == 1, 0.0, part(back, 1 - at.share))
        return self._ends(at, beyond, part(onward, at.share))

    def _ends(self, at: Snaps, beyond: Weights, behind: Weights) -> Ends:
        tos, froms = self._streets.edge_to[at.edge], self._streets.edge_from[at.edge]
        return Ends(self._local[np.column_stack((tos, froms))], np.column_stack((beyond, behind)))

    def along(self, origins: Snaps, destinations: Snaps) -> Weights:
        """The way that never leaves the edge both are on, inf where there is none; sizes broadcast."""
        ahead = destinations.share - origins.share
        onward = part(self.weight[origins.edge], np.maximum(ahead, 0.0))
        back = part(self.twin_weight[origins.edge], np.maximum(-ahead, 0.0))
        same = origins.edge == destinations.edge
        return np.where(same, np.where(ahead >= 0, onward, back), np.inf)

    def spread(self, graph: csr_array, ends: Ends, limit_s: float | None) -> Weights:
        """From the ends of one place along `graph`: the weight to each junction, inf beyond the limit."""
        open_ends = np.isfinite(ends.weight[0])
        limit = np.inf if limit_s is None else (limit_s * _SECOND + 1) * _SHIFT
        reached = dijkstra(graph, indices=ends.node[0, open_ends], limit=limit)
        return np.asarray((reached + ends.weight[0, open_ends, None]).min(axis=0), np.float64)

    def path(self, departures: Ends, arrivals: Ends) -> tuple[float, list[int], int, int]:
        """The lightest way between two places: its weight, edges, first and last end (0 or 1)."""
        open_ends = np.flatnonzero(np.isfinite(departures.weight[0]))
        sources, goals = departures.node[0, open_ends], arrivals.node[0]
        reached, before = dijkstra(self.forward, indices=sources, return_predecessors=True)
        total = departures.weight[0, open_ends, None] + reached[:, goals] + arrivals.weight[0]
        row, last = np.unravel_index(int(total.argmin()), total.shape)
        node, trail = int(goals[last]), []
        while node != sources[row]:
            previous = int(before[row, node])
            trail.append(previous * len(self.junctions) + node)
            node = previous
        edges = self._fastest[np.searchsorted(self._key, trail[::-1])].tolist() if trail else []
        return float(total[row, last]), edges, int(open_ends[row]), int(last)


def part(weight: Weights, share: NDArray[np.float64]) -> Weights:
    """The weight of a share of an edge, whole hundredths and centimeters again; inf stays inf."""
    closed = np.isinf(weight)
    seconds, meters = np.divmod(np.where(closed, 0.0, weight), _SHIFT)
    return np.where(closed, np.inf, np.rint(seconds * share) * _SHIFT + np.rint(meters * share))


def read(weight: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and meters of weights; inf and inf of inf."""
    closed = np.isinf(weight)
    seconds, meters = np.divmod(np.where(closed, 0.0, weight), _SHIFT)
    return np.where(closed, np.inf, seconds / _SECOND), np.where(closed, np.inf, meters / _METER)


def _weigh(seconds: NDArray[np.float32], meters: NDArray[np.float32]) -> Weights:
    whole = np.maximum(1.0, np.rint(seconds.astype(np.float64) * _SECOND))  # zero would read as "no edge"
    return whole * _SHIFT + np.rint(meters.astype(np.float64) * _METER)


def usable_edges(streets: StreetArrays, profile: Profile) -> NDArray[np.int64]:
    """The edges of the largest part of the streets within which the profile gets everywhere and back."""
    froms, tos, nodes = streets.edge_from, streets.edge_to, len(streets.node_lat)
    open_edges = np.flatnonzero(np.isfinite(streets.seconds(profile)) & (froms != tos))
    graph = csr_array((np.ones(len(open_edges)), (froms[open_edges], tos[open_edges])), shape=(nodes, nodes))
    labels = np.asarray(connected_components(graph, connection="strong")[1], np.int64)
    label = labels[froms[open_edges]]
    inside = label == labels[tos[open_edges]]
    largest = np.bincount(label[inside]).argmax() if inside.any() else -1
    return np.asarray(open_edges[inside & (label == largest)], np.int64)
