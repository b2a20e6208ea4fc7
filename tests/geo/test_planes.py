"""A city laid flat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.planes import Plane
from geo.points import LatLng, crow_pairs_m


@given(st.floats(-70, 70), st.floats(-180, 180), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_lengths_are_those_on_the_globe_and_places_come_back_wherever_the_city_is(
    lat: float, lon: float, north: float, east: float
) -> None:
    place = np.array([lat + north]), np.array([(lon + east + 540) % 360 - 180])
    plane = Plane(LatLng(lat, lon))
    flat = plane.to_xy(*place)
    crow_m = crow_pairs_m(*place, lat, lon)
    assert np.hypot(*flat.T) == pytest.approx(crow_m, rel=0.02, abs=0.01)
    back_lat, back_lon = plane.to_lat_lon(flat)
    assert bool(np.all(np.abs(back_lon) <= 180))
    assert crow_pairs_m(back_lat, back_lon, *place) == pytest.approx(0, abs=0.01)
