import numpy as np
import pytest

from geo.crow import DETOUR, SPEED_MPS, CrowTravel
from geo.points import LatLng, crow_m
from geo.streets import Profile

CASINO, STATION = LatLng(43.7392, 7.4278), LatLng(43.7385, 7.4195)


@pytest.mark.parametrize("profile", list(Profile))
def test_the_crow_flies_a_detour_at_the_profile_s_speed(profile):
    meters = crow_m(CASINO, STATION) * DETOUR
    there = CrowTravel().to_one([CASINO, STATION], STATION, profile)
    back = CrowTravel().from_one(STATION, [CASINO, STATION], profile)
    assert there.meters.tolist() == back.meters.tolist() == pytest.approx([meters, 0])
    assert there.seconds.tolist() == pytest.approx([meters / SPEED_MPS[profile], 0])
    assert there.source == "crow"
    route = CrowTravel().route(CASINO, STATION, profile)
    assert (route.points, route.source) == ((CASINO, STATION), "crow")
    assert (route.meters, route.seconds) == pytest.approx((meters, meters / SPEED_MPS[profile]))


def test_the_crow_keeps_the_limit():
    travel = CrowTravel().to_one([CASINO, STATION], STATION, limit_s=60)
    assert np.isinf(travel.seconds).tolist() == np.isinf(travel.meters).tolist() == [True, False]
