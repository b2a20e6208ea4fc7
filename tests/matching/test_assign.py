from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import compiled, paths
from matching.allot import COMPILED_FROM, Resuming, by_size
from matching.assign import NOBODY, Assignment, assign, lots

LOTS_OF_SEED_7 = [0.9130882024704607, 0.8369666923162881, 0.7502807203849283]

costs = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 2_000, allow_nan=False))


@contextmanager
def interpreted() -> Iterator[Assignment]:
    """The compiled assignment as plain Python: the same source, which coverage can see."""
    with pytest.MonkeyPatch.context() as patch:
        for name, kernel in vars(paths).copy().items():
            if hasattr(kernel, "py_func"):
                patch.setattr(paths, name, kernel.py_func)
        yield compiled.assign


@st.composite
def fields(draw: st.DrawFn) -> tuple[dict[tuple[int, int], float], list[float], list[int]]:
    n, m = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    edges = {
        (i, j): cost
        for i, j in product(range(n), range(m))
        if (cost := draw(st.one_of(st.none(), costs))) is not None
    }
    return edges, [draw(costs) for _ in range(n)], [draw(st.sampled_from([1, 1, 2, 3])) for _ in range(m)]


def solved(
    edges: dict[tuple[int, int], float],
    nobody: list[float],
    room: list[int] | None = None,
    by: Assignment = assign,
) -> list[int]:
    rows, columns = (
        np.array([i for i, _ in edges], dtype=np.intp),
        np.array([j for _, j in edges], dtype=np.intp),
    )
    found: list[int] = by(
        rows,
        columns,
        np.array(list(edges.values()), dtype=np.float64),
        np.array(nobody),
        None if room is None else np.array(room, dtype=np.int64),
    ).tolist()
    return found


def total(
    columns: tuple[int, ...] | list[int], edges: dict[tuple[int, int], float], nobody: list[float]
) -> float:
    return sum(nobody[i] if j == NOBODY else edges[i, j] for i, j in enumerate(columns))


def fits(columns: tuple[int, ...] | list[int], room: list[int]) -> bool:
    return all(taken <= room[j] for j, taken in Counter(columns).items() if j != NOBODY)


def best_by_trying_all(edges: dict[tuple[int, int], float], nobody: list[float], room: list[int]) -> float:
    choices = [[NOBODY, *(j for i, j in edges if i == row)] for row in range(len(nobody))]
    return min(total(columns, edges, nobody) for columns in product(*choices) if fits(columns, room))


def check_the_best(
    field: tuple[dict[tuple[int, int], float], list[float], list[int]], by: Assignment
) -> None:
    edges, nobody, room = field
    for places in (room, None):
        found = solved(edges, nobody, places, by)
        enough = places or [1] * len(room)
        assert len(found) == len(nobody)
        assert fits(found, enough)
        assert abs(total(found, edges, nobody) - best_by_trying_all(edges, nobody, enough)) < 1e-6
        assert not [i for i, j in enumerate(found) if j != NOBODY and edges[i, j] >= nobody[i]]


Question = tuple[dict[tuple[int, int], float], list[float], list[int]]


@given(fields())
def test_the_assignment_is_the_best_of_all(field: Question) -> None:
    check_the_best(field, assign)


@given(fields())
def test_the_compiled_assignment_is_the_best_of_all(field: Question) -> None:
    check_the_best(field, compiled.assign)


@given(fields())
def test_the_kernel_read_as_python_gives_the_best_of_all(field: Question) -> None:
    with interpreted() as by:
        check_the_best(field, by)


def check_the_best_wherever_it_begins(
    questions: list[Question], prices: list[float], held: list[int]
) -> None:
    """Each question after the other, the first from any prices and any holders at all."""
    resuming = compiled.Resuming()
    resuming._price, resuming._held = np.array(prices), np.array(held, dtype=np.intp)
    for question in questions:
        check_the_best(question, resuming)


anywhere = given(
    st.lists(fields(), min_size=1, max_size=4),
    st.lists(st.one_of(st.just(0.0), st.floats(0, 500)), max_size=5),
    st.lists(st.integers(NOBODY, 4), max_size=5),
)


@anywhere
def test_where_it_begins_changes_no_answer(
    questions: list[Question], prices: list[float], held: list[int]
) -> None:
    check_the_best_wherever_it_begins(questions, prices, held)


@anywhere
def test_nor_does_it_where_the_kernel_is_read_as_python(
    questions: list[Question], prices: list[float], held: list[int]
) -> None:
    with interpreted():
        check_the_best_wherever_it_begins(questions, prices, held)


def crowded(seed: int, n: int, m: int, k: int, most: int) -> Question:
    """Rows that all want the same few columns, so that finding them a place moves many others along."""
    chance = Random(seed)
    edges = {
        (i, j): round(abs(i / n - j / m) * 900 + chance.random() * 50, 3)
        for i in range(n)
        for j in chance.sample(range(m), k)
    }
    nobody = [round(300 + chance.random() * 100, 3) for _ in range(n)]
    return edges, nobody, [chance.randint(1, most) for _ in range(m)]


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ways_give_the_same_answer_where_it_is_the_only_one(seed: int, most: int) -> None:
    edges, nobody, room = crowded(seed, n=60, m=40, k=12, most=most)
    answers = [solved(edges, nobody, room, by) for by in (assign, compiled.assign)]
    with interpreted() as by:
        answers.append(solved(edges, nobody, room, by))
    assert answers[0] == answers[1] == answers[2]
    assert (NOBODY in answers[0]) == (most == 1)


def test_a_large_round_is_answered_alike_by_whichever_way_its_size_chooses() -> None:
    edges, nobody, room = crowded(4, n=COMPILED_FROM // 10 + 1, m=150, k=10, most=1)
    assert len(edges) >= COMPILED_FROM
    assert solved(edges, nobody, room, by_size) == solved(edges, nobody, room, assign)
    few = dict(list(edges.items())[:50])
    assert solved(few, nobody, room, by_size) == solved(few, nobody, room, compiled.assign)


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_a_question_that_grows_by_a_few_edges_is_answered_as_if_asked_anew(seed: int, most: int) -> None:
    """From the answer before: rows find new columns, and columns they leave find other rows."""
    check_growing(crowded(seed, n=120, m=100, k=30, most=most))
    with interpreted():
        check_growing(crowded(seed, n=40, m=30, k=12, most=most))


def check_growing(question: Question) -> None:
    edges, nobody, room = question
    known = dict(list(edges.items())[: -len(edges) // 5])
    resuming = compiled.Resuming()
    before = solved(known, nobody, room, resuming)
    after = solved(edges, nobody, room, resuming)
    assert after == solved(edges, nobody, room, compiled.assign)
    assert after != before
    fewer = {edge: cost for edge, cost in edges.items() if chance_of(edge) > 1}
    assert solved(fewer, nobody, room, resuming) == solved(fewer, nobody, room, compiled.assign)


def chance_of(edge: tuple[int, int]) -> int:
    return (7 * edge[0] + edge[1]) % 10


def test_by_size_resumes_from_where_the_compiled_way_ended() -> None:
    edges, nobody, room = crowded(4, n=COMPILED_FROM // 10 + 1, m=150, k=10, most=1)
    resuming = Resuming()
    few = dict(list(edges.items())[:50])
    for asked in (few, edges, few, edges):
        assert solved(asked, nobody, room, resuming) == solved(asked, nobody, room, assign)


WAYS = pytest.mark.parametrize("by", [assign, compiled.assign], ids=["scipy", "compiled"])


@WAYS
def test_a_cost_of_zero_is_an_edge_like_any_other(by: Assignment) -> None:
    assert solved({(0, 0): 0.0, (0, 1): 0.0, (1, 1): 0.0}, [5.0, 5.0], by=by) == [0, 1]


@WAYS
def test_a_greedy_choice_is_given_up_for_the_better_whole(by: Assignment) -> None:
    edges = {(0, 0): 100.0, (0, 1): 200.0, (1, 0): 110.0, (1, 1): 900.0}
    assert solved(edges, [1_500.0, 1_500.0], by=by) == [1, 0]


@WAYS
def test_a_cost_as_high_as_nobody_is_not_taken(by: Assignment) -> None:
    assert solved({(0, 0): 5.0}, [5.0], by=by) == [NOBODY]


@WAYS
def test_no_rows_give_no_columns(by: Assignment) -> None:
    assert solved({}, [], by=by) == []


@WAYS
def test_a_column_takes_as_many_as_it_has_room_for_the_cheapest_first(by: Assignment) -> None:
    edges = {(0, 0): 10.0, (1, 0): 30.0, (2, 0): 20.0}
    assert solved(edges, [100.0] * 3, [2], by) == [0, NOBODY, 0]


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
