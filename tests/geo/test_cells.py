import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cells import (
    boundary,
    cell_of,
    cells_of,
    center,
    disk,
    from_hex,
    parent,
    parents,
    to_hex,
)
from geo.points import LatLng

places = st.builds(LatLng, st.floats(-90, 90), st.floats(-180, 180))
resolutions = st.integers(0, 15)
PENTAGON = LatLng(*h3.cell_to_latlng(h3.get_pentagons(9)[0]))


def test_the_example_of_the_h3_documents_has_the_cell_they_say():
    assert to_hex(cell_of(LatLng(37.3615593, -122.0553238), 5)) == "85283473fffffff"


@given(places, resolutions)
def test_a_cell_survives_its_spelling_and_holds_its_center(p, res):
    cell = cell_of(p, res)
    assert from_hex(to_hex(cell)) == cell
    assert cell_of(center(cell), res) == cell


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "rubbish",
        "0",
        "ffffffffffffffff",
        "-1",
        "85283473FFFFFFF",
        "0x85283473fffffff",
        " 85283473fffffff",
        "9" * 99,
    ],
)
def test_rubbish_is_no_cell(rubbish):
    with pytest.raises(ValueError, match="is not an H3 cell"):
        from_hex(rubbish)


@given(st.lists(places, max_size=6), resolutions)
def test_many_cells_are_the_single_ones(points, res):
    cells = cells_of([p.lat for p in points], [p.lon for p in points], res)
    assert cells.dtype == np.uint64
    assert cells.tolist() == [cell_of(p, res) for p in points]


@pytest.mark.parametrize(("p", "neighbours"), [(LatLng(43.73, 7.42), 6), (PENTAGON, 5)])
def test_a_disk_is_the_cell_and_its_neighbours_in_order(p, neighbours):
    cell = cell_of(p)
    around = disk(cell, 1)
    assert cell in around
    assert len(around) == neighbours + 1
    assert around == sorted(around)
    assert disk(cell, 0) == [cell]


def test_a_hexagon_has_six_corners_around_its_center():
    cell = cell_of(LatLng(43.73, 7.42))
    corners = boundary(cell)
    assert len(corners) == 6
    assert np.mean([c.lat for c in corners]) == pytest.approx(center(cell).lat, abs=1e-6)


@given(st.lists(places, min_size=1, max_size=5), st.integers(0, 9))
def test_parents_by_bits_are_the_library_s(points, res):
    cells = cells_of([p.lat for p in points], [p.lon for p in points], 9)
    assert parents(cells, res).tolist() == [parent(cell, res) for cell in cells.tolist()]
