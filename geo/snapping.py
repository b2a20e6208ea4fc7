"""From a place to the nearest street: streets cut in short pieces, a KD-tree over their middles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from geo.planes import Plane
from geo.points import LatLng
from geo.streetarrays import StreetArrays

PIECE_M = 25.0  # no piece is longer: the nearest piece's middle misleads by at most half of it
_CANDIDATES = 6  # pieces measured exactly: at a crossing four meet


@dataclass(frozen=True, slots=True)
class Snap:
    """Where a place joins the streets: at `share` (0..1) of `edge`, whose nearer junction is `node`."""

    node: int
    offset_m: float  # straight meters from the place asked about
    place: LatLng
    edge: int
    share: float


@dataclass(frozen=True, slots=True)
class Snaps:
    """The same for many places: columns of one length."""

    edge: NDArray[np.int64]
    share: NDArray[np.float64]
    offset_m: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]


class Snapper:
    """Finds the nearest of the given edges, to the half piece. An edge's twin needs not be given."""

    def __init__(self, streets: StreetArrays, edges: NDArray[np.int64], plane: Plane) -> None:
        """Of one edge or more."""
        self._plane = plane
        xy, start = lines(streets, edges, plane)
        step = np.diff(xy, axis=0)
        meters = np.hypot(step[:, 0], step[:, 1])
        line = np.repeat(np.arange(len(edges)), np.diff(start))
        real = line[:-1] == line[1:]  # the others lead from one edge's end to the next edge's start
        meters[~real] = 0.0
        along = np.concatenate(([0.0], np.cumsum(meters)))  # over all edges, one after another
        cuts = np.maximum(1, np.ceil(meters[real] / PIECE_M)).astype(np.int64)
        segment = np.repeat(np.flatnonzero(real), cuts)
        first_cut = np.repeat(np.cumsum(cuts) - cuts, cuts)
        part = (np.arange(len(segment)) - first_cut) / np.repeat(cuts, cuts)
        size = 1 / np.repeat(cuts, cuts)
        self._origin = xy[segment] + part[:, None] * step[segment]
        self._step = size[:, None] * step[segment]
        edge_start, edge_end = along[start[:-1]], along[start[1:] - 1]
        whole = np.maximum(edge_end - edge_start, 1e-9)[line[segment]]
        self._edge = edges[line[segment]]
        self._share = (along[segment] + part * meters[segment] - edge_start[line[segment]]) / whole
        self._share_step = size * meters[segment] / whole
        self._length = np.cumsum(size * meters[segment])
        self._tree = cKDTree(self._origin + self._step / 2, balanced_tree=False, compact_nodes=False)

    def snap(self, lat: ArrayLike, lon: ArrayLike) -> Snaps:
        """The nearest street of each place (degrees), however far."""
        asked = self._plane.to_xy(lat, lon)
        nearest = self._tree.query(asked, np.arange(1, min(_CANDIDATES, len(self._edge)) + 1))[1]
        pieces = np.asarray(nearest, np.int64)
        origin, step = self._origin[pieces], self._step[pieces]
        length2 = np.maximum((step**2).sum(axis=2), 1e-12)
        part = np.clip(((asked[:, None] - origin) * step).sum(axis=2) / length2, 0.0, 1.0)
        foot = origin + part[..., None] * step
        off = np.hypot(asked[:, None, 0] - foot[..., 0], asked[:, None, 1] - foot[..., 1])
        best = off.argmin(axis=1)
        row = np.arange(len(asked))
        return self._snaps(pieces[row, best], part[row, best], off[row, best])

    def anywhere(self, rng: np.random.Generator, count: int) -> Snaps:
        """Places on the streets, each meter of them as likely as any other."""
        drawn = np.searchsorted(self._length, rng.random(count) * self._length[-1], side="right")
        pieces = np.minimum(drawn, len(self._length) - 1)
        return self._snaps(pieces, rng.random(count), np.zeros(count))

    def _snaps(self, pieces: NDArray[np.int64], part: NDArray[np.float64], off: NDArray[np.float64]) -> Snaps:
        lat, lon = self._plane.to_lat_lon(self._origin[pieces] + part[:, None] * self._step[pieces])
        share = np.clip(self._share[pieces] + part * self._share_step[pieces], 0.0, 1.0)
        return Snaps(self._edge[pieces], share, off, lat, lon)


def lines(
    streets: StreetArrays, edges: NDArray[np.int64], plane: Plane
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The corners (meters on the plane) of the edges' lines, junctions included, and where each line starts.

    Line `i` is `xy[start[i] : start[i + 1]]`, at least two corners.
    """
    inner = np.diff(streets.edge_geom_start)[edges].astype(np.int64)
    start = np.concatenate(([0], np.cumsum(inner + 2)))
    first, last = start[:-1], start[1:] - 1
    inside = np.ones(start[-1], np.bool_)
    inside[first] = inside[last] = False
    skipped = streets.edge_geom_start[edges] - np.cumsum(inner) + inner
    from_shape = np.repeat(skipped, inner) + np.arange(inner.sum())
    lat, lon = np.empty(start[-1]), np.empty(start[-1])
    for column, nodes, shape in (
        (lat, streets.node_lat, streets.geom_lat),
        (lon, streets.node_lon, streets.geom_lon),
    ):
        column[first], column[last] = nodes[streets.edge_from[edges]], nodes[streets.edge_to[edges]]
        column[inside] = shape[from_shape]
    return plane.to_xy(lat, lon), start
