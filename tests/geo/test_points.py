import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.points import EARTH_RADIUS_M, HALF_WAY_ROUND_M, LatLng, bearing_deg, crow_m, crow_many_m, moved

lats = st.floats(-90, 90)
lons = st.floats(-180, 180)
places = st.builds(LatLng, lats, lons)


@pytest.mark.parametrize(
    ("lat", "lon", "said"),
    [
        (95, 0, "latitude 95 is outside [-90, 90]"),
        (-90.5, 0, "latitude -90.5 is outside [-90, 90]"),
        (math.nan, 0, "latitude nan is outside [-90, 90]"),
        (0, 180.01, "longitude 180.01 is outside [-180, 180]"),
        (0, math.inf, "longitude inf is outside [-180, 180]"),
        (0, math.nan, "longitude nan is outside [-180, 180]"),
    ],
)
def test_a_place_off_the_globe_is_refused(lat, lon, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        LatLng(lat, lon)


def test_paris_to_london_is_344_km():
    assert crow_m(LatLng(48.8566, 2.3522), LatLng(51.5074, -0.1278)) == pytest.approx(343_556, abs=100)


def test_a_degree_of_latitude_is_111_km():
    assert crow_m(LatLng(0, 0), LatLng(1, 0)) == pytest.approx(math.radians(1) * EARTH_RADIUS_M)


def test_the_antimeridian_is_no_wall():
    assert crow_m(LatLng(0, 179.999), LatLng(0, -179.999)) == pytest.approx(222.39, abs=0.01)


@given(places, places)
def test_a_distance_is_the_same_either_way_and_never_beyond_the_antipode(a, b):
    assert crow_m(a, b) == pytest.approx(crow_m(b, a), abs=1e-3)
    assert 0 <= crow_m(a, b) <= HALF_WAY_ROUND_M


@given(st.lists(places, max_size=8), places)
def test_many_distances_are_the_single_ones(points, to):
    many = crow_many_m([p.lat for p in points], [p.lon for p in points], to)
    # Near the antipode the arc sine loses half its digits: 1e-8 rad, 0.1 m.
    np.testing.assert_allclose(many, [crow_m(p, to) for p in points], rtol=1e-9, atol=0.5)


@pytest.mark.parametrize(
    ("to", "expected"),
    [(LatLng(1, 0), 0), (LatLng(0, 1), 90), (LatLng(-1, 0), 180), (LatLng(0, -1), 270), (LatLng(0, 0), 0)],
)
def test_bearings_turn_clockwise_from_north(to, expected):
    assert bearing_deg(LatLng(0, 0), to) == pytest.approx(expected)


@given(places, places)
def test_a_bearing_is_below_a_full_turn(a, b):
    assert 0 <= bearing_deg(a, b) < 360


@given(
    st.builds(LatLng, st.floats(-85, 85), lons),
    st.floats(0, 360, exclude_max=True),
    st.floats(10, 100_000),
)
def test_who_moves_is_as_far_away_as_they_moved(p, bearing, meters):
    to = moved(p, bearing, meters)
    assert crow_m(p, to) == pytest.approx(meters, rel=1e-6)
    off = abs(bearing_deg(p, to) - bearing)
    assert min(off, 360 - off) == pytest.approx(0, abs=0.01)


@given(places, st.floats(0, 360), st.floats(0, 30_000_000))
def test_nobody_moves_off_the_globe(p, bearing, meters):
    moved(p, bearing, meters)
