from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.policy import CALL_PRIORS
from matching.rank import (
    CALL_TERMS,
    Proposal,
    Ranked,
    bayesian_rating,
    rank_proposals,
    responsiveness,
)

_USUAL: dict[str, Any] = {
    "travel_s": 600.0,
    "skill": 0.5,
    "ratings": 20.0,
    "rating_total": 90.0,
    "past_jobs": 3,
    "shown": 50,
    "price": 5_000,
}


def proposal(name: str, **said: Any) -> Proposal:
    return Proposal(id=name, **{**_USUAL, **said})


@st.composite
def fields(draw: st.DrawFn) -> list[Proposal]:
    return [
        proposal(
            f"p{k}",
            travel_s=draw(st.floats(0, 7_200)),
            skill=draw(st.floats(0, 1)),
            ratings=(n := draw(st.integers(0, 50))),
            rating_total=n * draw(st.floats(1, 5)),
            past_jobs=draw(st.integers(0, 40)),
            shown=draw(st.integers(0, 60)),
            price=draw(st.one_of(st.none(), st.integers(0, 20_000))),
            asked=(asked := draw(st.integers(0, 12))),
            answered=draw(st.integers(0, asked)),
            reply_s=draw(st.floats(0, 86_400)),
            detour_s=draw(st.one_of(st.none(), st.floats(0, 900))),
        )
        for k in range(draw(st.integers(1, 6)))
    ]


def rank(ranked: tuple[Ranked, ...], name: str) -> int:
    [found] = [one.rank for one in ranked if one.id == name]
    return found


def order(*proposals: Proposal, seed: int = 1) -> list[str]:
    return [one.id for one in rank_proposals(proposals, seed=seed)]


@pytest.mark.parametrize(
    "better",
    [
        {"travel_s": 60.0},
        {"skill": 1.0},
        {"rating_total": 99.0},
        {"price": 3_000},
        {"past_jobs": 30},
        {"shown": 2},
        {"asked": 3, "answered": 3, "reply_s": 600.0},
        {"detour_s": 120.0},
    ],
    ids=lambda said: next(iter(said)),
)
def test_each_thing_that_speaks_for_a_provider_puts_them_first(better: dict[str, Any]) -> None:
    assert order(proposal("a-usual"), proposal("b-better", **better)) == ["b-better", "a-usual"]


@given(fields(), st.integers(), st.randoms(use_true_random=False))
def test_proposals_rank_the_same_in_whatever_order_they_come(
    field: list[Proposal], seed: int, chance: Any
) -> None:
    ranked = rank_proposals(field, seed=seed)
    chance.shuffle(field)
    assert rank_proposals(field, seed=seed) == ranked
    assert [one.rank for one in ranked] == list(range(1, len(field) + 1))
    assert all(tuple(one.terms) == CALL_TERMS for one in ranked)
    assert all(one.score == pytest.approx(sum(one.terms.values()), abs=1e-6) for one in ranked)


BETTER: dict[str, Any] = {
    "nearer": lambda one, share: replace(one, travel_s=one.travel_s * share),
    "more skilled": lambda one, share: replace(one, skill=1 - (1 - one.skill) * share),
    "better rated": lambda one, share: replace(
        one, rating_total=5 * one.ratings - (5 * one.ratings - one.rating_total) * share
    ),
    "cheaper": lambda one, share: (
        replace(one, price=int(one.price * share)) if one.price is not None else one
    ),
    "more practised": lambda one, share: replace(one, past_jobs=one.past_jobs + round(10 * (1 - share))),
    "more often answering": lambda one, share: replace(
        one, answered=one.asked - int((one.asked - one.answered) * share)
    ),
    "faster to answer": lambda one, share: replace(one, reply_s=one.reply_s * share),
    "less often shown": lambda one, share: replace(one, shown=int(one.shown * share)),
    "passing": lambda one, share: replace(
        one, detour_s=(one.travel_s if one.detour_s is None else one.detour_s) * share
    ),
}


@pytest.mark.parametrize("name", BETTER)
@given(field=fields(), share=st.floats(0, 1), data=st.data())
def test_who_is_better_in_one_thing_never_ranks_worse(
    name: str, field: list[Proposal], share: float, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, len(field) - 1))
    one = field[k]
    changed = [*field[:k], BETTER[name](one, share), *field[k + 1 :]]
    assert rank(rank_proposals(changed, seed=1), one.id) <= rank(rank_proposals(field, seed=1), one.id)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1e6))
def test_who_answers_everything_is_never_below_who_was_never_asked(
    more: int, asked: int, reply_s: float
) -> None:
    assert responsiveness(asked, asked, reply_s, 3_600) >= responsiveness(0, 0, 0.0, 3_600) == 0.5
    assert responsiveness(asked + more, asked, reply_s, 3_600) <= responsiveness(asked, asked, reply_s, 3_600)


def test_a_prompt_answer_is_worth_up_to_twice_a_late_one() -> None:
    assert responsiveness(6, 6, 0.0, 3_600) == pytest.approx(0.8)
    assert responsiveness(6, 6, 3_600.0, 3_600) == pytest.approx(6.5 / 10)
    assert responsiveness(6, 0, 0.0, 3_600) == pytest.approx(0.2)


def test_a_rating_is_measured_against_the_mean_of_its_category() -> None:
    [strict] = rank_proposals([proposal("a")], seed=1, mean=4.0)
    [mild] = rank_proposals([proposal("a")], seed=1, mean=4.8)
    assert strict.terms["rating"] > mild.terms["rating"]


@given(fields())
def test_exposure_lifts_only_near_equals_and_a_newcomer_by_a_bounded_term(field: list[Proposal]) -> None:
    ranked = rank_proposals(field, seed=1)
    bare = {one.id: one.score - one.terms["exposure"] for one in ranked}
    for one in ranked:
        assert 0 <= one.terms["newcomer"] <= CALL_PRIORS.newcomer
        assert 0 <= one.terms["exposure"] <= CALL_PRIORS.exposure
        assert (
            one.terms["exposure"] == 0 or bare[one.id] >= max(bare.values()) - CALL_PRIORS.near_equal - 1e-6
        )


def test_one_five_star_review_does_not_beat_a_hundred_good_ones() -> None:
    assert bayesian_rating(1, 5.0, 4.5) == pytest.approx(41 / 9)
    assert bayesian_rating(1, 5.0, 4.5) < bayesian_rating(100, 490.0, 4.5) < 4.9
    assert bayesian_rating(0, 0.0, 4.5) == 4.5
    one, hundred = (
        proposal("one", ratings=1, rating_total=5.0),
        proposal("hundred", ratings=100, rating_total=490.0),
    )
    assert order(one, hundred) == ["hundred", "one"]


def test_a_provider_who_has_not_proposed_a_price_is_neither_cheap_nor_dear() -> None:
    ranked = rank_proposals(
        [proposal("a", price=None), proposal("b", price=4_000), proposal("c", price=6_000)], seed=1
    )
    assert [one.id for one in ranked] == ["b", "a", "c"]
    assert rank_proposals([proposal("a", price=None)], seed=1)[0].terms["price"] == 0.0


def test_a_newcomer_whom_nobody_has_seen_gets_the_whole_of_the_newcomer_s_term() -> None:
    [shown_never] = rank_proposals([proposal("a", shown=0)], seed=1)
    assert shown_never.terms["newcomer"] == CALL_PRIORS.newcomer
    assert shown_never.terms["exposure"] == 0.0


def test_equals_are_drawn_by_lot() -> None:
    firsts = [order(proposal("a"), proposal("b"), seed=seed)[0] for seed in range(40)]
    assert 8 < firsts.count("a") < 32


def test_no_proposals_rank_as_none() -> None:
    assert rank_proposals([], seed=1) == ()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"travel_s": inf}, "negative or not finite"),
        ({"price": -1}, "negative or not finite"),
        ({"skill": 1.5}, "outside"),
        ({"asked": 1, "answered": 2}, "2 answers to 1 questions"),
        ({"detour_s": -1.0}, "negative or not finite"),
    ],
)
def test_an_impossible_proposal_is_refused(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        proposal("a", **said)
