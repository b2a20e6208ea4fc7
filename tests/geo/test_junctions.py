import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.junctions import Way, to_junctions
from geo.points import LatLng, crow_m
from geo.streetarrays import StreetArrays
from tests.geo.cities import place_of, street

PLACES = {c + 10 * r: place_of(c, r) for c in range(10) for r in range(10)}  # node 23 is column 3, row 2
RUE = street("Rue")
ONE_WAY = street("Sens", one_way=True)


def edges(streets: StreetArrays) -> list[tuple[str, int]]:
    """The directed edges: the street's name, and how many corners it has between its junctions."""
    inner = np.diff(streets.edge_geom_start)
    return sorted((streets.names[name], int(n)) for name, n in zip(streets.edge_name, inner, strict=True))


def test_a_street_between_two_ends_is_one_edge_each_way_with_its_shape():
    town = to_junctions([Way([0, 1, 12, 22], RUE)], PLACES)
    assert edges(town) == [("Rue", 2), ("Rue", 2)]
    assert town.edge_twin.tolist() == [1, 0]
    assert (town.edge_from[0], town.edge_to[0]) == (town.edge_to[1], town.edge_from[1])
    assert town.geom_lat.tolist() == [PLACES[n][0] for n in (1, 12, 12, 1)]
    corners = [LatLng(*PLACES[n]) for n in (0, 1, 12, 22)]
    length = sum(crow_m(a, b) for a, b in zip(corners, corners[1:], strict=False))  # noqa: RUF007
    assert town.edge_m.tolist() == pytest.approx([length, length])
    assert town.edge_s_drive.tolist() == pytest.approx([length / 10] * 2)


def test_a_one_way_street_has_no_way_back_for_cars_but_for_walkers():
    town = to_junctions([Way([0, 1], ONE_WAY)], PLACES)
    assert np.isfinite(town.edge_s_drive).tolist() == [True, False]
    assert np.isfinite(town.edge_s_walk).tolist() == [True, True]
    motorway = street("A8", one_way=True)
    motorway = type(motorway)("A8", motorway.drive, (np.inf, np.inf), (np.inf, np.inf))
    town = to_junctions([Way([0, 1], motorway)], PLACES)
    assert town.edge_twin.tolist() == [-1]


def test_streets_meet_at_a_junction_and_not_where_they_cross_without_one():
    crossing = to_junctions([Way([0, 1, 2], RUE), Way([1, 11, 21], street("Allée"))], PLACES)
    assert len(crossing.node_lat) == 4
    assert edges(crossing) == [("Allée", 1)] * 2 + [("Rue", 0)] * 4
    bridge = to_junctions([Way([0, 2], RUE), Way([1, 21], street("Allée"))], PLACES)
    assert len(bridge.node_lat) == 4
    assert len(bridge.edge_m) == 4


@pytest.mark.parametrize("second", [[1, 2, 3], [3, 2, 1]])
def test_a_street_mapped_in_two_pieces_is_one(second):
    assert edges(to_junctions([Way([0, 1], RUE), Way(second, RUE)], PLACES)) == [("Rue", 2)] * 2


def test_pieces_that_differ_stay_two():
    for other in (street("Other"), street("Rue", kmh=20)):
        assert len(to_junctions([Way([0, 1], RUE), Way([1, 2], other)], PLACES).node_lat) == 3
    head_on = to_junctions([Way([0, 1], ONE_WAY), Way([2, 1], ONE_WAY)], PLACES)
    assert len(head_on.node_lat) == 3


def test_a_roundabout_keeps_its_direction_and_loses_its_seam():
    ring = [11, 12, 22, 21, 11]
    town = to_junctions([Way(ring, ONE_WAY), Way([12, 13], RUE), Way([21, 20], RUE)], PLACES)
    driven = np.isfinite(town.edge_s_drive)
    assert len(town.node_lat) == 4
    assert int(driven.sum()) == 2 + 4


def test_a_loop_is_cut_so_that_every_edge_leads_elsewhere():
    lollipop = to_junctions([Way([0, 1], RUE), Way([1, 2, 12, 11, 1], street("Loop"))], PLACES)
    assert (lollipop.edge_from != lollipop.edge_to).all()
    assert edges(lollipop) == [("Loop", 1)] * 4 + [("Rue", 0)] * 2
    out_and_back = to_junctions([Way([0, 1, 0], RUE)], PLACES)
    assert (out_and_back.edge_from != out_and_back.edge_to).all()


def test_a_bollard_lets_walkers_through_and_no_car():
    town = to_junctions([Way([0, 1, 2, 3], RUE)], PLACES, closed_to_cars={2})
    driven = np.flatnonzero(np.isfinite(town.edge_s_drive))
    assert len(driven) == 4
    assert len(np.flatnonzero(np.isfinite(town.edge_s_walk))) == 6
    assert float(town.edge_m.min()) == 0
    at_its_end = to_junctions([Way([0, 1, 2], RUE)], PLACES, closed_to_cars={0})
    assert len(at_its_end.node_lat) == 2


def test_nothing_gives_nothing():
    town = to_junctions([], {})
    assert len(town.node_lat) == len(town.edge_m) == 0
    assert StreetArrays.from_bytes(town.to_bytes()).version == town.version


walks = st.lists(st.integers(0, 15), min_size=2, max_size=6).filter(lambda w: all(map(int.__ne__, w, w[1:])))
town_ways = st.lists(
    st.builds(Way, walks, st.sampled_from([RUE, ONE_WAY, street("Allée", kmh=20)])), min_size=1, max_size=8
)


@given(town_ways)
def test_no_meter_of_street_is_lost_or_made_up(ways):
    town = to_junctions(ways, PLACES)
    mapped = sum(
        crow_m(LatLng(*PLACES[a]), LatLng(*PLACES[b]))
        for way in ways
        for a, b in zip(way.nodes, way.nodes[1:], strict=False)
    )
    walked = town.edge_m[np.isfinite(town.edge_s_walk)]
    assert float(walked.sum()) == pytest.approx(2 * mapped, rel=1e-4)


@given(town_ways)
def test_twins_mirror_each_other(ways):
    town = to_junctions(ways, PLACES)
    for edge, twin in enumerate(town.edge_twin.tolist()):
        assert town.edge_twin[twin] == edge
        assert (town.edge_from[edge], town.edge_to[edge]) == (town.edge_to[twin], town.edge_from[twin])
        assert town.edge_m[edge] == pytest.approx(town.edge_m[twin])
        there = town.geom_lat[town.edge_geom_start[edge] : town.edge_geom_start[edge + 1]]
        back = town.geom_lat[town.edge_geom_start[twin] : town.edge_geom_start[twin + 1]]
        assert there.tolist() == back[::-1].tolist()


@given(town_ways)
def test_the_same_ways_give_the_same_arrays_and_survive_being_saved(ways):
    town, again = to_junctions(ways, PLACES), to_junctions(ways, PLACES)
    assert town.version == again.version
    assert StreetArrays.from_bytes(town.to_bytes()).version == town.version
