"""The grid of a large crowd: builds its blocks, keeps their arrays large enough, and calls the compiled loops."""

import numpy as np
from numpy.typing import NDArray

from geo import kernels
from geo.blocks import BITS, FRESH, Blocks
from geo.points import EARTH_RADIUS_M

Rows = NDArray[np.int64]

# Rows that share the cell of the average row: of 5, 10 and 20 the last asked fastest (France, 100,000 interleaved).
_SHARED = 20.0
_WIDEST_M, _NARROWEST_M = 16_384.0, 64.0  # of a cell; widths are halved between them
_SLOTS_A_ROW = 4  # a block is up to half empty, and as much again may wait to be used
_SLOTS_SPARE = 1_024


class Grid:
    """Rows with their place, tags and id, as `geo.blocks.Blocks` says; built over all of them, then kept."""

    def __init__(self, places: NDArray[np.float64], tags: Rows, ids: NDArray[np.uint64]) -> None:
        """`places`: NaN where a row has none."""
        rows = np.flatnonzero(~np.isnan(places[:, 0]))
        self.built_for = len(rows)
        side = max(BITS, 1 << (4 * len(rows) - 1).bit_length() // 2 + 1)
        frame = _frame(places[rows, :3])
        flat = places[rows, :3] @ frame.T
        width = _WIDEST_M
        while width > _NARROWEST_M and _shared(flat, width, side) > _SHARED:
            width /= 2
        slots = _SLOTS_A_ROW * len(rows) + _SLOTS_SPARE
        free = np.zeros(FRESH + 1, np.int64)
        free[FRESH] = 1
        self._blocks = Blocks(
            places=np.zeros((slots, 4)),
            tags=np.zeros((slots, 2), np.int64),
            blocks=np.zeros((side * side, 3), np.int32),
            occupied=np.zeros((side, side // BITS), np.int64),
            slot_of=np.full(len(places), -1, np.int64),
            ids=ids,
            free=free,
            frame=frame,
            side=side,
            per_unit=EARTH_RADIUS_M / width,
        )
        in_order = rows[
            np.argsort(_keys(flat, width, side), kind="stable")
        ]  # neighbours in neighbouring memory
        self.put(in_order, places[in_order, :3], places[in_order, 3], places, tags)

    def grow(self, ids: NDArray[np.uint64]) -> None:
        """Make room for as many rows as there are ids."""
        more = np.full(len(ids) - len(self._blocks.slot_of), -1, np.int64)
        self._blocks = self._blocks._replace(ids=ids, slot_of=np.concatenate((self._blocks.slot_of, more)))

    def put(
        self,
        rows: Rows,
        places: NDArray[np.float64],
        at: NDArray[np.float64],
        known: NDArray[np.float64],
        tags: Rows,
    ) -> tuple[int, bool]:
        """Put or move each row, in `known` too, with its tags of all `tags`: how many had no place before, and False
        when the blocks are used up and the grid must be built anew."""
        newcomers, fits = kernels.put_many(self._blocks, rows, places, at, known, tags)
        return int(newcomers), bool(fits)

    def remove(self, rows: Rows) -> None:
        kernels.remove_many(self._blocks, rows)

    def tag(self, row: int, tag: Rows) -> None:
        """New tags for a row, wherever it is."""
        slot = self._blocks.slot_of[row]
        if slot >= 0:
            self._blocks.tags[slot] = tag

    def nearest(
        self, points: NDArray[np.float64], k: int, reach2: float, since: float, services: int, available: bool
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Rows and squared chords (n, k), -1 and inf where there are no more."""
        rows = np.full((len(points), k), -1, np.int64)
        chord2 = np.full((len(points), k), np.inf)
        kernels.search(self._blocks, points, reach2, since, services, available, rows, chord2)
        return rows, chord2


def _frame(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """East and north on the plane that touches the globe in the crowd's middle."""
    middle = places.sum(axis=0)
    aside = np.eye(3)[np.argmin(np.abs(middle))]
    east = np.cross(aside, middle + 1e-9)  # never nothing, not for a crowd all round the globe either
    east /= np.linalg.norm(east)
    north = np.cross(middle + 1e-9, east)
    return np.array([east, north / np.linalg.norm(north)])


def _keys(flat: NDArray[np.float64], width_m: float, side: int) -> Rows:
    cells = np.floor(flat * (EARTH_RADIUS_M / width_m)).astype(np.int64) & (side - 1)
    return np.asarray(cells[:, 1] * side + cells[:, 0], np.int64)


def _shared(flat: NDArray[np.float64], width_m: float, side: int) -> float:
    """How many share a row's cell, itself included, over the average row."""
    held = np.bincount(_keys(flat, width_m, side))
    return float((held.astype(np.float64) ** 2).sum() / len(flat))
