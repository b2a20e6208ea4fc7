"""The grid's narrow places: blocks that run out, cells that repeat, ties to the last bit, no room for a cache."""

from math import inf
from uuid import UUID

import numba
import numpy as np
import pytest

import geo.grid
import geo.kernels
import geo.nearby
from geo.blocks import FRESH
from geo.live import Fixes, LiveIndex
from geo.nearby import Crowd, Search
from geo.points import on_sphere
from geo.units import Meters
from tests.geo.plainkernels import plain_kernels

ANYBODY = Search(k=6, reach2=inf, since=0.0, services=-1, only_available=False)


@pytest.fixture(params=["compiled", "plain"])
def kernels(request, monkeypatch):
    monkeypatch.setattr(geo.nearby, "GRID_FROM", 0)
    if request.param == "plain":
        monkeypatch.setattr(geo.grid, "kernels", plain_kernels())


def crowd_of(lat, lon) -> tuple[Crowd, np.ndarray]:
    crowd, places = Crowd(), on_sphere(lat, lon)
    count = len(places)
    crowd.grow(np.column_stack((np.arange(count) % 2, np.arange(count)[::-1])).astype(np.uint64))
    crowd.put(np.arange(len(places)), places, np.zeros(len(places)))
    return crowd, places


def agree(crowd: Crowd, points: np.ndarray, search: Search = ANYBODY) -> None:
    """The grid and the scan, bit by bit."""
    rows, chord2 = crowd.nearest(points, search)
    grid, crowd._grid = crowd._grid, None
    scanned, scanned2 = crowd.nearest(points, search)
    crowd._grid = grid
    assert rows.tolist() == scanned.tolist()
    assert chord2.tolist() == scanned2.tolist()


def test_many_in_one_place_go_by_both_halves_of_their_ids(kernels):
    crowd, places = crowd_of([43.7] * 40, [7.4] * 40)
    agree(crowd, places[:1])
    rows, _ = crowd.nearest(places[:1], ANYBODY)
    assert rows[0].tolist() == [38, 36, 34, 32, 30, 28]


def test_a_country_and_its_antipodes_share_cells_and_are_told_apart(kernels):
    dice = np.random.default_rng(5)
    lat = np.concatenate((dice.normal(47, 0.01, 60), dice.uniform(42, 51, 60), dice.uniform(-90, 90, 60)))
    lon = np.concatenate((dice.normal(2, 0.01, 60), dice.uniform(-5, 8, 60), dice.uniform(-180, 180, 60)))
    crowd, _ = crowd_of(lat, lon)
    points = on_sphere(np.r_[lat[::9], 90, -90, 0, 0], np.r_[lon[::9], 0, 0, 180, -180])
    for reach2 in (inf, 4.0, 1e-4, 1e-9):
        agree(crowd, points, ANYBODY._replace(reach2=reach2))
    agree(crowd, points, ANYBODY._replace(k=200))


def test_blocks_that_run_out_are_built_anew(kernels):
    dice = np.random.default_rng(6)
    crowd, places = crowd_of(dice.uniform(43, 44, 60), dice.uniform(7, 8, 60))
    grid = crowd._grid
    assert grid is not None
    grid._blocks.free[:FRESH] = 0
    grid._blocks.free[FRESH] = len(grid._blocks.places)
    rows = np.arange(30)
    crowd.put(rows, np.repeat(places[40:41], 30, axis=0), np.zeros(30))
    assert crowd._grid is not grid
    agree(crowd, places)


def test_a_crowd_that_grows_comes_and_goes(kernels):
    crowd, places = crowd_of([43.7, 43.8], [7.4, 7.5])
    crowd.grow(np.zeros((50, 2), np.uint64))
    crowd.offer(0, 0b10, available=True)
    crowd.offer(20, 0b01, available=False)
    some = np.arange(10, 50)
    crowd.put(some, on_sphere(43 + some / 100, 7 + some / 100), np.zeros(40))
    crowd.remove(np.array([0, 5, 12]))
    for search in (ANYBODY, ANYBODY._replace(services=1), ANYBODY._replace(only_available=True)):
        agree(crowd, places, search)
    crowd.put(some, on_sphere(43 + some / 100, 7 + some / 100), np.ones(40))
    agree(crowd, places, ANYBODY._replace(since=1.0))
    crowd.put(np.array([], np.int64), np.empty((0, 3)), np.empty(0))


def test_more_than_the_grid_keeps_are_scanned():
    fleet = [UUID(int=n) for n in range(5_000)]
    index = LiveIndex()
    for provider in fleet:
        index.put_on_duty(provider, 1)
    lat = 43 + np.arange(5_000) / 5_000
    assert not index.report_many(fleet, Fixes.of(lat, lat * 0, lat * 0 + 9), 9.0).any()
    rows, away = index.nearest_many([43.0], [0.0], k=1_000, within_m=Meters(1e6), now=9.0)
    few, near = index.nearest_many([43.0], [0.0], k=9, within_m=Meters(1e6), now=9.0)
    assert index.providers_of(rows[0]) == fleet[:1_000]
    assert (few[0].tolist(), near[0].tolist()) == (rows[0, :9].tolist(), away[0, :9].tolist())


def test_without_a_place_for_a_cache_the_loops_are_compiled_in_memory(monkeypatch):
    compiled = numba.njit

    def unwritable(**how):
        if how.get("cache"):
            raise RuntimeError("cannot cache function")
        return compiled(**how)

    monkeypatch.setattr(numba, "njit", unwritable)
    assert geo.kernels._compiled(lambda a: a + 1)(1) == 2
