import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geo.points import LatLng, crow_m
from geo.zones import Zone, ZoneKind, Zones, area_around

TOWN = Zone("town", ZoneKind.SERVICE_AREA, box(7.40, 43.72, 7.44, 43.75))
HILL = Zone("hill", ZoneKind.SERVICE_AREA, box(7.46, 43.74, 7.47, 43.75))
SQUARE = Zone("square", ZoneKind.NO_PICKUP, box(7.420, 43.730, 7.422, 43.732))
STATION = Zone("station", ZoneKind.QUEUE, box(7.419, 43.738, 7.421, 43.740))
MONACO = Zones([TOWN, HILL, SQUARE, STATION])
around_town = st.builds(LatLng, st.floats(43.6, 43.9), st.floats(7.2, 7.7))


def test_a_zone_holds_its_inside_and_its_edge():
    assert TOWN.contains(LatLng(43.73, 7.42))
    assert TOWN.contains(LatLng(43.72, 7.40))
    assert not TOWN.contains(LatLng(43.71, 7.42))
    assert not TOWN.contains(LatLng(7.42, 43.73)), "swapped latitude and longitude is elsewhere"
    assert TOWN.contains_many([43.73, 43.71], [7.42, 7.42]).tolist() == [True, False]


@given(around_town)
def test_the_nearest_place_served_is_served_and_none_is_much_nearer(p):
    inside = MONACO.nearest_inside(p)
    assert MONACO.service_area_contains(inside)
    edge = min(crow_m(p, LatLng(lat, lon)) for lat, lon in EDGE)
    if MONACO.service_area_contains(p):
        assert inside == p
    else:
        assert crow_m(p, inside) <= edge * 1.005 + 5


@given(around_town)
def test_a_place_is_as_far_from_a_zone_as_from_its_edge_and_inside_not_at_all(p):
    (away,) = HILL.away_m([p.lat], [p.lon])
    if HILL.contains(p):
        assert away == 0.0
    else:
        edge = min(crow_m(p, LatLng(y, x)) for x, y in HILL.polygon.exterior.segmentize(0.0002).coords)
        assert away == pytest.approx(edge, rel=0.01, abs=12)


EDGE = [(y, x) for zone in (TOWN, HILL) for x, y in zone.polygon.exterior.segmentize(0.001).coords]


def test_a_place_inside_is_its_own_nearest():
    assert TOWN.nearest_inside(LatLng(43.73, 7.42)) == LatLng(43.73, 7.42)


def test_a_place_far_away_finds_its_way_in():
    assert MONACO.service_area_contains(MONACO.nearest_inside(LatLng(-33.9, 151.2)))


def test_a_zone_too_narrow_to_stand_off_its_edge_still_answers():
    sliver = Zone("pier", ZoneKind.SERVICE_AREA, box(7.42, 43.73, 7.42 + 1e-6, 43.74))
    assert sliver.contains(sliver.nearest_inside(LatLng(43.70, 7.40)))


def test_each_kind_of_zone_answers_its_own_question():
    assert MONACO.restricted(LatLng(43.731, 7.421)) is SQUARE
    assert MONACO.restricted(LatLng(43.739, 7.420)) is None
    assert MONACO.queue_of(LatLng(43.739, 7.420)) is STATION
    assert MONACO.queue_of(LatLng(43.731, 7.421)) is None


def test_a_market_without_a_service_area_serves_nowhere():
    assert not Zones().service_area_contains(LatLng(0, 0))
    with pytest.raises(LookupError, match="no service area"):
        Zones([SQUARE]).nearest_inside(LatLng(0, 0))


@pytest.mark.parametrize(
    "zone", [TOWN, Zone("two", ZoneKind.QUEUE, MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)]))]
)
def test_a_zone_survives_geojson(zone):
    assert Zone.from_geojson(json.loads(json.dumps(zone.to_geojson()))) == zone


@pytest.mark.parametrize(
    "feature",
    [
        {},
        {"properties": None, "geometry": None},
        {"properties": {"slug": "a", "kind": "moat"}, "geometry": TOWN.to_geojson()["geometry"]},
        {"properties": {"slug": "a", "kind": "queue"}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
        {
            "properties": {"slug": "a", "kind": "queue"},
            "geometry": {"type": "Polygon", "coordinates": [[1, 2]]},
        },
        {"properties": {"slug": "a", "kind": "queue"}, "geometry": {"type": "Blob"}},
    ],
)
def test_rubbish_is_no_zone(feature):
    with pytest.raises(ValueError, match=r"zone|moat"):
        Zone.from_geojson(feature)


@pytest.mark.parametrize(
    "shape",
    [Polygon(), LineString([(0, 0), (1, 1)]), Polygon([(0, 0), (1, 1), (0, 1), (1, 0)]), box(0, 0, 1, 91)],
)
def test_a_shape_without_area_or_off_the_globe_is_no_zone(shape):
    with pytest.raises(ValueError, match=r"not a valid polygon|outside"):
        Zone("bad", ZoneKind.QUEUE, shape)


def test_an_area_around_places_holds_them_and_bridges_small_gaps():
    lat, lon = np.array([43.73, 43.73, 43.735]), np.array([7.42, 7.425, 7.42])
    area = area_around(lat, lon, reach_m=300)
    assert all(area.contains(Point(x, y)) for x, y in zip(lon, lat, strict=True))
    assert not area.interiors
    degrees = math.degrees(300 / 6_371_008)
    assert area.bounds[1] == pytest.approx(43.73 - degrees, rel=1e-5)


def test_an_area_around_nothing_is_refused():
    with pytest.raises(ValueError, match="no places"):
        area_around([], [])
