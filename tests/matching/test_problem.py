import json
from dataclasses import replace
from math import inf, nan
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.policy import PRIORS
from matching.problem import Pairs, Problem, from_json, to_json
from matching.reasons import Reason
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems


def shuffled(of: Problem, seed: int) -> Problem:
    chance = Random(seed)
    asks, supply = list(range(len(of.asks))), list(range(len(of.supply)))
    chance.shuffle(asks)
    chance.shuffle(supply)
    rows = list(zip(of.pairs.ask, of.pairs.supply, of.pairs.eta_s, of.pairs.meters, strict=True))
    chance.shuffle(rows)
    pairs = Pairs.of(
        [(asks.index(i), supply.index(j), eta, length) for i, j, eta, length in rows], of.pairs.source
    )
    return Problem(
        asks=tuple(of.asks[i] for i in asks),
        supply=tuple(of.supply[j] for j in supply),
        pairs=pairs,
        policy=of.policy,
        seed=of.seed,
    )


def test_what_bars_and_the_way_onward_are_checked_at_the_door() -> None:
    with pytest.raises(ValueError, match="bars nobody"):
        ask(barred=(("ann", Reason.BUSY),))
    for wrong in (-1.0, inf, nan):
        with pytest.raises(ValueError, match="a way onward"):
            ask(onward_s=(("ann", wrong),))
    assert ask(onward_s=(("bob", 2.0), ("ann", 1.00049))).onward_s == (("ann", 1.0), ("bob", 2.0))


def test_a_problem_stored_before_there_was_a_way_onward_is_read_with_none() -> None:
    stored = to_json(problem([ask()], [provider()], {("ask-1", "ann"): 60.0}))
    for name in ("onward_s", "barred"):
        del stored["asks"][0][name]
    del stored["supply"][0]["next_start_s"], stored["policy"]["leave_s"]
    assert from_json(stored) == problem([ask()], [provider()], {("ask-1", "ann"): 60.0})


@given(problems())
def test_a_problem_read_back_from_json_is_the_one_stored(given_problem: Problem) -> None:
    back = from_json(json.loads(json.dumps(to_json(given_problem), allow_nan=False)))
    assert back == given_problem
    assert hash(back) == hash(given_problem)
    assert to_json(back) == to_json(given_problem)


@given(problems(), st.integers())
def test_a_problem_is_the_same_in_whatever_order_it_is_given(given_problem: Problem, seed: int) -> None:
    assert shuffled(given_problem, seed) == given_problem


def test_times_are_rounded_to_the_millisecond_at_the_door() -> None:
    rounded = problem([ask(age_s=1.00049)], [provider(fix_age_s=-0.0001)], {("ask-1", "ann"): 60.12345})
    assert rounded.asks[0].age_s == 1.0
    assert str(rounded.supply[0].fix_age_s) == "0.0"
    assert rounded.pairs.eta_s.tolist() == [60.123]


def test_pairs_cannot_be_written_to() -> None:
    pairs = Pairs.of([(0, 0, 1.0, 1.0)], "streets")
    with pytest.raises(ValueError, match="read-only"):
        pairs.eta_s[0] = 2.0


def test_pairs_differ_from_anything_else() -> None:
    assert Pairs.of([], "crow") != "crow"
    assert Pairs.of([], "crow") != Pairs.of([], "osrm")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"age_s": -1.0}, "age_s -1.0"),
        ({"max_approach_s": inf}, "max_approach_s inf"),
        ({"duration_s": nan}, "duration_s nan"),
        ({"starts_in_s": nan}, "starts_in_s nan"),
        ({"wanted": 0}, "wants 0"),
        ({"wave": -1}, "negative wave -1"),
        ({"pay": -1}, "pay -1"),
    ],
)
def test_an_impossible_ask_is_refused_at_the_door(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ask(**said)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"max_travel_s": -1.0}, "max_travel_s"),
        ({"income_per_hour": inf}, "income_per_hour"),
        ({"queue_rank": 1}, "come together"),
        ({"queue_zone": "station"}, "come together"),
    ],
)
def test_an_impossible_provider_is_refused_at_the_door(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        provider(**said)


@pytest.mark.parametrize("rows", [[(0, 0, nan, 1.0)], [(0, 0, -1.0, 1.0)], [(-1, 0, 1.0, 1.0)]])
def test_a_pair_with_an_impossible_number_is_refused(rows: list[tuple[int, int, float, float]]) -> None:
    with pytest.raises(ValueError, match="negative or not one"):
        Pairs.of(rows, "osrm")


def test_pairs_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="supply has shape"):
        Pairs(np.array([0, 0]), np.array([0]), np.array([1.0, 2.0]), np.array([1.0, 2.0]), "streets")


def test_a_travel_time_from_nowhere_known_is_refused() -> None:
    with pytest.raises(ValueError, match="not dreams"):
        Pairs.of([], "dreams")


def one_pair(i: int, j: int) -> Pairs:
    return Pairs.of([(i, j, 1.0, 1.0)], "streets")


def test_a_problem_that_contradicts_itself_is_refused() -> None:
    fine = problem([ask()], [provider()], {})
    with pytest.raises(ValueError, match="an ask id is used twice"):
        replace(fine, asks=(ask(), ask()))
    with pytest.raises(ValueError, match="a provider id is used twice"):
        replace(fine, supply=(provider(), provider()))
    for i, j in ((1, 0), (0, 1)):
        with pytest.raises(ValueError, match="points past"):
            replace(fine, pairs=one_pair(i, j))
    with pytest.raises(ValueError, match="paired twice"):
        replace(fine, pairs=Pairs.of([(0, 0, 1.0, 1.0), (0, 0, 2.0, 1.0)], "streets"))


def test_a_stored_problem_of_another_format_is_refused() -> None:
    stored = to_json(problem([], [], {}, policy=PRIORS))
    with pytest.raises(ValueError, match="format 2 is not 1"):
        from_json({**stored, "format": 2})
