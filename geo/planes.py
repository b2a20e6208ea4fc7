"""A city laid flat: meters east and north of an origin, where planar geometry may be used.

Equirectangular: x = R cos(lat0) dlon, y = R dlat. Within 50 km of the origin at Europe's latitudes a length
is off by less than 1 %; not for shapes that cross the antimeridian or hold a pole.
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
        x = (np.asarray(lon, np.float64) - self.origin.lon) * self._m_per_lon
        y = (np.asarray(lat, np.float64) - self.origin.lat) * _M_PER_DEGREE
        return np.column_stack((x, y))

    def to_lat_lon(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The degrees of (n, 2) meters."""
        return self.origin.lat + xy[:, 1] / _M_PER_DEGREE, self.origin.lon + xy[:, 0] / self._m_per_lon

    def points(self, xy: NDArray[np.float64]) -> list[LatLng]:
        lat, lon = self.to_lat_lon(xy)
        return [LatLng(a, b) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]

    @property
    def _m_per_lon(self) -> float:
        return _M_PER_DEGREE * max(1e-6, cos(radians(self.origin.lat)))  # a pole must not divide by zero
