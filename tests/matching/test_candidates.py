"""A whole round from places: who is near, who is overlooked, and what repair is good for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.allot import by_size
from matching.answer import answer
from matching.assign import assign
from matching.candidates import Town, candidates, how_many, match, nearest
from matching.field import Floats, Rows, columns
from matching.policy import PRIORS
from matching.problem import Ask, Supply
from matching.reasons import Unserved
from tests.matching.factories import ask, provider

FAR = replace(PRIORS, wave_reach_s=())


def town(asks: list[tuple[Ask, float]], supply: list[tuple[Supply, float]]) -> Town:
    """People along a street, by the second of travel at which they stand."""
    asks_at = np.array([[at] for _, at in asks]).reshape(-1, 1)
    supply_at = np.array([[at] for _, at in supply]).reshape(-1, 1)

    def ways(i: Rows, j: Rows) -> tuple[Floats, Floats]:
        seconds = np.abs(asks_at[i, 0] - supply_at[j, 0])
        return seconds, seconds * 10

    ask_columns, supply_columns = columns([one for one, _ in asks], [one for one, _ in supply])
    return Town(
        asks=ask_columns,
        supply=supply_columns,
        asks_at=asks_at,
        supply_at=supply_at,
        ways=ways,
        source="streets",
    )


def pairs_of(of: Town) -> set[tuple[str, str]]:
    i, j = candidates(of)
    return {(of.asks.ids[a], of.supply.ids[b]) for a, b in zip(i.tolist(), j.tolist(), strict=True)}


@pytest.mark.parametrize(("available", "k"), [(4_000, 16), (3_999, 32), (2_000, 32), (1_999, 64), (0, 64)])
def test_the_scarcer_supply_is_the_more_are_looked_at(available: int, k: int) -> None:
    assert how_many(1_000, available) == k


@given(st.lists(st.floats(0, 100), max_size=5), st.lists(st.floats(0, 100), max_size=8), st.integers(0, 9))
def test_the_nearest_are_those_brute_force_finds(points: list[float], among: list[float], k: int) -> None:
    i, j = nearest(np.array(points).reshape(-1, 1), np.array(among).reshape(-1, 1), k)
    for row, point in enumerate(points):
        away = sorted(abs(point - other) for other in among)[:k]
        assert sorted(abs(point - among[column]) for column in j[i == row].tolist()) == pytest.approx(away)


def test_only_those_who_may_come_are_looked_at() -> None:
    asks = [(ask("ride"), 0.0), (ask("van", service="parcel", needs=frozenset({"van"})), 0.0)]
    supply = [
        (provider("ann"), 1.0),
        (provider("bob", busy=True), 1.0),
        (provider("cid", services=frozenset({"parcel"})), 1.0),
        (provider("dan", services=frozenset({"parcel", "ride-vtc"}), tags=frozenset({"van"})), 9.0),
    ]
    assert pairs_of(town(asks, supply)) == {("ride", "ann"), ("ride", "dan"), ("van", "dan")}
    assert pairs_of(town([], supply)) == set()
    assert pairs_of(town(asks, [])) == set()


def crowd() -> Town:
    """100 asks at one corner with 70 providers, and 40 more providers ten minutes away."""
    asks = [(ask(f"a{i:03}", max_approach_s=1_800.0), i / 100) for i in range(100)]
    near = [(provider(f"n{j:03}"), 1 + j / 100) for j in range(70)]
    away = [(provider(f"w{j:03}"), 600 + j / 100) for j in range(40)]
    return town(asks, [*near, *away])


def test_repair_finds_those_whom_the_nearest_hid() -> None:
    _, looked_near = match(crowd(), FAR, seed=1, repairs=0)
    assert len(looked_near.unserved) == 36  # all have the same 64 nearest
    field, repaired = match(crowd(), FAR, seed=1)
    assert repaired.unserved == ()
    assert repaired.objective < looked_near.objective
    assert len(field.pairs) > 100 * 64


def test_a_repair_that_gains_nothing_is_the_last() -> None:
    beyond = [(ask(f"a{i}"), 0.0) for i in range(2)]
    field, found = match(town(beyond, [(provider("ann"), 5_000.0)]), FAR, seed=1)
    assert [why for _, why in found.unserved] == [Unserved.ALL_TOO_FAR] * 2
    assert len(field.pairs) == 2
    asks = [(ask(f"a{i:03}"), 0.0) for i in range(70)]
    far = [(provider(f"p{j:03}"), 5_000.0) for j in range(66)]
    field, found = match(town(asks, far), FAR, seed=1)
    assert 70 * 64 < len(field.pairs) < 70 * 66
    assert len(found.unserved) == 70


def balanced(seed: int) -> Town:
    """As many providers as asks, but not where the asks are: everybody's nearest are contended for."""
    dice = np.random.default_rng(seed)
    asks = [(ask(f"a{n:03}", max_approach_s=1_800.0), at) for n, at in enumerate(dice.normal(0, 200, 300))]
    supply = [(provider(f"p{n:03}"), at) for n, at in enumerate(dice.normal(400, 600, 310))]
    return town(asks, supply)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_repaired_round_is_that_of_all_its_pairs_at_once(seed: int) -> None:
    """However much of it was known from the rounds before: what was judged, the order, the assignment."""
    field, found = match(balanced(seed), FAR, seed=seed)
    assert len(field.pairs) > 300 * 64
    for anew in (answer(field), answer(field, assign)):
        assert found.objective == anew.objective
        assert found.unserved == anew.unserved
        assert found.reason.tolist() == anew.reason.tolist()
        assert found.offers.tolist() == anew.offers.tolist()
        assert found.seen.pair.tolist() == anew.seen.pair.tolist()
        assert found.seen.rank.tolist() == anew.seen.rank.tolist()


def test_both_ways_of_assigning_find_the_same_round() -> None:
    by_scipy, by_kernel = (match(crowd(), FAR, seed=1, assignment=way)[1] for way in (assign, by_size))
    assert by_scipy.objective == by_kernel.objective
    assert by_scipy.reason.tolist() == by_kernel.reason.tolist()


def test_a_market_without_anybody_has_an_answer() -> None:
    assert match(town([], []), FAR, seed=1)[1].objective == 0.0
    _, found = match(town([(ask(), 0.0)], []), FAR, seed=1)
    assert found.unserved == ((0, Unserved.NO_SUPPLY),)
