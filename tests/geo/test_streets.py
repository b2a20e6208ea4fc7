"""Travel in a grid of streets whose answers one can work out by hand: a hundred-odd meters a block, 10 m/s by car."""

import math
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import box

from geo.junctions import Way, to_junctions
from geo.points import LatLng, crow_m, moved
from geo.polylines import length_m
from geo.streets import Profile, StreetArrays, StreetGraph
from geo.zones import Zone, ZoneKind
from tests.geo.cities import grid_town, place_of, street

BLOCK_NORTH = 111.19  # m
BLOCK_EAST = 80.39


def at(column: float, row: float) -> LatLng:
    low, left = place_of(0, 0)
    return LatLng(low + row * 0.001, left + column * 0.001)


@pytest.fixture(scope="module")
def town() -> StreetGraph:
    return StreetGraph(grid_town())


@pytest.fixture(scope="module")
def one_way_ring() -> StreetGraph:
    """A square driven clockwise: 0 north to 1, east to 2, south to 3, west home."""
    places = {0: place_of(0, 0), 1: place_of(0, 1), 2: place_of(1, 1), 3: place_of(1, 0)}
    names = ["West", "North", "East", "South"]
    ways = [Way([i, (i + 1) % 4], street(names[i], one_way=True)) for i in range(4)]
    return StreetGraph(to_junctions(ways, places))


def test_a_place_snaps_to_the_nearest_street(town):
    snap = town.snap(moved(at(0.25, 0), 0, 20), Profile.DRIVE)
    assert snap.offset_m == pytest.approx(20, abs=0.1)
    assert crow_m(snap.place, at(0.25, 0)) < 0.1
    assert min(snap.share, 1 - snap.share) == pytest.approx(0.25, abs=1e-3)
    streets = grid_town()
    assert (streets.node_lat[snap.node], streets.node_lon[snap.node]) == place_of(0, 0)
    assert town.snap(at(0.75, 0)).node != snap.node


def test_all_origins_to_one_destination(town):
    travel = town.to_one([at(0, 0), at(3, 0), at(0.5, 3), at(3, 3)], at(3, 3))
    blocks = [3 * BLOCK_EAST + 3 * BLOCK_NORTH, 3 * BLOCK_NORTH, 2.5 * BLOCK_EAST, 0]
    assert travel.meters.tolist() == pytest.approx(blocks, abs=1)
    assert travel.seconds.tolist() == pytest.approx([m / 10 for m in blocks], abs=0.1)
    assert travel.source == "streets"
    assert travel.seconds.dtype == travel.meters.dtype == np.float32


def test_nobody_asked_nothing_answered(town):
    assert town.to_one([], at(0, 0)).seconds.tolist() == []
    assert town.from_one(at(0, 0), []).meters.tolist() == []


def test_a_one_way_is_driven_one_way_and_walked_both(one_way_ring):
    a, b = at(0, 0.25), at(0, 0.75)
    around = one_way_ring.to_one([a, b], a)
    assert around.meters.tolist() == pytest.approx([0, 1.5 * BLOCK_NORTH + 2 * BLOCK_EAST], abs=1)
    assert one_way_ring.from_one(a, [b]).meters.tolist() == pytest.approx([BLOCK_NORTH / 2], abs=1)
    assert one_way_ring.to_one([b], a, Profile.WALK).meters.tolist() == pytest.approx(
        [BLOCK_NORTH / 2], abs=1
    )


def test_a_route_around_a_one_way_ring_names_its_streets(one_way_ring):
    route = one_way_ring.route(at(0, 0.75), at(0, 0.25))
    assert route is not None
    assert route.names == ("West", "North", "East", "South", "West")
    assert route.meters == pytest.approx(length_m(route.points), rel=1e-3)
    assert crow_m(route.points[0], at(0, 0.75)) < 1
    assert crow_m(route.points[-1], at(0, 0.25)) < 1


def test_a_route_within_one_street_does_not_leave_it(town):
    for a, b in ((at(0.2, 0), at(0.8, 0)), (at(0.8, 0), at(0.2, 0))):
        route = town.route(a, b)
        assert route is not None
        assert route.names == ("Row 0",)
        assert route.meters == pytest.approx(0.6 * BLOCK_EAST, abs=0.5)
        assert crow_m(route.points[0], a) < 0.1
        assert crow_m(route.points[-1], b) < 0.1


def test_a_route_to_where_one_is_has_two_points_and_no_length(town):
    route = town.route(at(0.5, 0), at(0.5, 0))
    assert route is not None
    assert (route.meters, route.seconds, len(route.points)) == (0, 0, 2)


def test_of_parallel_streets_the_fastest_is_driven_and_the_other_can_still_be_lived_in():
    places = {0: place_of(0, 0), 1: place_of(2, 0), 2: place_of(1, 1)}
    lane, road = street("Lane", kmh=5), street("Road", kmh=50)
    graph = StreetGraph(to_junctions([Way([0, 1], lane), Way([0, 2, 1], road)], places))
    drive, walk = graph.route(at(0, 0), at(2, 0)), graph.route(at(0, 0), at(2, 0), Profile.WALK)
    assert drive is not None
    assert walk is not None
    assert (drive.names, walk.names) == (("Road",), ("Lane",))
    assert graph.snap(at(1, 0)).offset_m < 0.1


def test_beyond_the_limit_is_unreachable(town):
    travel = town.to_one([at(0, 0), at(2.5, 3), at(3, 3)], at(3, 3), limit_s=10)
    assert np.isinf(travel.seconds).tolist() == np.isinf(travel.meters).tolist() == [True, False, False]
    assert np.isfinite(town.from_one(at(3, 3), [at(0, 0)], limit_s=58).seconds[0])
    assert np.isinf(town.from_one(at(3, 3), [at(0, 0)], limit_s=57).seconds[0])


def test_off_the_map_is_unreachable(town):
    away = moved(at(0, 0), 180, 2_100)
    assert np.isinf(town.to_one([away, at(0, 0)], at(1, 1)).seconds).tolist() == [True, False]
    assert np.isinf(town.to_one([at(0, 0)], away).meters).all()
    assert town.route(at(0, 0), away) is None
    assert town.address(away) == ""


def test_islands_are_left_out():
    places = {i: place_of(i, 0) for i in range(4)} | {9: place_of(0, 5), 10: place_of(1, 5)}
    graph = StreetGraph(
        to_junctions([Way([0, 1, 2, 3], street("Main")), Way([9, 10], street("Isle"))], places)
    )
    assert graph.size(Profile.DRIVE) == (2, 2)
    assert crow_m(graph.snap(at(0.5, 5)).place, at(0.5, 0)) < 1
    assert graph.address(at(0.5, 5)) == "Isle", "one may still live there"


def test_a_dead_end_one_cannot_come_back_from_is_left_out():
    trap = Way([4, 99], street("Trap", one_way=True))
    town = [Way([0, 1, 4], street("Main")), trap]
    places = {0: place_of(0, 0), 1: place_of(1, 0), 4: place_of(2, 0), 99: place_of(3, 0)}
    graph = StreetGraph(to_junctions(town, places))
    assert graph.size(Profile.DRIVE) == (2, 2)
    assert graph.size(Profile.WALK) == (3, 4)


def test_the_address_is_the_nearest_named_street(town):
    assert town.address(moved(at(0.5, 2), 0, 10)) == "Row 2"
    assert town.address(at(3, 1.5)) == "Column 3"


def test_a_town_of_nameless_streets_has_no_addresses():
    graph = StreetGraph(to_junctions([Way([0, 1], street())], {0: place_of(0, 0), 1: place_of(1, 0)}))
    assert graph.address(at(0, 0)) == ""
    route = graph.route(at(0, 0), at(1, 0))
    assert route is not None
    assert route.names == ()


def test_a_profile_without_streets_says_so():
    path = replace(street("Path"), drive=(math.inf, math.inf))
    graph = StreetGraph(to_junctions([Way([0, 1], path)], {0: place_of(0, 0), 1: place_of(1, 0)}))
    assert graph.size(Profile.WALK) == (2, 2)
    assert graph.knows(Profile.WALK)
    assert not graph.knows(Profile.DRIVE)
    for ask in (
        lambda: graph.snap(at(0, 0)),
        lambda: graph.to_one([], at(0, 0)),
        lambda: graph.route(at(0, 0), at(1, 0)),
    ):
        with pytest.raises(LookupError, match="no street to drive on"):
            ask()


def test_a_profile_whose_streets_lead_nowhere_and_back_says_so_too():
    graph = StreetGraph(
        to_junctions([Way([0, 1], street(one_way=True))], {0: place_of(0, 0), 1: place_of(1, 0)})
    )
    with pytest.raises(LookupError, match="no street to drive on"):
        graph.snap(at(0, 0))


def test_a_city_without_streets_is_refused():
    with pytest.raises(ValueError, match="without streets"):
        StreetGraph(to_junctions([], {}))


def test_random_places_are_on_streets_in_the_zone_and_repeat_with_the_seed(town):
    zone = Zone("south", ZoneKind.QUEUE, box(at(-1, 0).lon, at(0, -1).lat, at(4, 0).lon, at(0, 0.5).lat))
    rng = np.random.default_rng(7)
    drawn = [town.random_point(rng, Profile.DRIVE, zone) for _ in range(50)]
    assert all(zone.contains(p) and town.snap(p).offset_m < 0.01 for p in drawn)
    assert len(set(drawn)) == 50
    again = np.random.default_rng(7)
    assert [town.random_point(again, Profile.DRIVE, zone) for _ in range(50)] == drawn
    anywhere = {town.address(town.random_point(rng, Profile.WALK)) for _ in range(200)}
    assert len(anywhere) == 8, "every street of the town is drawn some time"


def test_no_random_place_in_a_zone_without_streets(town):
    sea = Zone("sea", ZoneKind.QUEUE, box(0, 0, 1, 1))
    with pytest.raises(LookupError, match="zone sea"):
        town.random_point(np.random.default_rng(1), Profile.DRIVE, sea)


def test_the_corners_of_a_town_are_its_outline(town):
    lat, lon = town.corners(Profile.DRIVE)
    assert (lat.min(), lon.max()) == pytest.approx((at(0, 0).lat, at(3, 0).lon))


def test_the_version_is_the_arrays_own(town):
    assert town.version == grid_town().version
    assert StreetArrays.from_bytes(grid_town().to_bytes()).version == town.version
