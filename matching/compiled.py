"""The exact assignment again, compiled: the same question and answer as `assign.assign`, several times faster
from a few thousand edges on.

Successive shortest augmenting paths with prices (Edmonds and Karp 1972, Tomizawa 1971), row by row. A search
ends at the nearest column with room, or at a row that had better be left alone, and never looks past the best
end found so far; in a city it stays among a handful of neighbours, which is why it needs neither the reduction
steps of Jonker and Volgenant nor scaling (both were measured and lost). Worst case
O(rows x edges x log columns).

Importing this module imports the compiler (0.9 s of CPU) and the first call compiles, or loads what an earlier
process compiled: `allot.by_size` does neither for a small town.
"""

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

NONE = -1  # no row, no column, no edge


def assign(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    costs: NDArray[np.float64],
    nobody: NDArray[np.float64],
    room: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """As `assign.assign`."""
    worth = costs < nobody[rows]
    rows, columns, costs = rows[worth], columns[worth], costs[worth]  # fresh arrays: one type to compile for
    m = int(columns.max()) + 1 if len(columns) else 0
    spare = np.ones(m, dtype=np.int64) if room is None else room[:m].astype(np.int64)
    start, ends, weights = _by_row(rows, columns, costs, len(nobody))
    found: NDArray[np.intp] = _shortest_paths(start, ends, weights, nobody.astype(np.float64), spare)
    return found


@compiled(nogil=True)
def _by_row(
    rows: NDArray[np.intp], columns: NDArray[np.intp], costs: NDArray[np.float64], n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The edges of row i are those from `start[i]` to `start[i + 1]`."""
    start = np.zeros(n + 1, dtype=np.intp)
    for i in rows:
        start[i + 1] += 1
    for i in range(n):
        start[i + 1] += start[i]
    ends = np.empty(len(rows), dtype=np.intp)
    weights = np.empty(len(rows), dtype=np.float64)
    place = start[:-1].copy()
    for k in range(len(rows)):
        at = place[rows[k]]
        ends[at], weights[at] = columns[k], costs[k]
        place[rows[k]] = at + 1
    return start, ends, weights


@compiled(nogil=True)
def _shortest_paths(  # noqa: C901, PLR0912, PLR0915  # one kernel: numba compiles no closures over arrays
    start: NDArray[np.intp],
    ends: NDArray[np.intp],
    weights: NDArray[np.float64],
    nobody: NDArray[np.float64],
    spare: NDArray[np.int64],
) -> NDArray[np.intp]:
    """The column of each row. Uses `spare` up.

    Invariants between searches: a column with room left costs nothing beyond its edges (`price` 0); every row
    holds the cheapest of its edges at these prices, or is left alone where that is cheaper.
    """
    n, m = len(nobody), len(spare)
    price = np.zeros(m)
    taken = np.full(n, NONE, dtype=np.intp)  # the edge each row holds
    first = np.full(m, NONE, dtype=np.intp)  # the rows of a column, as a linked list
    after = np.full(n, NONE, dtype=np.intp)
    far = np.full(m, np.inf)  # of this search: the cost of moving everybody along so that the root ends here
    via = np.full(m, NONE, dtype=np.intp)  # the edge by which, and the row it belongs to
    mover = np.full(m, NONE, dtype=np.intp)
    settled = np.zeros(m, dtype=np.bool_)
    seen = np.empty(m, dtype=np.intp)
    keys = np.empty(len(ends) + 1)  # a heap of columns by `far`; out-of-date entries are skipped
    heap = np.empty(len(ends) + 1, dtype=np.intp)
    for root in range(n):
        best, leaver, sink = np.inf, root, NONE
        seen_count, size, opened, i, base = 0, 0, NONE, root, 0.0
        while True:
            if base + nobody[i] < best:
                best, leaver, sink = base + nobody[i], i, NONE
            for edge in range(start[i], start[i + 1]):
                j = ends[edge]
                there = base + weights[edge] + price[j]
                if there < best and there < far[j] and not settled[j]:
                    if far[j] == np.inf:
                        seen[seen_count] = j
                        seen_count += 1
                    far[j], via[j], mover[j] = there, edge, i
                    if spare[j] > 0:
                        best, sink = there, j
                    else:
                        size = _push(keys, heap, size, there, j)
            i = after[i] if opened != NONE else NONE
            while i == NONE and size > 0 and keys[0] < best:
                nearest, j = keys[0], heap[0]
                size = _pop(keys, heap, size)
                if nearest <= far[j] and not settled[j]:
                    settled[j] = True
                    opened, i = j, first[j]
            if i == NONE:
                break
            base = far[opened] - weights[taken[i]] - price[opened]
        for k in range(seen_count):
            j = seen[k]
            if settled[j]:
                price[j] += best - far[j]
        # Move everybody along the path, from its end to the root.
        if sink != NONE:
            spare[sink] -= 1
            j = sink
        else:
            j = NONE if taken[leaver] == NONE else ends[taken[leaver]]
            _leave(first, after, leaver, j)
            taken[leaver] = NONE
        while j != NONE:
            i = mover[j]
            old = NONE if taken[i] == NONE else ends[taken[i]]
            _leave(first, after, i, old)
            taken[i] = via[j]
            after[i] = first[j]
            first[j] = i
            j = old
        for k in range(seen_count):
            far[seen[k]] = np.inf
            settled[seen[k]] = False
    found = np.full(n, NONE, dtype=np.intp)
    for i in range(n):
        if taken[i] != NONE:
            found[i] = ends[taken[i]]
    return found


@compiled(nogil=True)
def _leave(first: NDArray[np.intp], after: NDArray[np.intp], i: int, j: int) -> None:
    """Take row i from the list of column j, if it is on one."""
    if j == NONE:
        return
    if first[j] == i:
        first[j] = after[i]
    else:
        before = first[j]
        while after[before] != i:
            before = after[before]
        after[before] = after[i]
    after[i] = NONE


@compiled(nogil=True)
def _push(keys: NDArray[np.float64], heap: NDArray[np.intp], size: int, key: float, j: int) -> int:
    """Put a column into the heap; the new size."""
    at = size
    while at > 0 and keys[(at - 1) >> 1] > key:
        parent = (at - 1) >> 1
        keys[at], heap[at] = keys[parent], heap[parent]
        at = parent
    keys[at], heap[at] = key, j
    return size + 1


@compiled(nogil=True)
def _pop(keys: NDArray[np.float64], heap: NDArray[np.intp], size: int) -> int:
    """Take the least out of the heap; the new size."""
    size -= 1
    key, j = keys[size], heap[size]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[at], heap[at] = keys[child], heap[child]
        at = child
    keys[at], heap[at] = key, j
    return size
