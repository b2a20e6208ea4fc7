"""Rows by id for many ids at once, compiled: a table with open places (Knuth, The Art of Computer Programming 3, 6.4).

A place of the table holds a row, and what the row's id is now decides whether it is the one sought. A row that has
gone to somebody else, or to nobody, leaves its old place behind; such a place is passed over.

Every function here is also plain Python. Importing this module imports numba.
"""

import numpy as np
from numpy.typing import NDArray

from geo.machinecode import compiled

OPEN = -1


@compiled()
def enter(table: NDArray[np.int32], begins: NDArray[np.int64], rows: NDArray[np.int64]) -> int:
    """Put each row into the first open place from where its id begins; how many that took, rows that were there
    already left out. The table's length is a power of two, and some places stay open."""
    taken, last = 0, len(table) - 1
    for n in range(len(rows)):
        row, at = rows[n], begins[n]
        while table[at] != OPEN and table[at] != row:
            at = (at + 1) & last
        if table[at] == OPEN:
            table[at] = row
            taken += 1
    return taken


@compiled()
def find(
    table: NDArray[np.int32],
    begins: NDArray[np.int64],
    sought: NDArray[np.uint64],
    ids: NDArray[np.uint64],
    held: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The row of each id sought (n, 2), of the rows that are held; -1 where there is none."""
    rows = np.full(len(sought), -1, np.int64)
    last = len(table) - 1
    for n in range(len(sought)):
        at = begins[n]
        while table[at] != OPEN:
            row = table[at]
            if ids[row, 0] == sought[n, 0] and ids[row, 1] == sought[n, 1] and held[row]:
                rows[n] = row
                break
            at = (at + 1) & last
    return rows
