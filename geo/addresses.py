"""The H3 cell of every row, kept as rows move: asked of H3 one by one, reckoned by a compiled loop for a crowd."""

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from geo import nearby
from geo.cells import LIVE_RES, cells_of

Rows = NDArray[np.int64]


class Addresses:
    """A cell of resolution `LIVE_RES` a row; 0 for a row without a place."""

    def __init__(self) -> None:
        self.cell = np.empty(0, np.uint64)

    def grow(self, capacity: int) -> None:
        """Make room for rows up to `capacity`."""
        self.cell = np.concatenate((self.cell, np.zeros(capacity - len(self.cell), np.uint64)))

    def forget(self, row: int) -> None:
        self.cell[row] = 0

    def move(self, row: int, lat: float, lon: float) -> None:
        """The row is at (lat, lon) now."""
        self.cell[row] = h3.latlng_to_cell(lat, lon, LIVE_RES)

    def move_many(
        self, rows: Rows, lat: NDArray[np.float64], lon: NDArray[np.float64], places: NDArray[np.float64]
    ) -> None:
        """Each row is at its (lat, lon) now; `places` are the same on the unit sphere."""
        if len(self.cell) <= nearby.GRID_FROM:
            self.cell[rows] = cells_of(lat, lon)
            return
        from geo.icosahedron import cells_of_places  # noqa: PLC0415  numba, which a small town never pays for

        self.cell[rows] = cells_of_places(places, lat, lon)


def prepare_cells() -> None:
    """Compile the reckoning of cells, or load it compiled."""
    from geo.icosahedron import cells_of_places  # noqa: PLC0415  as above

    cells_of_places(np.eye(3), np.array([0.0, 0.0, 90.0]), np.array([0.0, 90.0, 0.0]))
