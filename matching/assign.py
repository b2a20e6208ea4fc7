"""The exact assignment of a round: each row to at most one column, at the least total, with nobody at a
price.

Sparse Jonker-Volgenant (scipy) with one private dummy column per row: a full matching always exists, and a
row on its dummy is a row offered to nobody. 200 x 1,000 with 16 edges a row takes 0.4 ms.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

NOBODY = -1


def assign(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    costs: NDArray[np.float64],
    nobody: NDArray[np.float64],
) -> NDArray[np.intp]:
    """The column of each row, or `NOBODY`.

    `rows`, `columns` and `costs` are parallel: one finite cost per edge, of any sign, no edge twice.
    `nobody[i]` is the cost of leaving row i alone. Minimises the sum of both, exactly (up to float rounding);
    an edge that costs as much as nobody is not taken.
    """
    n = len(nobody)
    if n == 0:
        return np.empty(0, dtype=np.intp)
    worth = costs < nobody[rows]
    rows, columns, costs = rows[worth], columns[worth], costs[worth]
    m = int(columns.max()) + 1 if len(columns) else 0
    alone = np.arange(n)
    all_rows = np.concatenate((rows, alone))
    all_costs = np.concatenate((costs, nobody))
    # The solver drops explicit zeros: move each row's least cost to 1, which moves every full matching's
    # total alike.
    least = nobody.copy()
    np.minimum.at(least, rows, costs)
    weights = all_costs - least[all_rows] + 1.0
    graph = csr_array((weights, (all_rows, np.concatenate((columns, m + alone)))), shape=(n, m + n))
    _, matched = min_weight_full_bipartite_matching(graph)
    return np.where(matched < m, matched, NOBODY).astype(np.intp)


def lots(
    seed: int,
    asks: Sequence[str],
    supply: Sequence[str],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float64]:
    """One number in [0, 1) per pair, drawn from the seed and the two ids alone.

    Ties are settled by these lots rather than by the order of ids, which would favour the same people every
    time. Integer arithmetic only (BLAKE2b of each id, then the finaliser of SplitMix64 over the pair), so
    that the draw is the same on every machine and version.
    """
    ask_marks = np.array([_mark(seed, "ask", name) for name in asks], dtype=np.uint64)
    supply_marks = np.array([_mark(seed, "supply", name) for name in supply], dtype=np.uint64)
    mixed = ask_marks[rows] ^ supply_marks[columns]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mark(seed: int, kind: str, name: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{kind}/{name}".encode(), digest_size=8).digest(), "little")
