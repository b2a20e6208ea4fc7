"""The sea of a box, from coasts drawn with the land on the left hand."""

import random
from itertools import pairwise

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LinearRing, MultiPolygon, Point, Polygon, box
from shapely.geometry.polygon import orient

from geo.coast import BrokenCoast, sea

BOX = (7.0, 43.0, 8.0, 44.0)
WHOLE = box(*BOX)


def square(west, south, size, *, land_within=True):
    """A closed coast round a square: counter-clockwise round an island, clockwise round a lagoon."""
    ring = [
        (west, south),
        (west + size, south),
        (west + size, south + size),
        (west, south + size),
        (west, south),
    ]
    return ring if land_within else ring[::-1]


def lands(draw):
    """Some round and ragged lands, melted together where they overlap."""
    shapes = []
    for _ in range(draw(st.integers(1, 6))):
        x, y = draw(st.floats(6.7, 8.3)), draw(st.floats(42.7, 44.3))
        radii = draw(st.lists(st.floats(0.05, 0.6), min_size=5, max_size=12))
        corners = [
            shapely.affinity.rotate(Point(x + radius, y), 360 * turn / len(radii), origin=(x, y))
            for turn, radius in enumerate(radii)
        ]
        shapes.append(Polygon([(corner.x, corner.y) for corner in corners]))
    return shapely.union_all(shapes)


def coast_of(land, seed):
    """The land's coast as a file has it: its rings, each with the land on the left, in lines cut anywhere."""
    dice, lines = random.Random(seed), []
    for part in map(orient, shapely.get_parts(land)):
        for ring in (part.exterior, *part.interiors):
            points = list(ring.coords)
            cuts = sorted({0, len(points) - 1, *dice.sample(range(len(points)), len(points) // 3)})
            lines += [points[a : b + 1] for a, b in pairwise(cuts)]
    dice.shuffle(lines)
    return lines


@given(st.composite(lands)(), st.integers(0, 2**32))
def test_the_sea_is_what_is_not_land_however_often_the_coast_crosses_the_box(land, seed):
    found = sea(coast_of(land, seed), BOX)
    visible = land.boundary.intersection(WHOLE)
    water = WHOLE.difference(land) if visible.length > 0 else MultiPolygon()
    assert found.symmetric_difference(water).area < 1e-9


def test_without_a_coast_there_is_no_sea():
    assert sea([], BOX).is_empty
    assert sea([[(7.5, 43.5)]], BOX).is_empty, "one point is no line"
    assert sea([square(9, 43, 0.5)], BOX).is_empty, "nor is a coast elsewhere a coast here"


def test_the_sea_is_on_the_right_of_a_coast_that_crosses_the_box():
    eastward = [(6.9, 43.4), (7.5, 43.5), (8.1, 43.4)]
    assert sea([eastward], BOX).contains(Point(7.5, 43.1))
    assert not sea([eastward], BOX).contains(Point(7.5, 43.9))
    assert sea([eastward[::-1]], BOX).contains(Point(7.5, 43.9))


def test_a_coast_may_follow_the_edge_and_leave_through_a_corner():
    assert sea([[(7.0, 43.0), (8.0, 44.0)]], BOX).equals(Polygon([(7, 43), (8, 44), (8, 43)]))
    assert sea([[(6.5, 43.0), (6.5, 44.5)], [(8.0, 43.0), (7.0, 44.0)]], BOX).area == pytest.approx(0.5)


def test_a_coast_cut_just_before_the_edge_is_drawn_on_to_it():
    cut = sea([[(7.03, 43.5), (7.98, 43.5)]], BOX)
    assert cut.equals(box(7, 43, 8, 43.5))


def test_islands_alone_lie_in_the_sea_and_may_have_lagoons_with_islands():
    island, lagoon, islet = (
        square(7.2, 43.2, 0.6),
        square(7.3, 43.3, 0.4, land_within=False),
        square(7.4, 43.4, 0.1),
    )
    found = sea([islet, lagoon, island], BOX)
    assert found.area == pytest.approx(1 - 0.36 + 0.16 - 0.01)


def test_a_lagoon_alone_is_all_the_water_there_is():
    assert sea([square(7.2, 43.2, 0.6, land_within=False)], BOX).area == pytest.approx(0.36)


def test_an_island_on_dry_land_is_no_sea():
    coast = [(6.9, 43.5), (8.1, 43.5)]
    assert sea([coast, square(7.2, 43.7, 0.1)], BOX).equals(box(7, 43, 8, 43.5))


def test_a_coast_with_a_loose_end_inside_the_map_is_broken():
    with pytest.raises(BrokenCoast, match=r"ends at 43\.50000, 7\.50000, inside the map"):
        sea([[(6.9, 43.5), (7.5, 43.5)]], BOX)


def test_two_coasts_that_disagree_about_the_water_between_them_are_broken():
    with pytest.raises(BrokenCoast, match="disagree"):
        sea([[(6.9, 43.4), (8.1, 43.4)], [(6.9, 43.6), (8.1, 43.6)]], BOX)


def test_a_coast_that_crosses_itself_is_broken():
    with pytest.raises(BrokenCoast, match="crosses itself"):
        sea([[(6.9, 43.5), (7.6, 43.5), (7.6, 43.7), (7.4, 43.3), (8.1, 43.3)]], BOX)
    with pytest.raises(BrokenCoast, match="crosses itself"):
        sea([[(7.2, 43.2), (7.4, 43.4), (7.4, 43.2), (7.2, 43.4), (7.2, 43.2)]], BOX)


def test_an_island_may_be_pinched_to_a_point():
    """Two squares that share a corner, drawn as one line: no crossing, and nothing of either is lost."""
    west, south, middle, east, north = 7.2, 43.2, (7.3, 43.3), 7.4, 43.4
    pinched = [(west, south), (7.3, south), middle, (east, 43.3), (east, north), (7.3, north), middle]
    land = box(west, south, *middle).union(box(*middle, east, north))
    assert sea([[*pinched, (west, 43.3), (west, south)]], BOX).equals(box(*BOX).difference(land))


def test_the_order_of_the_lines_does_not_matter():
    lines = [
        [(6.9, 43.5), (7.2, 43.5)],
        [(7.2, 43.5), (7.8, 43.6)],
        [(7.8, 43.6), (8.1, 43.5)],
        square(7.4, 43.1, 0.1),
    ]
    assert sea(lines, BOX).equals(sea(lines[::-1] + lines[:1], BOX))
    assert LinearRing(lines[3]).is_ccw
