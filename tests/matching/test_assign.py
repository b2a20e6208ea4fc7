from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching.assign import NOBODY, assign, lots

LOTS_OF_SEED_7 = [0.9130882024704607, 0.8369666923162881, 0.7502807203849283]

costs = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 2_000, allow_nan=False))


@st.composite
def fields(draw: st.DrawFn) -> tuple[dict[tuple[int, int], float], list[float]]:
    n, m = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    edges = {
        (i, j): cost
        for i, j in product(range(n), range(m))
        if (cost := draw(st.one_of(st.none(), costs))) is not None
    }
    return edges, [draw(costs) for _ in range(n)]


def solved(edges: dict[tuple[int, int], float], nobody: list[float]) -> list[int]:
    rows, columns = (
        np.array([i for i, _ in edges], dtype=np.intp),
        np.array([j for _, j in edges], dtype=np.intp),
    )
    found: list[int] = assign(
        rows, columns, np.array(list(edges.values()), dtype=np.float64), np.array(nobody)
    ).tolist()
    return found


def total(
    columns: tuple[int, ...] | list[int], edges: dict[tuple[int, int], float], nobody: list[float]
) -> float:
    return sum(nobody[i] if j == NOBODY else edges[i, j] for i, j in enumerate(columns))


def best_by_trying_all(edges: dict[tuple[int, int], float], nobody: list[float]) -> float:
    choices = [[NOBODY, *(j for i, j in edges if i == row)] for row in range(len(nobody))]
    return min(
        total(columns, edges, nobody)
        for columns in product(*choices)
        if len({j for j in columns if j != NOBODY}) == sum(j != NOBODY for j in columns)
    )


@given(fields())
def test_the_assignment_is_the_best_of_all(field: tuple[dict[tuple[int, int], float], list[float]]) -> None:
    edges, nobody = field
    found = solved(edges, nobody)
    taken = [j for j in found if j != NOBODY]
    assert len(found) == len(nobody)
    assert len(set(taken)) == len(taken)
    assert abs(total(found, edges, nobody) - best_by_trying_all(edges, nobody)) < 1e-6


def test_a_cost_of_zero_is_an_edge_like_any_other() -> None:
    assert solved({(0, 0): 0.0, (0, 1): 0.0, (1, 1): 0.0}, [5.0, 5.0]) == [0, 1]


def test_a_greedy_choice_is_given_up_for_the_better_whole() -> None:
    assert solved({(0, 0): 100.0, (0, 1): 200.0, (1, 0): 110.0, (1, 1): 900.0}, [1_500.0, 1_500.0]) == [1, 0]


def test_a_cost_as_high_as_nobody_is_not_taken() -> None:
    assert solved({(0, 0): 5.0}, [5.0]) == [NOBODY]


def test_no_rows_give_no_columns() -> None:
    assert solved({}, []) == []


def drawn(seed: int, rows: list[int], columns: list[int]) -> list[float]:
    found: list[float] = lots(seed, ["a", "b"], ["x", "y", "z"], np.array(rows), np.array(columns)).tolist()
    return found


def test_lots_are_the_same_everywhere_and_for_ever() -> None:
    assert drawn(7, [0, 0, 1], [0, 1, 2]) == LOTS_OF_SEED_7


def test_lots_differ_by_pair_and_by_seed_and_lie_in_the_unit_interval() -> None:
    every = [lot for seed in (1, 2) for lot in drawn(seed, [0, 0, 0, 1, 1, 1], [0, 1, 2] * 2)]
    assert len(set(every)) == 12
    assert all(0 <= lot < 1 for lot in every)


def test_a_lot_depends_on_the_pair_and_not_on_its_index() -> None:
    assert lots(3, ["b"], ["z"], np.array([0]), np.array([0])).tolist() == drawn(3, [1], [2])
