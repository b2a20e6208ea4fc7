"""The cell of a row is H3's own answer, wherever the row goes and however few times H3 is asked."""

import h3.api.basic_int as h3
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import geo.addresses
from geo.addresses import Addresses
from geo.cells import LIVE_RES, cells_of
from geo.points import LatLng, moved, on_sphere

pentagons = [LatLng(*h3.cell_to_latlng(cell)) for cell in h3.get_pentagons(LIVE_RES)]
edges = [LatLng(90, 0), LatLng(-90, 10), LatLng(0, 180), LatLng(0, -180), LatLng(43.73, 7.42)]
starts = st.one_of(
    st.sampled_from(pentagons + edges),
    st.builds(LatLng, st.floats(-90, 90), st.floats(-180, 180)),
)
walks = st.lists(st.tuples(st.floats(0, 360), st.sampled_from([0.0, 5.0, 60.0, 170.0, 400.0])), max_size=12)


def at(addresses: Addresses, rows: list[int], places: list[LatLng]) -> None:
    lat, lon = np.array([p.lat for p in places]), np.array([p.lon for p in places])
    addresses.move_many(np.array(rows), lat, lon, on_sphere(lat, lon))


@given(starts, walks)
def test_a_walk_is_always_in_the_cell_h3_says(start, walk):
    addresses, here = Addresses(), start
    addresses.grow(2)
    at(addresses, [1], [here])
    for bearing, meters in walk:
        here = moved(here, bearing, meters)
        at(addresses, [1], [here])
        assert addresses.cell.tolist() == [0, cells_of([here.lat], [here.lon])[0]]


def test_points_all_over_a_cell_are_never_taken_for_a_neighbours(monkeypatch):
    """Everywhere on the icosahedron: what the inner circle holds, the cell holds."""
    dice = np.random.default_rng(4)
    lat, lon = np.degrees(np.arcsin(dice.uniform(-1, 1, 4_000))), dice.uniform(-180, 180, 4_000)
    lat[:12], lon[:12] = np.array([(p.lat, p.lon) for p in pentagons]).T
    cells = cells_of(lat, lon)
    centers, inner2 = geo.addresses._inner_circles(cells)
    turn = dice.uniform(0, 2 * np.pi, 4_000)
    aside = np.cross(centers, [0.3, 0.5, 0.8])
    aside /= np.linalg.norm(aside, axis=1)[:, None]
    ahead = np.cross(centers, aside)
    edge = centers + np.sqrt(inner2)[:, None] * (
        aside * np.cos(turn)[:, None] + ahead * np.sin(turn)[:, None]
    )
    edge /= np.linalg.norm(edge, axis=1)[:, None]
    on_edge = cells_of(np.degrees(np.arcsin(edge[:, 2])), np.degrees(np.arctan2(edge[:, 1], edge[:, 0])))
    assert on_edge.tolist() == cells.tolist()


def test_h3_is_asked_only_where_a_row_may_have_left(monkeypatch):
    asked: list[int] = []

    def counted(lat, lon, res):
        asked.append(len(lat))
        return cells_of(lat, lon, res)

    monkeypatch.setattr(geo.addresses, "cells_of", counted)
    addresses, center = Addresses(), pentagons[3]
    addresses.grow(1)
    at(addresses, [0], [center])
    at(addresses, [0], [moved(center, 70, 50)])
    at(addresses, [0], [moved(center, 70, 5_000)])
    addresses.forget(0)
    assert addresses.cell[0] == 0
    at(addresses, [0], [center])
    assert asked == [1, 0, 1, 1]


def test_a_single_move_and_a_batch_agree():
    addresses, center = Addresses(), edges[-1]
    addresses.grow(1)
    addresses.move(0, center)
    addresses.move(0, center)
    away = moved(center, 10, 150)
    at(addresses, [0], [away])
    assert addresses.cell[0] == cells_of([away.lat], [away.lon])[0]
