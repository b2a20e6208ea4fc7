"""A city laid flat: meters east and north of an origin, where planar geometry may be used.

Equirectangular: x = R cos(lat0) dlon, y = R dlat. Within 50 km of the origin at Europe's latitudes a length
is off by less than 1 %, across the antimeridian too; not for shapes that hold a pole.
"""

from dataclasses import dataclass
from math import cos, radians

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.points import EARTH_RADIUS_M, LatLng

_M_PER_DEGREE = radians(1.0) * EARTH_RADIUS_M


@dataclass(frozen=True, slots=True)
class Plane:
    origin: LatLng

    def to_xy(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
        """(n, 2) meters east and north of the origin."""
        x = _turned(np.asarray(lon, np.float64) - self.origin.lon) * self._m_per_lon
        y = (np.asarray(lat, np.float64) - self.origin.lat) * _M_PER_DEGREE
        return np.column_stack((x, y))

    def to_lat_lon(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The degrees of (n, 2) meters."""
        lon = _turned(self.origin.lon + xy[:, 0] / self._m_per_lon)
        return self.origin.lat + xy[:, 1] / _M_PER_DEGREE, lon

    def points(self, xy: NDArray[np.float64]) -> list[LatLng]:
        lat, lon = self.to_lat_lon(xy)
        return [LatLng(a, b) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]

    @property
    def _m_per_lon(self) -> float:
        return _M_PER_DEGREE * max(1e-6, cos(radians(self.origin.lat)))  # a pole must not divide by zero


def _turned(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees from -180 to 180: the short way round, and the same bits where it is that already."""
    return np.where(np.abs(lon) > 180.0, lon - np.copysign(360.0, lon), lon)
