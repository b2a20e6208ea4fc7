from dataclasses import replace
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.passing import PASSING_TERMS, Passer, most_share_cents, rank_passing

seconds = st.floats(0, 3_600)
crowds = st.lists(
    st.tuples(seconds, seconds, seconds, st.floats(-4, 1)).map(
        lambda told: Passer(id="", detour_s=told[0], walk_s=told[1], shift_s=told[2], rating=told[3])
    ),
    min_size=1,
    max_size=6,
).map(lambda crowd: [replace(one, id=f"p{k}") for k, one in enumerate(crowd)])


def rank_of(crowd: list[Passer], name: str) -> int:
    [found] = [place.rank for place in rank_passing(crowd, seed=1) if place.id == name]
    return found


@given(crowds, st.sampled_from(["detour_s", "walk_s", "shift_s"]), st.floats(0, 1), st.data())
def test_less_out_of_anybody_s_way_never_ranks_worse(
    crowd: list[Passer], what: str, share: float, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(crowd) - 1))
    changed: dict[str, Any] = {what: getattr(crowd[k], what) * share}
    better = [*crowd[:k], replace(crowd[k], **changed), *crowd[k + 1 :]]
    assert rank_of(better, f"p{k}") <= rank_of(crowd, f"p{k}")
    rated = [*crowd[:k], replace(crowd[k], rating=crowd[k].rating + share), *crowd[k + 1 :]]
    assert rank_of(rated, f"p{k}") <= rank_of(crowd, f"p{k}")


@given(crowds, st.integers(0, 100), st.randoms(use_true_random=False))
def test_they_rank_the_same_in_whatever_order_they_come(crowd: list[Passer], seed: int, chance: Any) -> None:
    ranked = rank_passing(crowd, seed=seed)
    chance.shuffle(crowd)
    assert rank_passing(crowd, seed=seed) == ranked
    assert all(tuple(place.terms) == PASSING_TERMS for place in ranked)
    assert all(place.score == pytest.approx(sum(place.terms.values()), abs=1e-6) for place in ranked)


def test_equals_are_drawn_by_lot() -> None:
    equal = [Passer(id=name, detour_s=60.0) for name in ("a", "b")]
    firsts = [rank_passing(equal, seed=seed)[0].id for seed in range(40)]
    assert 8 < firsts.count("a") < 32


@given(st.integers(0, 100), st.floats(0, 500_000), st.integers(2, 9))
def test_all_on_board_together_never_pay_more_than_the_way_costs(
    cents: int, meters: float, people: int
) -> None:
    assert most_share_cents(cents, meters, people) * people <= cents * meters / 1_000 + 1e-6


def test_a_shared_way_costs_its_kilometres_by_heads() -> None:
    assert most_share_cents(40, 30_000.0, 3) == 400
    with pytest.raises(ValueError, match="at least 2"):
        most_share_cents(40, 30_000.0, 1)


@pytest.mark.parametrize(
    ("said", "complaint"), [({"detour_s": nan}, "not finite"), ({"walk_s": -1.0}, "less")]
)
def test_an_impossible_passer_is_refused(said: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Passer(**{"id": "a", "detour_s": 1.0, **said})  # type: ignore[arg-type]
