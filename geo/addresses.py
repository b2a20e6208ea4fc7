"""The H3 cell of every row, kept as rows move: asked of H3 only where a row may have left its cell.

H3 rounds in the plane of the nearest face of its icosahedron, laid flat from the globe's middle (a gnomonic
projection, https://h3geo.org/docs/core-library/overview), where all cells of a resolution are the same hexagon.
At angle t from the face's middle a length on the globe is at least cos(t)^2 of its length there, so that a circle
around a cell's center with that share of the hexagon's inner radius lies in the cell, across edges of faces too.
"""

from itertools import combinations
from math import sqrt

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from geo.cells import LIVE_RES, cell_of, cells_of
from geo.points import LatLng, on_sphere

Rows = NDArray[np.int64]

# Between the centers of neighbours on the face's plane, the globe's radius being 1: 0.38196601125 at resolution 0
# (h3lib, constants.h: RES0_U_GNOMONIC), a seventh of the area with each resolution.
_APART = 0.38196601125010500003 / sqrt(7.0) ** LIVE_RES
_SAFELY = 0.98  # of the inner radius: t grows by less than 1e-4 over a cell


def _face_centers() -> NDArray[np.float64]:
    """The middles of the icosahedron's faces; its corners are the twelve pentagons' centers."""
    places = np.array([h3.cell_to_latlng(cell) for cell in h3.get_pentagons(0)])
    corners = on_sphere(places[:, 0], places[:, 1])
    near = corners @ corners.T > 0.4  # neighbours are at 0.447, the others at -0.447
    faces = [
        corners[[a, b, c]].sum(axis=0)
        for a, b, c in combinations(range(len(corners)), 3)
        if near[a, b] and near[b, c] and near[a, c]
    ]
    return np.array([face / np.linalg.norm(face) for face in faces])


_FACES = _face_centers()


class Addresses:
    """A cell of resolution `LIVE_RES` a row; 0 for a row without a place."""

    def __init__(self) -> None:
        self.cell = np.empty(0, np.uint64)
        self._center = np.empty((0, 3))
        self._inner2 = np.empty(0)  # squared chord from the center that stays in the cell; -1: not known

    def grow(self, capacity: int) -> None:
        """Make room for rows up to `capacity`."""
        more = capacity - len(self.cell)
        self.cell = np.concatenate((self.cell, np.zeros(more, np.uint64)))
        self._center = np.concatenate((self._center, np.zeros((more, 3))))
        self._inner2 = np.concatenate((self._inner2, np.full(more, -1.0)))

    def forget(self, row: int) -> None:
        self.cell[row], self._inner2[row] = 0, -1.0

    def move(self, row: int, p: LatLng) -> None:
        """The row is at `p` now."""
        cell = cell_of(p, LIVE_RES)
        if cell != self.cell[row]:
            self.cell[row], self._inner2[row] = cell, -1.0

    def move_many(
        self, rows: Rows, lat: NDArray[np.float64], lon: NDArray[np.float64], places: NDArray[np.float64]
    ) -> None:
        """Each row, once, is at its (lat, lon) now; `places` are the same on the unit sphere."""
        away = places - self._center[rows]
        doubtful = np.flatnonzero((away * away).sum(axis=1) >= self._inner2[rows])
        rows = rows[doubtful]
        cells = cells_of(lat[doubtful], lon[doubtful], LIVE_RES)
        moved = (cells != self.cell[rows]) | (self._inner2[rows] < 0)
        rows, cells = rows[moved], cells[moved]
        self.cell[rows] = cells
        self._center[rows], self._inner2[rows] = _inner_circles(cells)


def _inner_circles(cells: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centers on the unit sphere, and the squared chord around each that is sure to lie in its cell."""
    places = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()]).reshape(-1, 2)
    centers = on_sphere(places[:, 0], places[:, 1])
    shrunk = (centers @ _FACES.T).max(axis=1, initial=0.0) ** 2
    return centers, (_SAFELY * shrunk * _APART / 2) ** 2
