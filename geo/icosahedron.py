"""How H3 lies on the globe: its twenty faces, and how each counts directions, learnt from H3's own answers.

H3 turns the digits of a cell by how its coarsest cell lies on the face (h3lib, baseCells.c). A hexagon is turned as a
whole; a pentagon lacks a direction, so that each of its sectors is turned for itself. Some thousand questions
are asked, when this module is imported (with numba: a large crowd's).
"""

from itertools import combinations
from math import asin, atan2, cos, degrees, sin, sqrt

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

from geo import hexagons
from geo.cells import LIVE_RES, cells_of
from geo.points import on_sphere

# Between the centers of neighbours of resolution 0 on a face's plane, the globe's radius being 1 (h3lib,
# constants.h: RES0_U_GNOMONIC).
_APART = 0.38196601125010500003
_PER_RADIUS = sqrt(7.0) ** LIVE_RES / _APART  # cells
_ALONG = 50  # points along a face's edge, of which to learn: few enough slivers of the globe are missed


def cells_of_places(
    places: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.uint64]:
    """`cells_of` (lat, lon) at `LIVE_RES`, some ten times as fast; `places` are the same on the unit sphere."""
    cells = hexagons.cells_of_places(places, LIVE_RES, _FACES, _TURNS)
    unsure = np.flatnonzero(cells == hexagons.ASK)
    cells[unsure] = cells_of(lat[unsure], lon[unsure])
    return cells.view(np.uint64)


def _icosahedron() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each face its corners (20, 3, 3), which are pentagons' centers; and its middle and the axes of its hexagons
    of `LIVE_RES`, as long as there are cells on a radius of the globe (20, 3, 3)."""
    centers = np.array([h3.cell_to_latlng(cell) for cell in h3.get_pentagons(0)])
    points = on_sphere(centers[:, 0], centers[:, 1])
    near = points @ points.T > 0.4  # neighbours are at 0.447, the others at -0.447
    of = [c for c in combinations(range(12), 3) if all(near[a, b] for a, b in combinations(c, 2))]
    turn = LIVE_RES % 2 * asin(sqrt(3 / 28))
    axes = []
    for corners in points[of]:
        middle = corners.sum(axis=0) / np.linalg.norm(corners.sum(axis=0))
        ahead = corners[0] - (corners[0] @ middle) * middle
        ahead /= np.linalg.norm(ahead)
        east = cos(turn) * ahead + sin(turn) * np.cross(middle, ahead)
        axes.append((middle, _PER_RADIUS * east, _PER_RADIUS * np.cross(middle, east)))
    return points[of], np.array(axes)


def _learnt() -> NDArray[np.int64]:
    """By face, coarsest cell on it and first digit (20, 5, 5, 7): that cell's number in H3, times eight, and how often
    its digits are turned left; `ASK` for what none of the points lies in."""
    places = _all_over()
    told = hexagons.steps(places, LIVE_RES, _FACES)
    _, one_of_each = np.unique(told[:, :4], axis=0, return_index=True)
    turns = np.full((len(_FACES), 5, 5, 7), hexagons.ASK, np.int64)
    pentagons = {h3.get_base_cell_number(cell) for cell in h3.get_pentagons(0)}
    at = 3 * np.arange(15 - LIVE_RES, 15)
    for n in one_of_each.tolist():
        (x, y, z), (face, a, b, first, digits) = places[n].tolist(), told[n].tolist()
        if not first:
            continue
        cell = h3.latlng_to_cell(degrees(asin(z)), degrees(atan2(y, x)), LIVE_RES)
        turned = hexagons.TURNED[:, digits >> at & 7] == cell >> at & 7
        base = h3.get_base_cell_number(cell)
        known = first if base in pentagons else slice(1, None)
        turns[face, a, b, known] = 8 * base + int(np.argmax(turned.all(axis=1)))
    return turns


def _all_over() -> NDArray[np.float64]:
    """Points strictly within each face, at even distances."""
    shares = [(a, b, _ALONG - a - b) for a in range(1, _ALONG) for b in range(1, _ALONG - a)]
    points = np.concatenate([np.array(shares) @ corners for corners in _CORNERS])
    return np.asarray(points / np.linalg.norm(points, axis=1)[:, np.newaxis], np.float64)


_CORNERS, _FACES = _icosahedron()
_TURNS = _learnt()
