from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.points import LatLng, crow_m
from geo.polylines import decimate, decode, encode, length_m, point_along, simplify

GOOGLES = [LatLng(38.5, -120.2), LatLng(40.7, -120.95), LatLng(43.252, -126.453)]
places = st.builds(LatLng, st.floats(-90, 90), st.floats(-180, 180))
in_town = st.builds(LatLng, st.floats(43.70, 43.75), st.floats(7.40, 7.45))


def test_the_published_example_encodes_as_published():
    assert encode(GOOGLES) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
    assert decode("_p~iF~ps|U_ulLnnqC_mqNvxq`@") == GOOGLES


@given(st.lists(places, max_size=10), st.sampled_from([5, 6]))
def test_a_line_survives_its_encoding_to_half_a_last_digit(points, precision):
    back = decode(encode(points, precision), precision)
    assert len(back) == len(points)
    for p, q in zip(points, back, strict=True):
        assert abs(p.lat - q.lat) <= 0.5000001 * 10**-precision
        assert abs(p.lon - q.lon) <= 0.5000001 * 10**-precision
    assert encode(back, precision) == encode(points, precision)


@pytest.mark.parametrize(
    ("text", "said"),
    [("_p~iF", "cut short"), ("_p~iF~ps|", "cut short"), ("é", "does not occur"), (" ", "does not occur")],
)
def test_a_broken_encoding_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        decode(text)


def test_an_encoding_that_leaves_the_globe_is_refused():
    with pytest.raises(ValueError, match="outside"):
        decode("_" * 9 + "A" + "?")


def test_a_walk_along_a_line_meets_its_corners():
    corner, end = LatLng(43.71, 7.40), LatLng(43.71, 7.41)
    line = [LatLng(43.70, 7.40), corner, corner, end]
    north = crow_m(line[0], corner)
    assert point_along(line, -5)[0] == line[0]
    assert point_along(line, 0) == (line[0], 0.0)
    assert point_along(line, north / 2)[0].lat == pytest.approx(43.705)
    here, heading = point_along(line, north + 1)
    assert crow_m(here, corner) == pytest.approx(1, abs=0.01)
    assert heading == pytest.approx(90, abs=0.1)
    assert point_along(line, 1e9)[0] == end


def test_a_line_of_one_point_leads_nowhere():
    assert point_along([LatLng(1, 2)], 50) == (LatLng(1, 2), 0.0)
    assert length_m([LatLng(1, 2)]) == 0.0
    with pytest.raises(ValueError, match="without points"):
        point_along([], 5)


@given(st.lists(in_town, min_size=2, max_size=8), st.floats(0, 1))
def test_who_is_along_a_line_is_no_farther_than_they_went(points, share):
    meters = share * length_m(points)
    here, heading = point_along(points, meters)
    assert crow_m(points[0], here) <= meters * 1.0005 + 0.01  # straight in degrees, not quite on the globe
    assert 0 <= heading < 360


@given(st.lists(in_town, max_size=12), st.floats(1, 500))
def test_a_simpler_line_keeps_its_ends_and_some_of_its_points(points, tolerance):
    fewer = simplify(points, tolerance)
    rest = iter(points)
    assert all(p in rest for p in fewer)  # a subsequence
    assert fewer[:1] == points[:1]
    assert fewer[-1:] == points[-1:]


def test_a_dent_within_the_tolerance_goes_and_one_beyond_it_stays():
    dented = [LatLng(43.70, 7.40), LatLng(43.705, 7.4001), LatLng(43.71, 7.40)]  # the dent is 8 m deep
    assert simplify(dented, 10) == [dented[0], dented[2]]
    assert simplify(dented, 5) == dented


@given(st.lists(in_town, max_size=12), st.floats(1, 2000))
def test_a_decimated_line_keeps_its_distance_and_its_ends(points, spacing):
    fewer = decimate(points, spacing)
    assert fewer[:1] == points[:1]
    assert fewer[-1:] == points[-1:]
    if len(points) > 2:
        assert all(crow_m(a, b) >= spacing for a, b in pairwise(fewer[:-1]))
