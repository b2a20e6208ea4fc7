"""The lightest ways from some places to everywhere: Dijkstra's algorithm on a wheel of buckets, compiled.

A bucket holds the nodes whose weight falls in its width, in a doubly linked list, so that a node found lighter
moves in a few writes where a heap sifts. Nodes of one bucket may be settled out of order and again (Meyer and
Sanders, "Delta-stepping: a parallelizable shortest path algorithm", J. Algorithms 49, 2003, run on one core):
the weights come out exact whatever the width. On 40,000 nodes it takes a third of scipy's heap's time.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Weights = NDArray[np.float64]

_BUCKETS_AT_MOST = 1 << 15  # one edge of many hours must not cost megabytes: the buckets get wider instead


class Spreader:
    """A graph's edges, laid out for the kernel: edge `i` of node `u` leads to `head[i]` at `weight[i]`."""

    def __init__(self, start: NDArray[np.int32], head: NDArray[np.int32], weight: Weights, width: float) -> None:
        """Compressed rows; weights above 0. `width` is a bucket's: about the weight of a usual edge."""
        self._start, self._head, self._weight = start, head, weight
        self._width, self._heaviest = width, float(weight.max(initial=0.0))

    def reach(self, nodes: NDArray[np.int64], weights: Weights, limit: float = np.inf) -> Weights:
        """The weight of each node, beginning at `nodes` with `weights`; inf beyond `limit`, or without a way."""
        begin = weights <= limit
        at_once = max(self._heaviest, float(weights[begin].max(initial=0.0)))
        width = max(self._width, 2 * at_once / _BUCKETS_AT_MOST)
        buckets = 1 << int(np.ceil(np.log2(at_once / width + 2)))
        return spread(
            self._start, self._head, self._weight, nodes[begin], weights[begin], limit, 1 / width, np.int32(buckets - 1)
        )


@njit(cache=True, error_model="numpy")
def spread(
    start: NDArray[np.int32],
    head: NDArray[np.int32],
    weight: Weights,
    nodes: NDArray[np.int64],
    weights: Weights,
    limit: float,
    per_width: float,
    mask: np.int32,
) -> Weights:
    """The kernel: `mask` + 1 buckets, a power of two, `per_width` of them to a unit of weight.

    The sources go in as the edges of a node that is not in the graph. One function, nothing called: numba's
    inlining of two small ones made it three times slower.
    """
    count = len(start) - 1
    best = np.full(count, np.inf)
    first = np.full(mask + 1, -1, np.int32)
    after, before = np.empty(count, np.int32), np.empty(count, np.int32)
    bucket_of = np.full(count, -1, np.int32)
    waiting, turn = 0, np.int32(0)
    u, here, i, end = np.int32(-1), 0.0, 0, len(nodes)
    while True:
        while i < end:
            if u < 0:
                v, reached = np.int32(nodes[i]), weights[i]
            else:
                v, reached = head[i], here + weight[i]
            i += 1
            if reached < best[v] and reached <= limit:
                best[v] = reached
                new, old = np.int32(reached * per_width) & mask, bucket_of[v]
                if old == new:
                    continue
                if old < 0:
                    waiting += 1
                else:
                    a, b = before[v], after[v]
                    if a >= 0:
                        after[a] = b
                    else:
                        first[old] = b
                    if b >= 0:
                        before[b] = a
                neighbour = first[new]
                after[v], before[v] = neighbour, -1
                if neighbour >= 0:
                    before[neighbour] = v
                first[new], bucket_of[v] = v, new
        if waiting == 0:
            return best
        while first[turn & mask] < 0:
            turn += np.int32(1)
        u = first[turn & mask]
        neighbour = after[u]
        first[turn & mask] = neighbour
        if neighbour >= 0:
            before[neighbour] = -1
        bucket_of[u] = -1
        waiting -= 1
        here, i, end = best[u], start[u], start[u + 1]
