import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cells import boundary, from_hex
from geo.points import LatLng, crow_m, moved
from geo.privacy import coarse, distance_band_m

in_town = st.builds(LatLng, st.floats(43.70, 43.75), st.floats(7.40, 7.45))


@given(in_town, st.floats(0, 360), st.floats(0, 900))
def test_two_places_of_one_cell_look_the_same(p, bearing, meters):
    q = moved(p, bearing, meters)
    a, b = coarse(p), coarse(q)
    assert (a == b) == (a.cell_hex == b.cell_hex)
    assert coarse(a.center) == a  # the center tells nothing more than the cell does


@given(in_town)
def test_a_coarse_place_is_within_its_cell_of_the_exact_one(p):
    seen = coarse(p)
    reach = max(crow_m(seen.center, corner) for corner in boundary(from_hex(seen.cell_hex)))
    assert crow_m(p, seen.center) <= reach + 1
    assert reach > 400


@pytest.mark.parametrize(
    ("meters", "band"),
    [
        (0, 250),
        (1, 250),
        (250, 250),
        (251, 500),
        (1_000, 1_000),
        (1_001, 1_500),
        (4_999, 5_000),
        (5_001, 6_000),
    ],
)
def test_distances_come_in_bands(meters, band):
    assert distance_band_m(meters) == band


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_bands_grow_with_the_distance_and_hide_at_least_a_quarter_of_a_kilometer(a, b):
    near, far = sorted((a, b))
    assert distance_band_m(near) <= distance_band_m(far)
    assert 0 <= distance_band_m(near) - near < 1_000 or near == 0
    assert distance_band_m(near) % 250 == 0


@pytest.mark.parametrize("m", [-1, math.nan, math.inf])
def test_a_distance_that_is_none_has_no_band(m):
    with pytest.raises(ValueError, match="has no band"):
        distance_band_m(m)
