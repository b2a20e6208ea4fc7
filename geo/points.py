"""Points on the globe and the straight lines between them."""

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, inf, pi, radians, sin, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.units import Meters

EARTH_RADIUS_M = 6_371_008.8  # the IUGG mean radius R1 of the WGS84 ellipsoid
HALF_WAY_ROUND_M = pi * EARTH_RADIUS_M  # no two points are farther apart


@dataclass(frozen=True, slots=True)
class LatLng:
    """A checked place in degrees, WGS84. ValueError outside the globe, NaN included; never clamped."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not -90.0 <= self.lat <= 90.0:
            raise ValueError(f"latitude {self.lat:g} is outside [-90, 90]")
        if not -180.0 <= self.lon <= 180.0:
            raise ValueError(f"longitude {self.lon:g} is outside [-180, 180]")


def crow_m(a: LatLng, b: LatLng) -> Meters:
    """Great-circle meters from `a` to `b` (haversine: at most 0.6 % from the ellipsoid)."""
    lat_a, lat_b = radians(a.lat), radians(b.lat)
    half_lat, half_lon = (lat_b - lat_a) / 2, radians(b.lon - a.lon) / 2
    h = sin(half_lat) ** 2 + cos(lat_a) * cos(lat_b) * sin(half_lon) ** 2
    return Meters(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(h))))


def crow_many_m(lat: ArrayLike, lon: ArrayLike, point: LatLng) -> NDArray[np.float64]:
    """Great-circle meters from each (lat, lon) in degrees to `point`; the shape of `lat`."""
    return crow_pairs_m(lat, lon, point.lat, point.lon)


def crow_pairs_m(
    lat_a: ArrayLike, lon_a: ArrayLike, lat_b: ArrayLike, lon_b: ArrayLike
) -> NDArray[np.float64]:
    """Great-circle meters from each `a` to its `b`, all in degrees; shapes broadcast."""
    from_lat, to_lat = np.radians(np.asarray(lat_a, np.float64)), np.radians(np.asarray(lat_b, np.float64))
    half_lon = np.radians(np.asarray(lon_b, np.float64) - np.asarray(lon_a, np.float64)) / 2
    h = np.sin((to_lat - from_lat) / 2) ** 2 + np.cos(from_lat) * np.cos(to_lat) * np.sin(half_lon) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(h))), np.float64)


def bearing_deg(a: LatLng, b: LatLng) -> float:
    """The bearing at `a` towards `b`: degrees clockwise from north in [0, 360); 0 if they coincide."""
    lat_a, lat_b, turn = radians(a.lat), radians(b.lat), radians(b.lon - a.lon)
    east = sin(turn) * cos(lat_b)
    north = cos(lat_a) * sin(lat_b) - sin(lat_a) * cos(lat_b) * cos(turn)
    return degrees(atan2(east, north)) % 360.0 % 360.0  # twice: -1e-20 % 360 is 360.0


def moved(p: LatLng, bearing_deg: float, meters: float) -> LatLng:
    """The place `meters` away from `p` along the great circle that starts at `bearing_deg`."""
    lat, arc, course = radians(p.lat), meters / EARTH_RADIUS_M, radians(bearing_deg)
    sin_to = sin(lat) * cos(arc) + cos(lat) * sin(arc) * cos(course)
    to = asin(max(-1.0, min(1.0, sin_to)))
    turn = atan2(sin(course) * sin(arc) * cos(lat), cos(arc) - sin(lat) * sin_to)
    return LatLng(degrees(to), (p.lon + degrees(turn) + 540.0) % 360.0 - 180.0)


def on_sphere(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """(n, 3): each (lat, lon) in degrees on the unit sphere. A place gives the same bits in whatever company."""
    lats, lons = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(lon, np.float64))
    flat = np.cos(lats)
    return np.column_stack((flat * np.cos(lons), flat * np.sin(lons), np.sin(lats)))


def chord2_of(meters: float) -> float:
    """The square of the straight line through the unit globe under an arc of `meters`; inf from half-way round."""
    return inf if meters >= HALF_WAY_ROUND_M else 4 * sin(max(meters, 0.0) / EARTH_RADIUS_M / 2) ** 2


def meters_of(chord2: NDArray[np.float64]) -> NDArray[np.float64]:
    """The arc over each squared chord; within a micrometer of `crow_m` up to 10,000 km. inf stays inf."""
    half = np.sqrt(chord2) / 2
    arcs = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(half, 1.0))
    return np.where(np.isfinite(chord2), arcs, inf)
