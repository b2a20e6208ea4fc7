"""The exact assignment again, compiled: the same question and answer as `assign.assign`, several times faster
from a few thousand edges on; and again from where an earlier answer ended, when only a little is new.

Successive shortest augmenting paths with prices (Edmonds and Karp 1972, Tomizawa 1971), row by row. A search
ends at the nearest column with room, or at a row that had better be left alone, and never looks past the best
end found so far; in a city it stays among a handful of neighbours, which is why it needs neither the reduction
steps of Jonker and Volgenant nor scaling (both were measured and lost). Worst case
O(rows x edges x log columns). The loops are in `paths`.

Importing this module imports the compiler (0.9 s of CPU) and the first call compiles, or loads what an earlier
process compiled: `allot.by_size` does neither for a small town.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matching import paths
from matching.paths import NONE

_T = TypeVar("_T", bound=np.generic)


def assign(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    costs: NDArray[np.float64],
    nobody: NDArray[np.float64],
    room: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """As `assign.assign`."""
    return Resuming()(rows, columns, costs, nobody, room)


class Resuming:
    """`assign`, that begins each question from the prices and the holders its last one ended with.

    They are a hint: whatever was asked before, the answer is the best. It comes the sooner the less is new.
    """

    def __init__(self) -> None:
        self._price = np.empty(0)
        self._held = np.empty(0, dtype=np.intp)

    def __call__(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        costs: NDArray[np.float64],
        nobody: NDArray[np.float64],
        room: NDArray[np.int64] | None = None,
    ) -> NDArray[np.intp]:
        """As `assign.assign`."""
        worth = costs < nobody[rows]
        rows, columns, costs = (
            rows[worth],
            columns[worth],
            costs[worth],
        )  # fresh arrays: one type to compile for
        n, m = len(nobody), int(columns.max()) + 1 if len(columns) else 0
        spare = np.ones(m, dtype=np.int64) if room is None else room[:m].astype(np.int64)
        edges = paths.by_row(rows, columns, costs, n)
        self._price, held = _resized(self._price, m, 0.0), _resized(self._held, n, NONE)
        held[held >= m] = NONE
        self._held = paths.shortest(*edges, nobody.astype(np.float64), spare, self._price, held)
        return self._held.copy()


def _resized(column: NDArray[_T], length: int, empty: float) -> NDArray[_T]:
    """The first of them, and nothing known of others."""
    resized = np.full(length, empty, column.dtype)
    known = min(length, len(column))
    resized[:known] = column[:known]
    return resized
