"""The bucket wheel against scipy's heap, in Python as written (where coverage sees it) and compiled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.shortest import Spreader, _spread

edges = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 400)), max_size=40)
sources = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 300)), max_size=3)


def graph(rows: list[tuple[int, int, int]]) -> csr_array:
    lightest = {(a, b): w for a, b, w in sorted(rows, key=lambda row: -row[2])}
    a, b = ([edge[i] for edge in lightest] for i in range(2))
    return csr_array((np.array(list(lightest.values()), float), (a, b)), shape=(9, 9))


@pytest.mark.parametrize("compiled", [False, True])
def test_every_node_is_reached_at_the_least_weight_whatever_the_width(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr("geo.shortest.kernel", lambda: _spread)

    @settings(max_examples=150, deadline=None)
    @given(edges, sources, st.sampled_from([1.0, 7.0, 100.0, 1e6]), st.sampled_from([np.inf, 250.0]))
    def check(rows, begin, width, limit):
        matrix = graph(rows)
        spreader = Spreader(
            matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(float), width
        )
        nodes, weights = np.array([n for n, _ in begin], np.int64), np.array([w for _, w in begin], float)
        wanted = np.full(9, np.inf)
        for node, weight in begin:
            wanted = np.minimum(wanted, weight + dijkstra(matrix, indices=node))
        wanted[wanted > limit] = np.inf
        assert spreader.reach(nodes, weights, limit).tolist() == wanted.tolist()

    check()


def test_an_edge_of_many_hours_makes_the_buckets_wider_not_more():
    far = Spreader(np.array([0, 1, 1], np.int32), np.array([1], np.int32), np.array([1e9]), 1.0)
    assert far.reach(np.array([0]), np.array([0.0])).tolist() == [0.0, 1e9]


def spread(rows: list[tuple[int, int, int]], width: float) -> list[float]:
    matrix = graph(rows)
    wheel = Spreader(
        matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(float), width
    )
    found: list[float] = wheel.reach(np.array([0]), np.array([0.0])).tolist()
    return found


def test_a_node_found_lighter_moves_out_of_its_list(monkeypatch):
    monkeypatch.setattr("geo.shortest.kernel", lambda: _spread)
    rows = [(0, 1, 300), (0, 2, 301), (0, 3, 302), (0, 4, 10), (4, 2, 20), (4, 3, 50), (4, 1, 90), (2, 3, 10)]
    assert spread(rows, 9.0)[:5] == [0.0, 100.0, 30.0, 40.0, 10.0]


def test_whoever_stays_in_a_list_is_found_again_when_its_neighbour_has_moved(monkeypatch):
    """1, 2 and 3 share a bucket; 2 leaves from between them, then 3, then 1, and the way goes on beyond 1."""
    monkeypatch.setattr("geo.shortest.kernel", lambda: _spread)
    ways = [(0, 1, 300), (0, 2, 301), (0, 3, 302), (0, 4, 10), (4, 2, 20), (2, 3, 10), (3, 1, 90)]
    assert spread([*ways, (1, 5, 390), (5, 6, 10)], 9.0)[:7] == [0.0, 130.0, 30.0, 40.0, 10.0, 520.0, 530.0]


def test_a_node_found_lighter_within_its_bucket_stays_there_and_is_settled_once_more(monkeypatch):
    monkeypatch.setattr("geo.shortest.kernel", lambda: _spread)
    assert spread([(0, 1, 300), (0, 2, 10), (2, 1, 20), (1, 3, 5)], 1_000.0)[:4] == [0.0, 30.0, 10.0, 35.0]
