"""The cell of a row is H3's own answer, wherever the row goes and however few times H3 is asked."""

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import geo.hexagons
import geo.icosahedron
import geo.nearby
from geo.addresses import Addresses, prepare_cells
from geo.cells import LIVE_RES, cells_of
from geo.points import LatLng, moved, on_sphere
from tests.geo.plainkernels import plain_kernels

PLAIN = plain_kernels(geo.hexagons)
pentagons = [LatLng(*h3.cell_to_latlng(cell)) for cell in h3.get_pentagons(LIVE_RES)]
edges = [LatLng(90, 0), LatLng(-90, 10), LatLng(0, 180), LatLng(0, -180), LatLng(43.73, 7.42)]
anywhere = st.builds(LatLng, st.floats(-90, 90), st.floats(-180, 180))
starts = st.one_of(st.sampled_from(pentagons + edges), anywhere)
walks = st.lists(
    st.tuples(st.floats(0, 360), st.sampled_from([0.0, 1e-3, 5.0, 60.0, 170.0, 400.0, 90_000.0])), max_size=12
)


def setup_module():
    prepare_cells()  # before a deadline of Hypothesis looks


def at(addresses: Addresses, rows: list[int], places: list[LatLng]) -> None:
    lat, lon = np.array([p.lat for p in places]), np.array([p.lon for p in places])
    addresses.move_many(np.array(rows), lat, lon, on_sphere(lat, lon))


def degrees_of(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.degrees(np.arcsin(points[:, 2])), np.degrees(np.arctan2(points[:, 1], points[:, 0]))


@pytest.fixture(scope="module", params=["by H3", "compiled", "plain"])
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "by H3":
            patch.setattr(geo.nearby, "GRID_FROM", 0)
        if request.param == "plain":
            patch.setattr(geo.icosahedron, "hexagons", PLAIN)
        yield


@given(start=starts, walk=walks)
def test_a_walk_is_always_in_the_cell_h3_says(way, start, walk):
    addresses, here = Addresses(), start
    addresses.grow(2)
    at(addresses, [1], [here])
    for bearing, meters in walk:
        here = moved(here, bearing, meters)
        at(addresses, [1], [here])
        assert addresses.cell.tolist() == [0, h3.latlng_to_cell(here.lat, here.lon, LIVE_RES)]


def test_all_over_the_globe_cells_are_h3s_and_nearly_none_is_asked_for():
    points = np.random.default_rng(4).normal(size=(200_000, 3))
    lat, lon = degrees_of(points / np.linalg.norm(points, axis=1)[:, None])
    places = on_sphere(lat, lon)
    assert (geo.icosahedron.cells_of_places(places, lat, lon) == cells_of(lat, lon)).all()
    told = geo.hexagons.cells_of_places(places, LIVE_RES, geo.icosahedron._FACES, geo.icosahedron._TURNS)
    assert np.mean(told == geo.hexagons.ASK) < 2e-4


@pytest.mark.parametrize("loops", [geo.hexagons, PLAIN], ids=["compiled", "plain"])
def test_around_corners_middles_and_edges_cells_are_h3s(loops, monkeypatch):
    """What is near pentagons, the faces' middles and the lines between them; and every corner of some cells."""
    monkeypatch.setattr(geo.icosahedron, "hexagons", loops)
    dice = np.random.default_rng(5)
    faces, corners = geo.icosahedron._FACES[:, 0], geo.icosahedron._CORNERS
    between = (corners + np.roll(corners, 1, axis=1)).reshape(-1, 3)
    narrow = np.concatenate((faces, corners.reshape(-1, 3), between))
    narrow /= np.linalg.norm(narrow, axis=1)[:, None]
    near = np.concatenate(
        [narrow + dice.normal(0, wide, narrow.shape) for wide in (0, 1e-9, 1e-5, 1e-3) * 20]
    )
    lat, lon = degrees_of(near / np.linalg.norm(near, axis=1)[:, None])
    bounds = np.array([p for cell in cells_of(lat, lon)[::8].tolist() for p in h3.cell_to_boundary(cell)])
    lat, lon = np.concatenate((lat, bounds[:, 0])), np.concatenate((lon, bounds[:, 1]))
    told = geo.icosahedron.cells_of_places(on_sphere(lat, lon), lat, lon)
    assert told.tolist() == cells_of(lat, lon).tolist()


def test_the_compiled_loops_answer_as_the_plain_ones():
    points = np.random.default_rng(6).normal(size=(2_000, 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    given_ = points, LIVE_RES, geo.icosahedron._FACES
    assert PLAIN.steps(*given_).tolist() == geo.hexagons.steps(*given_).tolist()
    turns = geo.icosahedron._TURNS
    assert (
        PLAIN.cells_of_places(*given_, turns).tolist()
        == geo.hexagons.cells_of_places(*given_, turns).tolist()
    )


def test_what_is_learnt_of_h3_is_the_same_without_a_compiler(monkeypatch):
    monkeypatch.setattr(geo.icosahedron, "hexagons", PLAIN)
    monkeypatch.setattr(geo.icosahedron, "_ALONG", 12)
    few = geo.icosahedron._learnt()
    known = few != PLAIN.ASK
    assert np.count_nonzero(known) > 500
    assert (few[known] == geo.icosahedron._TURNS[known]).all()


def test_a_forgotten_row_has_no_cell_and_a_single_move_is_as_a_batch(way):
    addresses, center = Addresses(), edges[-1]
    addresses.grow(1)
    addresses.move(0, center.lat, center.lon)
    assert addresses.cell[0] == cells_of([center.lat], [center.lon])[0]
    addresses.forget(0)
    assert addresses.cell[0] == 0
    away = moved(center, 10, 1_500)
    at(addresses, [0], [away])
    assert addresses.cell[0] == cells_of([away.lat], [away.lon])[0]
