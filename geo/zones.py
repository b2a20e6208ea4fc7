"""Zones of a market: where it serves, where nobody is picked up, where drivers queue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import MultiPolygon, Point, Polygon, mapping, shape
from shapely.ops import nearest_points

from geo.planes import Plane
from geo.points import LatLng, crow_m

INSIDE_BY_M = 1.0  # a suggested place lies this far inside: rounded to five decimals it still does


class ZoneKind(StrEnum):
    SERVICE_AREA = "service_area"
    NO_PICKUP = "no_pickup"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Zone:
    """A named shape in degrees, edge included. ValueError on an unknown kind or a shape without area."""

    slug: str
    kind: ZoneKind
    polygon: Polygon | MultiPolygon

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", ZoneKind(self.kind))
        if (
            not isinstance(self.polygon, Polygon | MultiPolygon)
            or self.polygon.is_empty
            or not self.polygon.is_valid
        ):
            raise ValueError(f"zone {self.slug}: not a valid polygon")
        west, south, east, north = self.polygon.bounds
        LatLng(south, west), LatLng(north, east)
        shapely.prepare(self.polygon)

    def contains(self, p: LatLng) -> bool:
        return bool(shapely.intersects_xy(self.polygon, p.lon, p.lat))

    def contains_many(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.bool_]:
        return np.asarray(shapely.intersects_xy(self.polygon, lon, lat), np.bool_)

    def away_m(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
        """Straight meters from each place to the zone; 0 for those in it."""
        plane = Plane(self._middle())
        flat = shapely.transform(self.polygon, lambda lon_lat: plane.to_xy(lon_lat[:, 1], lon_lat[:, 0]))
        away = np.asarray(shapely.distance(flat, shapely.points(plane.to_xy(lat, lon))), np.float64)
        return np.where(self.contains_many(lat, lon), 0.0, away)

    def nearest_inside(self, p: LatLng) -> LatLng:
        """`p` itself if inside, else the nearest place at least `INSIDE_BY_M` from the edge."""
        if self.contains(p):
            return p
        plane = Plane(self._middle())
        flat = shapely.transform(self.polygon, lambda lon_lat: plane.to_xy(lon_lat[:, 1], lon_lat[:, 0]))
        shrunk = flat.buffer(-INSIDE_BY_M)
        goal = flat.representative_point() if shrunk.is_empty else shrunk
        ((x, y),) = plane.to_xy(p.lat, p.lon)
        return plane.points(np.asarray(nearest_points(goal, Point(x, y))[0].coords))[0]

    def _middle(self) -> LatLng:
        west, south, east, north = self.polygon.bounds
        return LatLng((south + north) / 2, (west + east) / 2)

    @staticmethod
    def from_geojson(feature: Mapping[str, Any]) -> "Zone":
        """A GeoJSON Feature with `slug` and `kind` among its properties. ValueError on anything else."""
        try:
            properties = feature["properties"]
            return Zone(str(properties["slug"]), ZoneKind(properties["kind"]), shape(feature["geometry"]))
        except (KeyError, TypeError, AttributeError, IndexError, shapely.errors.ShapelyError) as wrong:
            raise ValueError(f"not a zone: {wrong!r}") from wrong

    def to_geojson(self) -> dict[str, Any]:
        return {
            "type": "Feature",
            "properties": {"slug": self.slug, "kind": self.kind.value},
            "geometry": mapping(self.polygon),
        }


class Zones(list[Zone]):
    """A market's zones. Where several hold a place the first by slug answers."""

    def __init__(self, zones: Iterable[Zone] = ()) -> None:
        super().__init__(sorted(zones, key=lambda zone: zone.slug))

    def service_area_contains(self, p: LatLng) -> bool:
        """False as well in a market without a service area: it serves nowhere."""
        return self._first(ZoneKind.SERVICE_AREA, p) is not None

    def nearest_inside(self, p: LatLng) -> LatLng:
        """The nearest place served. LookupError in a market that serves nowhere."""
        areas = [zone.nearest_inside(p) for zone in self if zone.kind is ZoneKind.SERVICE_AREA]
        if not areas:
            raise LookupError("the market has no service area")
        return min(areas, key=lambda inside: crow_m(p, inside))

    def restricted(self, p: LatLng) -> Zone | None:
        """The zone that forbids a pickup at `p`."""
        return self._first(ZoneKind.NO_PICKUP, p)

    def queue_of(self, p: LatLng) -> Zone | None:
        """The queue a driver at `p` stands in."""
        return self._first(ZoneKind.QUEUE, p)

    def _first(self, kind: ZoneKind, p: LatLng) -> Zone | None:
        return next((zone for zone in self if zone.kind is kind and zone.contains(p)), None)


def area_around(lat: ArrayLike, lon: ArrayLike, *, reach_m: float = 300.0) -> Polygon:
    """One polygon without holes: what is within about `reach_m` of the places, its largest piece.

    ValueError without places.
    """
    lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    if not len(lats):
        raise ValueError("no places to draw an area around")
    plane = Plane(LatLng(float(lats.mean()), float(lons.mean())))
    grid = reach_m / 8  # of many places close together one will do
    thinned = np.unique(np.rint(plane.to_xy(lats, lons) / grid), axis=0) * grid
    blobs = shapely.union_all(shapely.buffer(shapely.points(thinned), reach_m, quad_segs=4))
    eased = blobs.buffer(reach_m, quad_segs=4).buffer(-reach_m, quad_segs=4)  # closes gaps and notches
    pieces = shapely.get_parts(eased)
    largest = pieces[int(np.argmax(shapely.area(pieces)))]
    outline = Polygon(largest.exterior).simplify(reach_m / 20)
    return Polygon([(p.lon, p.lat) for p in plane.points(np.asarray(outline.exterior.coords))])
