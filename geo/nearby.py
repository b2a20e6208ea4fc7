"""The nearest rows of a moving crowd, exactly: all of a small crowd are measured, a large one lies in a grid.

Both measure the same squared chord with the same operations and break ties by id: they answer the same, bit by
bit. numba is imported, and compiles or loads its loops, when a crowd first outgrows the scan.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from geo.grid import Grid

Rows = NDArray[np.int64]

GRID_FROM = (
    4_096  # rows with a place: up to here a scan (60 us) is as good, and a town starts without a compiler
)
_MOST_IN_GRID = 256  # neighbours: the grid keeps them by insertion, which for more costs as much as a scan


class Search(NamedTuple):
    """What to look for around a point."""

    k: int
    reach2: float  # squared chord on the unit globe, still within
    since: float  # unix s: older fixes are not found
    services: int  # any of these bits; -1: all rows
    only_available: bool


class Crowd:
    """Rows with a place each on the unit sphere. Rows without a place are never found."""

    def __init__(self) -> None:
        self._places = np.empty((0, 4))  # x, y, z, and unix s of the fix; NaN without one
        self._tags = np.empty((0, 2), np.int64)  # services; 2 * row + (1 if available)
        self._ids = np.empty((0, 2), np.uint64)
        self._placed = 0
        self._grid: Grid | None = None

    def grow(self, ids: NDArray[np.uint64]) -> None:
        """Make room for as many rows as there are ids, high and low half: ties go by them. They are not copied."""
        old, capacity = len(self._places), len(ids)
        tags = np.column_stack((np.zeros(capacity - old, np.int64), 2 * np.arange(old, capacity)))
        self._places = np.concatenate((self._places, np.full((capacity - old, 4), np.nan)))
        self._tags = np.concatenate((self._tags, tags))
        self._ids = ids
        if self._grid is not None:
            self._grid.grow(ids)

    def offer(self, row: int, services: int, available: bool) -> None:
        """What a search may ask of the row."""
        self._tags[row] = services, 2 * row + available
        if self._grid is not None:
            self._grid.tag(row, self._tags[row])

    def put(self, rows: Rows, places: NDArray[np.float64], at: NDArray[np.float64]) -> None:
        """Each row, once, is at its place (n, 3) since its fix's moment."""
        if self._grid is not None:
            newcomers, fits = self._grid.put(rows, places, at, self._places, self._tags)
            self._placed += newcomers
            if not fits or self._placed > 2 * self._grid.built_for:
                self._build()
            return
        self._placed += int(np.count_nonzero(np.isnan(self._places[rows, 0])))
        self._places[rows, :3], self._places[rows, 3] = places, at
        if self._placed > GRID_FROM:
            self._build()

    def remove(self, rows: Rows) -> None:
        """Each row, once, has no place any more."""
        self._placed -= int(np.count_nonzero(~np.isnan(self._places[rows, 0])))
        self._places[rows] = np.nan
        if self._grid is not None:
            self._grid.remove(rows)

    def nearest(self, points: NDArray[np.float64], search: Search) -> tuple[Rows, NDArray[np.float64]]:
        """Rows and squared chords (n, k) of the nearest to each of the points (n, 3); -1 and inf: no more."""
        if self._grid is not None and search.k <= _MOST_IN_GRID:
            return self._grid.nearest(points, *search)
        rows = np.full((len(points), search.k), -1, np.int64)
        chord2 = np.full((len(points), search.k), np.inf)
        findable = self._findable(search)
        for n, point in enumerate(points):
            found, away2 = self._scan(point, findable, search)
            rows[n, : len(found)], chord2[n, : len(found)] = found, away2
        return rows, chord2

    def _findable(self, search: Search) -> Rows:
        wanted = self._places[:, 3] >= search.since  # NaN is not
        if search.only_available:
            wanted &= (self._tags[:, 1] & 1) != 0
        if search.services != -1:
            wanted &= (self._tags[:, 0] & search.services) != 0
        return np.flatnonzero(wanted)

    def _scan(
        self, point: NDArray[np.float64], findable: Rows, search: Search
    ) -> tuple[Rows, NDArray[np.float64]]:
        x, y, z = (self._places[findable, :3] - point).T
        away2 = x * x + y * y + z * z
        near = np.flatnonzero(away2 <= search.reach2)
        if len(near) > search.k:
            kth = np.partition(away2[near], search.k - 1)[search.k - 1]
            near = near[away2[near] <= kth]
        rows, away2 = findable[near], away2[near]
        order = np.lexsort((self._ids[rows, 1], self._ids[rows, 0], away2))[: search.k]
        return rows[order], away2[order]

    def _build(self) -> None:
        from geo.grid import Grid  # noqa: PLC0415  half a second of numba that a small town never pays

        self._grid = Grid(self._places, self._tags, self._ids)


def prepare_grid() -> None:
    """Compile the grid's loops, or load them compiled: ten seconds once per installation, half a second a process.

    Whoever expects a crowd of more than `GRID_FROM` calls it before; otherwise its growth pays.
    """
    crowd = Crowd()
    crowd.grow(np.zeros((2, 2), np.uint64))
    crowd.put(np.array([0, 1]), np.eye(3)[:2], np.zeros(2))
    crowd._build()  # noqa: SLF001  a crowd too small to want one
    crowd.nearest(np.eye(3)[:1], Search(1, np.inf, 0.0, -1, only_available=False))
    crowd.remove(np.array([0]))
