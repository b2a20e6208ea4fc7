"""The exact assignment of a round: each row to at most one column, each column to no more rows than it has
room for, at the least total, with nobody at a price.

Sparse Jonker-Volgenant (scipy) with one private dummy column per row: a full matching always exists, and a
row on its dummy is a row offered to nobody. `compiled.assign` answers the same, faster on large rounds.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

NOBODY = -1


class Assignment(Protocol):
    """What `assign` and `compiled.assign` both are."""

    def __call__(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        costs: NDArray[np.float64],
        nobody: NDArray[np.float64],
        room: NDArray[np.int64] | None = None,
    ) -> NDArray[np.intp]: ...


def assign(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    costs: NDArray[np.float64],
    nobody: NDArray[np.float64],
    room: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """The column of each row, or `NOBODY`.

    `rows`, `columns` and `costs` are parallel: one finite cost per edge, of any sign, no edge twice.
    `nobody[i]` is the cost of leaving row i alone; `room[j]` how many rows column j may take, 1 by default.
    Minimises the sum of the costs, exactly (up to float rounding); an edge that costs as much as nobody is not
    taken.
    """
    n = len(nobody)
    if n == 0:
        return np.empty(0, dtype=np.intp)
    worth = costs < nobody[rows]
    rows, columns, costs = rows[worth], columns[worth], costs[worth]
    m = int(columns.max()) + 1 if len(columns) else 0
    seats = np.arange(m)  # the column of each place; one a column where each takes one row
    if room is not None and bool((room[columns] != 1).any()):
        rows, columns, costs, seats = _seated(rows, columns, costs, room[:m])
        m = len(seats)
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
    return np.where(matched < m, np.append(seats, np.full(n, NOBODY))[matched], NOBODY).astype(np.intp)


def _seated(
    rows: NDArray[np.intp], columns: NDArray[np.intp], costs: NDArray[np.float64], room: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Each column as as many seats as it has room for (and edges for), each edge once per seat; with the
    column of each seat."""
    places = np.minimum(room, np.bincount(columns, minlength=len(room)))
    first = np.cumsum(places) - places
    times = places[columns]
    nth = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    return (
        np.repeat(rows, times),
        np.repeat(first[columns], times) + nth,
        np.repeat(costs, times),
        np.repeat(np.arange(len(room)), places),
    )


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
    mixed = _marks(seed, "ask", asks)[rows] ^ _marks(seed, "supply", supply)[columns]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _marks(seed: int, kind: str, names: Sequence[str]) -> NDArray[np.uint64]:
    salt = f"{seed}/{kind}/"
    digests = (blake2b(f"{salt}{name}".encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
