"""Lines of points: how they travel (encoded), how long they are, where one is along them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from shapely.geometry import LineString

from geo.planes import Plane
from geo.points import LatLng, bearing_deg, crow_m
from geo.units import Meters

# Google's encoded polyline algorithm format, precision 5 (about 1 m) or 6 (OSRM's and Valhalla's polyline6).
# https://developers.google.com/maps/documentation/utilities/polylinealgorithm
_CHUNK, _MORE, _BASE = 5, 0x20, 63


def encode(points: Sequence[LatLng], precision: int = 5) -> str:
    scale, out = 10**precision, list[str]()
    last_lat = last_lon = 0
    for p in points:
        lat, lon = round(p.lat * scale), round(p.lon * scale)
        out.append(_signed(lat - last_lat))
        out.append(_signed(lon - last_lon))
        last_lat, last_lon = lat, lon
    return "".join(out)


def decode(text: str, precision: int = 5) -> list[LatLng]:
    """The points `text` spells. ValueError on a foreign character, a cut text, a place off the globe."""
    scale, numbers, number, shift = 10**precision, list[int](), 0, 0
    for character in text:
        chunk = ord(character) - _BASE
        if not 0 <= chunk < 2 * _MORE:
            raise ValueError(f"{character!r} does not occur in an encoded polyline")
        number |= (chunk & (_MORE - 1)) << shift
        shift += _CHUNK
        if not chunk & _MORE:
            numbers.append(~(number >> 1) if number & 1 else number >> 1)
            number = shift = 0
    if shift or len(numbers) % 2:
        raise ValueError("the encoded polyline is cut short")
    lats, lons = np.cumsum(numbers[::2], dtype=object), np.cumsum(numbers[1::2], dtype=object)
    return [LatLng(lat / scale, lon / scale) for lat, lon in zip(lats, lons, strict=True)]


def length_m(points: Sequence[LatLng]) -> Meters:
    return Meters(sum(crow_m(a, b) for a, b in pairwise(points)))


def point_along(points: Sequence[LatLng], meters: float) -> tuple[LatLng, float]:
    """Where one is after `meters` from the start, and the bearing (degrees) of the stretch one is on.

    Before the start one stands at the start, past the end at the end. ValueError without points.
    """
    if not points:
        raise ValueError("a line without points has no place on it")
    here, heading, left = points[0], 0.0, max(0.0, meters)
    for a, b in pairwise(points):
        stretch = crow_m(a, b)
        if stretch == 0.0:
            continue
        here, heading = b, bearing_deg(a, b)
        if left < stretch:
            share = left / stretch  # stretches of streets are short: a straight line in degrees will do
            return LatLng(a.lat + share * (b.lat - a.lat), a.lon + share * (b.lon - a.lon)), heading
        left -= stretch
    return here, heading


def simplify(points: Sequence[LatLng], tolerance_m: float) -> list[LatLng]:
    """Fewer of the same points, none dropped lying over `tolerance_m` off the new line (Douglas-Peucker)."""
    if len(points) < 3:
        return list(points)
    xy = Plane(points[0]).to_xy([p.lat for p in points], [p.lon for p in points])
    kept = LineString(xy).simplify(tolerance_m).coords
    rest = zip(points, xy.tolist(), strict=True)  # what is kept is a subsequence: walk both side by side
    return [next(p for p, (x, y) in rest if (x, y) == corner) for corner in kept]


def decimate(points: Sequence[LatLng], spacing_m: float) -> list[LatLng]:
    """The same line with at least `spacing_m` between kept points; both ends always stay."""
    if len(points) < 3:
        return list(points)
    kept = [points[0]]
    for p in points[1:-1]:
        if crow_m(kept[-1], p) >= spacing_m:
            kept.append(p)
    return [*kept, points[-1]]


def _signed(value: int) -> str:
    number, out = ~(value << 1) if value < 0 else value << 1, list[str]()
    while number >= _MORE:
        out.append(chr((_MORE | (number & (_MORE - 1))) + _BASE))
        number >>= _CHUNK
    out.append(chr(number + _BASE))
    return "".join(out)
