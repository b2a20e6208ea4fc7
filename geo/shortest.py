"""The lightest ways from some places to everywhere: Dijkstra's algorithm on a wheel of buckets, compiled.

A bucket holds the nodes whose weight falls in its width, in a doubly linked list, so that a node found lighter
moves in a few writes where a heap sifts. Nodes of one bucket may be settled out of order and again (Meyer and
Sanders, "Delta-stepping: a parallelizable shortest path algorithm", J. Algorithms 49, 2003, run on one core):
the weights come out exact whatever the width. On 40,000 nodes it takes a third of scipy's heap's time.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]

_BUCKETS_AT_MOST = 1 << 15  # one edge of many hours must not cost megabytes: the buckets get wider instead


class Spreader:
    """A graph's edges, laid out for the kernel: edge `i` of node `u` leads to `head[i]` at `weight[i]`."""

    def __init__(
        self, start: NDArray[np.int32], head: NDArray[np.int32], weight: Weights, width: float
    ) -> None:
        """Compressed rows; weights above 0. `width` is a bucket's: about the weight of a usual edge."""
        self._start, self._head, self._weight = start, head, weight
        self._width, self._heaviest = width, float(weight.max(initial=0.0))

    def reach(self, nodes: NDArray[np.int64], weights: Weights, limit: float = np.inf) -> Weights:
        """The weight of each node, beginning at `nodes` with `weights`; inf beyond `limit`, or without a way."""
        begin = weights <= limit
        at_once = max(self._heaviest, float(weights[begin].max(initial=0.0)))
        width = max(self._width, 2 * at_once / _BUCKETS_AT_MOST)
        buckets = 1 << int(np.ceil(np.log2(at_once / width + 2)))
        return kernel()(
            self._start,
            self._head,
            self._weight,
            nodes[begin],
            weights[begin],
            limit,
            1 / width,
            np.int32(buckets - 1),
        )


def _spread(  # noqa: C901, PLR0912 - one function on purpose, see below
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

    One function, nothing called, the list's few writes said twice: numba's inlining of two small ones made it
    three times slower, and one loop for sources and edges alike half as slow again.
    """
    count = len(start) - 1
    best = np.full(count, np.inf)
    first = np.full(mask + 1, -1, np.int32)
    after, before = np.empty(count, np.int32), np.empty(count, np.int32)
    bucket_of = np.full(count, -1, np.int32)
    waiting, bucket = 0, np.int32(0)
    for k in range(len(nodes)):
        source = np.int32(nodes[k])
        best[source] = min(best[source], weights[k])
    for k in range(len(nodes)):
        source = np.int32(nodes[k])
        if bucket_of[source] < 0 and best[source] <= limit:
            new = np.int32(best[source] * per_width) & mask
            after[source], before[source] = first[new], -1
            if first[new] >= 0:
                before[first[new]] = source
            first[new], bucket_of[source] = source, new
            waiting += 1
    while waiting > 0:
        u = first[bucket]
        while u >= 0:
            neighbour = after[u]
            first[bucket] = neighbour
            if neighbour >= 0:
                before[neighbour] = -1
            bucket_of[u] = -1
            waiting -= 1
            here = best[u]
            for i in range(start[u], start[u + 1]):
                v, reached = head[i], here + weight[i]
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
            u = first[bucket]
        bucket = (bucket + np.int32(1)) & mask
    return best


@cache
def kernel() -> Callable[..., Weights]:
    """`_spread` as machine code. numba is imported here: it takes as long as everything else a start needs of `geo`."""
    from geo.machinecode import compiled  # noqa: PLC0415 - see above

    return compiled(error_model="numpy")(_spread)
