"""The compiled loops of an assignment: rows look for columns by shortest paths, and a column that lost a row for
another. `compiled` says what they are for.

Every function here is also plain Python. Importing this module imports numba.
"""

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

NONE = -1  # no row, no column, no edge
_SLACK = 1e-9  # s; how much dearer than the cheapest an edge may be by rounding alone


@compiled(nogil=True)
def by_row(
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
def shortest(  # noqa: C901, PLR0912, PLR0915  # one kernel: numba compiles no closures over arrays
    start: NDArray[np.intp],
    ends: NDArray[np.intp],
    weights: NDArray[np.float64],
    nobody: NDArray[np.float64],
    spare: NDArray[np.int64],
    price: NDArray[np.float64],
    held: NDArray[np.intp],
) -> NDArray[np.intp]:
    """The column of each row. `price` (none below 0) and `held`, a column or `NONE` by row, are where to begin; `price`
    is left as it ends, `spare` is used up.

    Invariants between searches: a column with room left costs nothing beyond its edges (`price` 0); every row that
    is not waiting holds the cheapest of its edges at these prices, or is left alone where that is cheaper.
    """
    n, m = len(nobody), len(spare)
    taken = np.full(n, NONE, dtype=np.intp)  # the edge each row holds
    first = np.full(m, NONE, dtype=np.intp)  # the rows of a column, as a linked list
    after = np.full(n, NONE, dtype=np.intp)
    waiting = _begin(start, ends, weights, nobody, spare, price, held, taken, first, after)
    far = np.full(m, np.inf)  # of this search: the cost of moving everybody along so that the root ends here
    via = np.full(m, NONE, dtype=np.intp)  # the edge by which, and the row it belongs to
    mover = np.full(m, NONE, dtype=np.intp)
    settled = np.zeros(m, dtype=np.bool_)
    seen = np.empty(m, dtype=np.intp)
    keys = np.empty(len(ends) + 1)  # a heap of columns by `far`; out-of-date entries are skipped
    heap = np.empty(len(ends) + 1, dtype=np.intp)
    left = 0
    for j in range(m):
        if price[j] > 0.0 and spare[j] > 0:
            left += 1
    if left > 0:
        below, row_of, edge_of = _by_column(ends, start, m)
        for column in range(m):
            while price[column] > 0.0 and spare[column] > 0:
                _fill(
                    column, ends, weights, nobody, spare, price, waiting, taken, first, after,
                    far, via, mover, settled, seen, keys, heap, below, row_of, edge_of,
                )  # fmt: skip
    for root in range(n):
        if not waiting[root]:
            continue
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
def _begin(
    start: NDArray[np.intp],
    ends: NDArray[np.intp],
    weights: NDArray[np.float64],
    nobody: NDArray[np.float64],
    spare: NDArray[np.int64],
    price: NDArray[np.float64],
    held: NDArray[np.intp],
    taken: NDArray[np.intp],
    first: NDArray[np.intp],
    after: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Seat each row where it is held to be, if that is still its cheapest; which rows are yet to look for a column."""
    waiting = np.zeros(len(nobody), dtype=np.bool_)
    for i in range(len(nobody)):
        least, edge = nobody[i], NONE
        for k in range(start[i], start[i + 1]):
            least = min(least, weights[k] + price[ends[k]])
            if ends[k] == held[i]:
                edge = k
        if edge != NONE and spare[held[i]] > 0 and weights[edge] + price[held[i]] <= least + _SLACK:
            taken[i] = edge
            after[i], first[held[i]] = first[held[i]], i
            spare[held[i]] -= 1
        else:
            waiting[i] = least < nobody[i]
    return waiting


@compiled(nogil=True)
def _by_column(
    ends: NDArray[np.intp], start: NDArray[np.intp], m: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The edges of column j are those named from `below[j]` to `below[j + 1]`: their rows, and which they are."""
    below = np.zeros(m + 1, dtype=np.intp)
    for j in ends:
        below[j + 1] += 1
    for j in range(m):
        below[j + 1] += below[j]
    row_of, edge_of = np.empty(len(ends), dtype=np.intp), np.empty(len(ends), dtype=np.intp)
    place = below[:-1].copy()
    for i in range(len(start) - 1):
        for edge in range(start[i], start[i + 1]):
            at = place[ends[edge]]
            row_of[at], edge_of[at] = i, edge
            place[ends[edge]] = at + 1
    return below, row_of, edge_of


@compiled(nogil=True)
def _fill(  # noqa: C901, PLR0912  # one search, as the rows' own
    column: int,
    ends: NDArray[np.intp],
    weights: NDArray[np.float64],
    nobody: NDArray[np.float64],
    spare: NDArray[np.int64],
    price: NDArray[np.float64],
    waiting: NDArray[np.bool_],
    taken: NDArray[np.intp],
    first: NDArray[np.intp],
    after: NDArray[np.intp],
    far: NDArray[np.float64],
    via: NDArray[np.intp],
    mover: NDArray[np.intp],
    settled: NDArray[np.bool_],
    seen: NDArray[np.intp],
    keys: NDArray[np.float64],
    heap: NDArray[np.intp],
    below: NDArray[np.intp],
    row_of: NDArray[np.intp],
    edge_of: NDArray[np.intp],
) -> None:
    """Give a column that has room and a price the row that gains most by it, and that row's column the next, until one
    is left that nobody would pay for, or a row comes that was alone. Its price falls, to 0 at the latest.

    The search of a row the other way round: `far` is how much less than its price the column would be worth if the
    others moved up so that this one is free.
    """
    best, leaver, end, freed = price[column], NONE, NONE, column
    far[column], seen[0], seen_count = 0.0, column, 1
    size = _push(keys, heap, 0, 0.0, column)
    while size > 0 and keys[0] < best:
        nearest, j = keys[0], heap[0]
        size = _pop(keys, heap, size)
        if nearest > far[j] or settled[j]:
            continue
        settled[j] = True
        for k in range(below[j], below[j + 1]):
            i, edge = row_of[k], edge_of[k]
            if waiting[i] or taken[i] == edge:
                continue
            other = NONE if taken[i] == NONE else ends[taken[i]]
            now = nobody[i] if other == NONE else weights[taken[i]] + price[other]
            there = nearest + max(0.0, weights[edge] + price[j] - now)
            if there >= best:
                continue
            if other == NONE:
                best, leaver, end, freed = there, i, edge, NONE
            elif there < far[other]:
                if far[other] == np.inf:
                    seen[seen_count] = other
                    seen_count += 1
                far[other], via[other], mover[other] = there, edge, i
                size = _push(keys, heap, size, there, other)
                if there + price[other] < best:
                    best, leaver, end, freed = there + price[other], NONE, NONE, other
    if leaver != NONE:
        j = ends[end]
        taken[leaver] = end
        after[leaver], first[j] = first[j], leaver
    else:
        j = freed
        spare[freed] += 1
    while j != column:
        i = mover[j]
        _leave(first, after, i, j)
        taken[i] = via[j]
        j = ends[via[j]]
        after[i], first[j] = first[j], i
    spare[column] -= 1
    for k in range(seen_count):
        j = seen[k]
        if far[j] < best:
            price[j] = max(0.0, price[j] - (best - far[j]))
        far[j], settled[j] = np.inf, False


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
