"""Turn restrictions: what a relation says, and that nobody takes the turn it forbids."""

import pytest

from geo.junctions import Way, to_junctions
from geo.osmtags import Wait
from geo.points import LatLng
from geo.restrictions import VIA_AT_MOST, Member, Restriction, restrictions_of
from geo.streets import Profile, StreetGraph
from tests.geo.cities import NODE_STEP, place_of, street

PLACES = {c + 10 * r: place_of(c, r) for c in range(5) for r in range(5)}


def members(*, via: str = "n") -> list[Member]:
    return [Member("from", "w", 1), Member("via", via, 9), Member("to", "w", 2)]


@pytest.mark.parametrize("kind", ["no_left_turn", "no_right_turn", "no_straight_on", "no_entry"])
def test_a_forbidden_turn_is_read(kind):
    tags = {"type": "restriction", "restriction": kind}
    assert restrictions_of(tags, members()) == [Restriction(False, False, 1, 2, 9)]


def test_the_only_turn_a_u_turn_and_a_via_way_are_read():
    only = restrictions_of({"type": "restriction", "restriction": "only_straight_on"}, members())
    assert only == [Restriction(True, False, 1, 2, 9)]
    around = restrictions_of({"type": "restriction", "restriction:motorcar": "no_u_turn"}, members(via="w"))
    assert around == [Restriction(False, True, 1, 2, None, (9,))]


def test_no_entry_from_several_streets_is_several_restrictions():
    found = restrictions_of(
        {"type": "restriction", "restriction": "no_entry"}, [Member("from", "w", 5), *members()]
    )
    assert [one.from_way for one in found] == [5, 1]


@pytest.mark.parametrize(
    "tags",
    [
        {"type": "multipolygon"},
        {"type": "restriction"},
        {"type": "restriction", "restriction": "give_way"},
        {"type": "restriction", "restriction:conditional": "no_left_turn @ (Mo-Fr 07:00-09:00)"},
        {"type": "restriction", "restriction": "no_left_turn", "hour_on": "07:00"},
        {"type": "restriction", "restriction": "no_left_turn", "except": "bicycle; motorcar"},
    ],
)
def test_what_does_not_bind_every_car_at_every_hour_is_left_out(tags):
    assert restrictions_of(tags, members()) == []


def test_a_restriction_without_a_via_is_left_out():
    tags = {"type": "restriction", "restriction": "no_left_turn"}
    assert restrictions_of(tags, [Member("from", "w", 1), Member("to", "w", 2)]) == []


def crossing(*restrictions: Restriction) -> StreetGraph:
    """A cross at node 22 (west 1, east 2, south 3, north 4) with a way around in the north-east."""
    lines = {1: [20, 21, 22], 2: [22, 23, 24], 3: [2, 12, 22], 4: [22, 32, 42], 5: [24, 34, 44, 43, 42]}
    ways = [Way(nodes, street(f"Way {number}"), (number, number)) for number, nodes in lines.items()]
    return StreetGraph(to_junctions(ways, PLACES, restrictions=restrictions))


def at(column: float, row: float) -> LatLng:
    low, left = place_of(0, 0)
    return LatLng(low + row * NODE_STEP, left + column * NODE_STEP)


SOUTH, EAST, NORTH, WEST = at(2, 0.5), at(3.5, 2), at(2, 3.5), at(0.5, 2)


def names(graph: StreetGraph, a: LatLng, b: LatLng, profile: Profile = Profile.DRIVE) -> tuple[str, ...]:
    route = graph.route(a, b, profile)
    assert route is not None
    return route.names


def test_a_turn_that_is_forbidden_is_driven_around_and_walked():
    free, bound = crossing(), crossing(Restriction(False, False, 3, 2, 22))
    assert names(free, SOUTH, EAST) == ("Way 3", "Way 2")
    assert names(bound, SOUTH, EAST) == ("Way 3", "Way 4", "Way 5", "Way 2")
    assert names(bound, WEST, EAST) == ("Way 1", "Way 2")
    assert names(bound, SOUTH, EAST, Profile.WALK) == ("Way 3", "Way 2")


def test_where_only_one_turn_is_allowed_no_other_is_taken():
    bound = crossing(Restriction(True, False, 3, 4, 22))
    assert names(bound, SOUTH, NORTH) == ("Way 3", "Way 4")
    assert names(bound, SOUTH, EAST) == ("Way 3", "Way 4", "Way 5", "Way 2")


def test_a_ban_through_a_via_way_binds_only_those_who_came_from_there():
    free, bound = crossing(), crossing(Restriction(False, False, 3, 5, None, (4,)))
    beyond = at(2.5, 4)
    assert names(free, SOUTH, beyond) == ("Way 3", "Way 4", "Way 5")
    assert names(bound, SOUTH, beyond) == ("Way 3", "Way 2", "Way 5")
    assert names(bound, WEST, beyond) == ("Way 1", "Way 4", "Way 5")


def through(junctions: int, restriction: Restriction | None = None) -> StreetGraph:
    """The cross, its way 4 crossed so many times before it meets way 5: each time by a street without an end."""
    lines = {1: [20, 21, 22], 2: [22, 23, 24], 3: [2, 12, 22], 5: [24, 34, 44, 43, 42]}
    crossed = list(range(1_000, 1_000 + junctions))
    side = {2_000 + number: [number, number + 1_000] for number in crossed}
    (low, lon), step = place_of(2, 2), 2 * NODE_STEP / (junctions + 1)
    places = {number: (low + k * step, lon) for k, number in enumerate(crossed, start=1)}
    places |= {number + 1_000: (lat, lon - NODE_STEP / 4) for number, (lat, lon) in places.items()}
    ways = [
        Way(nodes, street(f"Way {number}"), (number, number))
        for number, nodes in {**lines, 4: [22, *crossed, 42], **side}.items()
    ]
    bans = () if restriction is None else (restriction,)
    return StreetGraph(to_junctions(ways, PLACES | places, restrictions=bans))


def test_a_via_way_is_followed_past_the_streets_that_cross_it_but_not_for_ever():
    ban, beyond = Restriction(False, False, 3, 5, None, (4,)), at(2.5, 4)
    assert names(through(2), SOUTH, beyond) == ("Way 3", "Way 4", "Way 5")
    assert names(through(2, ban), SOUTH, beyond) == ("Way 3", "Way 2", "Way 5")
    assert names(through(2, ban), WEST, beyond) == ("Way 1", "Way 4", "Way 5")
    slip = through(VIA_AT_MOST + 1, ban)
    assert names(slip, SOUTH, beyond) == ("Way 3", "Way 4", "Way 5")


@pytest.mark.parametrize(
    "restriction",
    [
        Restriction(False, False, 3, 77, 22),  # no such way
        Restriction(False, False, 3, 5, 22),  # it does not meet the via
        Restriction(False, False, 3, 2, None, (77,)),
        Restriction(False, True, 3, 3, 12),  # a u-turn that nobody has to make
    ],
)
def test_a_restriction_whose_members_do_not_meet_binds_nobody(restriction):
    assert names(crossing(restriction), SOUTH, EAST) == ("Way 3", "Way 2")


def test_lights_cost_those_who_drive_past_them_in_their_direction():
    ways = [Way([20, 21, 22], street("Main"), (1, 1))]
    for wait, there, back in (
        (Wait(5), 5, 5),
        (Wait(5, against=False), 5, 0),
        (Wait(5, with_it=False), 0, 5),
    ):
        free, slow = to_junctions(ways, PLACES), to_junctions(ways, PLACES, waits={21: wait})
        assert (slow.edge_s_drive - free.edge_s_drive).tolist() == pytest.approx([there, back], abs=1e-4)
        assert slow.edge_s_walk.tolist() == free.edge_s_walk.tolist()
