"""H3 cells: an `int` inside the house, a hexadecimal string at its edges.

Sizes (https://h3geo.org/docs/core-library/restable): an average hexagon of resolution 9 has edges of 201 m
and covers 0.105 km2, one of resolution 8 has edges of 531 m and covers 0.737 km2.
"""

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.points import LatLng

LIVE_RES = 9  # subjects, zones and counts of the live map


def cell_of(p: LatLng, res: int = LIVE_RES) -> int:
    """The cell of resolution `res` (0..15) that holds `p`."""
    return int(h3.latlng_to_cell(p.lat, p.lon, res))


def cells_of(lat: ArrayLike, lon: ArrayLike, res: int = LIVE_RES) -> NDArray[np.uint64]:
    """The cell of each (lat, lon) in degrees; about 1.5 million cells a second."""
    lats = np.asarray(lat, np.float64).tolist()
    lons = np.asarray(lon, np.float64).tolist()
    return np.array([h3.latlng_to_cell(a, b, res) for a, b in zip(lats, lons, strict=True)], np.uint64)


def to_hex(cell: int) -> str:
    return str(h3.int_to_str(cell))


def from_hex(s: str) -> int:
    """The cell that `s` spells. ValueError on anything `to_hex` would not have written."""
    try:
        cell = int(s, 16)
    except ValueError:
        cell = 0
    if not 0 < cell < 2**64 or not h3.is_valid_cell(cell) or to_hex(cell) != s:
        raise ValueError(f"{s[:40]!r} is not an H3 cell")
    return cell


def center(cell: int) -> LatLng:
    lat, lon = h3.cell_to_latlng(cell)
    return LatLng(lat, lon)


def disk(cell: int, k: int) -> list[int]:
    """`cell` and every cell at most `k` steps away, in ascending order."""
    return sorted(h3.grid_disk(cell, k))


def boundary(cell: int) -> list[LatLng]:
    """The corners, counter-clockwise, not closed."""
    return [LatLng(lat, lon) for lat, lon in h3.cell_to_boundary(cell)]


def parent(cell: int, res: int) -> int:
    """The cell of the coarser resolution `res` above `cell`; `cell` itself at its own resolution."""
    return int(h3.cell_to_parent(cell, res))


def parents(cells: NDArray[np.uint64], res: int) -> NDArray[np.uint64]:
    """The parent of each cell at `res`, at most as fine as the cells: two bit masks instead of a call each.

    Layout (https://h3geo.org/docs/core-library/h3Indexing): the resolution in bits 52-55, then fifteen digits
    of three bits, coarsest first; digits finer than the resolution are all ones.
    """
    finer_digits = np.uint64((1 << 3 * (15 - res)) - 1)
    resolution = np.uint64(0xF << 52)
    return (cells & ~resolution) | np.uint64(res << 52) | finer_digits
