"""Where the grid keeps its rows: one block of neighbouring slots per cell, so that a search reads memory in a row.

The grid lies on the plane that touches the globe where the market is, and it is a torus: its cells repeat every
`side` cells, so that it needs no edge and no bounding box. Places that share a cell by this are told apart by
their distance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BITS = 32  # cells whose occupancy shares a word
FRESH = 40  # where `free` keeps the first slot never used; below it, by size (2 to its power), the blocks given back


class Blocks(NamedTuple):
    """The arrays; a compiled function takes them as they are. Slot 0 is nobody's."""

    places: NDArray[np.float64]  # (slots, 4): x, y, z on the unit sphere, and unix s of the fix
    tags: NDArray[np.int64]  # (slots, 2): services; 2 * row + (1 if available)
    blocks: NDArray[np.int32]  # (side * side, 3) of a cell: first slot, rows, slots
    occupied: NDArray[np.int64]  # (side, side / 32): a bit per cell
    slot_of: NDArray[np.int64]  # per row; -1: nowhere
    ids: NDArray[np.uint64]  # (rows, 2): a provider's id, to break ties
    free: NDArray[np.int64]
    frame: NDArray[np.float64]  # (2, 3): east and north on the plane
    side: int
    per_unit: float  # cells per radius of the globe
