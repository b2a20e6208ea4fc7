import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import explain as explaining
from matching import problem as problems_room
from matching import result as results_room
from matching.explain import Explanation, Factor, NotInRound, explain
from matching.policy import PRIORS
from matching.problem import Problem
from matching.reasons import Language, Reason
from matching.solve import solve
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems

NAMES = ("ann", "bob", "cid", "dan")


def told(of: Problem, who: str, about: str = "ask-1", language: Language = "en") -> Explanation:
    return explain(problems_room.to_json(of), results_room.to_json(solve(of)), who, about, language)


def of_four(**said: Any) -> Problem:
    etas = {
        ("ask-1", "ann"): 100.0,
        ("ask-1", "bob"): 170.0,
        ("ask-1", "cid"): 230.0,
        ("ask-1", "dan"): 700.0,
    }
    return problem([ask(**said)], [provider(name) for name in NAMES], etas)


def test_the_one_who_was_offered_it_is_told_so() -> None:
    explanation = told(of_four(), "ann")
    assert (explanation.rank, explanation.of, explanation.nearer_s) == (1, 3, None)
    assert explanation.reasons == (Reason.OFFERED,)
    assert explanation.words == (
        "This request was offered to you: you were 2 minutes away. Your place: 1 of 3. "
        "Declining or letting an offer pass never counts against you."
    )


def test_the_next_is_told_how_much_nearer_it_would_have_been_theirs() -> None:
    explanation = told(of_four(), "bob")
    assert (explanation.rank, explanation.of, explanation.nearer_s) == (2, 3, 120.0)
    assert explanation.words.startswith(
        "You could have come, in 3 minutes, but it was offered nearer by. "
        "2 minutes nearer and it would have been offered to you. Your place: 2 of 3."
    )
    assert explanation.factors == (Factor(name="approach", value=170.0, unit="s", contribution=170.0),)
    assert explanation.policy_version == PRIORS.version


def test_the_same_is_told_in_french() -> None:
    assert told(of_four(), "cid", language="fr").words.startswith(
        "Vous pouviez venir, en 4 minutes, mais elle a été proposée plus près. "
        "3 minutes plus près et elle vous aurait été proposée. Votre rang : 3 sur 3."
    )


def test_one_who_was_too_far_learns_the_limit_and_what_would_have_been_enough() -> None:
    explanation = told(of_four(wanted=4), "dan")
    assert explanation.reasons == (Reason.TOO_FAR,)
    assert (explanation.rank, explanation.of, explanation.nearer_s) == (None, 3, 120.0)
    assert "You were 12 minutes away; the request looked out to 10 minutes" in explanation.words


def test_where_few_could_be_asked_no_rank_is_told_and_distances_are_coarse() -> None:
    etas = {("ask-1", "ann"): 100.0, ("ask-1", "bob"): 170.0}
    explanation = told(problem([ask()], [provider("ann"), provider("bob")], etas), "bob")
    assert (explanation.rank, explanation.of, explanation.nearer_s) == (None, None, 300.0)
    assert "5 minutes nearer and it would have been offered to you. Few could be asked." in explanation.words


def test_where_being_nearer_would_not_have_helped_nothing_is_promised() -> None:
    supply = [provider("ann", queue_rank=1, queue_zone="station"), provider("bob")]
    at_station = problem([ask(zone="station")], supply, {("ask-1", "ann"): 100.0, ("ask-1", "bob"): 20.0})
    assert told(at_station, "bob").nearer_s is None
    booked = problem([ask()], [provider("ann", free_until_s=60.0)], {("ask-1", "ann"): 100.0})
    assert told(booked, "ann").reasons == (Reason.AGENDA_CONFLICT,)
    assert told(booked, "ann").nearer_s is None


def test_everything_that_stood_against_an_offer_is_told_the_first_first() -> None:
    late = provider("ann", busy=True, stale=True, fix_age_s=150.0, tags=frozenset({"child-seat"}))
    explanation = told(problem([ask(needs=frozenset({"van"}))], [late], {}), "ann")
    assert explanation.reasons == (Reason.STALE_POSITION, Reason.BUSY, Reason.MISSING_TAG)
    assert "Your phone's last position was 3 minutes old." in explanation.words
    assert "does not list: van." in explanation.words
    assert explanation.factors == ()


def test_one_s_own_limit_is_told_back() -> None:
    near_only = problem([ask()], [provider("ann", max_travel_s=60.0)], {("ask-1", "ann"): 100.0})
    explanation = told(near_only, "ann")
    assert "You were 2 minutes away, and you have asked for no more than a minute." in explanation.words
    assert explanation.nearer_s == 300.0


def test_no_way_there_is_told_as_that_alone() -> None:
    cut_off = problem([ask()], [provider("ann", max_travel_s=60.0)], {("ask-1", "ann"): float("inf")})
    assert told(cut_off, "ann").reasons == (Reason.UNREACHABLE,)


def test_one_whose_travel_time_was_not_computed_is_told_why() -> None:
    unpaired = problem(
        [ask()], [*(provider(name) for name in NAMES), provider("eve", services=frozenset())], {}
    )
    assert told(unpaired, "ann").reasons == (Reason.NOT_NEAREST,)
    assert told(unpaired, "eve").reasons == (Reason.WRONG_SERVICE,)


def test_the_fairness_term_shows_its_price_in_seconds() -> None:
    supply = [provider("ann", income_per_hour=3_000.0), provider("bob", income_per_hour=1_000.0)]
    fair = replace(PRIORS, fairness_s=60.0)
    of = problem([ask()], supply, {("ask-1", "ann"): 100.0, ("ask-1", "bob"): 200.0}, policy=fair)
    assert told(of, "ann").factors == (
        Factor(name="approach", value=100.0, unit="s", contribution=100.0),
        Factor(name="fairness", value=3_000.0, unit="cents/h", contribution=60.0),
    )


def test_an_explanation_is_plain_json() -> None:
    stored = json.loads(json.dumps(explaining.to_json(told(of_four(), "bob"))))
    assert stored["reasons"] == ["farther"]
    assert stored["factors"] == [{"name": "approach", "value": 170.0, "unit": "s", "contribution": 170.0}]
    assert set(stored) == {"words", "rank", "of", "factors", "reasons", "policy_version", "nearer_s"}


@pytest.mark.parametrize(("who", "about"), [("zoe", "ask-1"), ("ann", "ask-9")])
def test_a_stranger_to_the_round_gets_no_explanation(who: str, about: str) -> None:
    with pytest.raises(NotInRound):
        told(of_four(), who, about)


@given(problems(most_asks=2), st.sampled_from(["en", "fr"]))
def test_an_explanation_names_nobody_and_hides_the_rank_among_few(of: Problem, language: Language) -> None:
    result = solve(of)
    question, answer = problems_room.to_json(of), results_room.to_json(result)
    for one in of.asks:
        ranked = sum(verdict.ask_id == one.id and verdict.rank is not None for verdict in result.verdicts)
        for who in of.supply:
            explanation = explain(question, answer, who.id, one.id, language)
            text = json.dumps(explaining.to_json(explanation))
            assert not [other.id for other in of.supply if f'"{other.id}"' in text or f" {other.id}" in text]
            assert not [asked.customer for asked in of.asks if asked.customer in text]
            assert explanation.rank is None or ranked >= 3
            assert (explanation.of is None) == (ranked < 3)


def test_who_is_told_of_a_posted_job_later_than_others_is_told_how_much_later() -> None:
    assert "6 minutes after it was posted" in told(of_four(posted=True, age_s=360.0), "ann").words
    assert "6 minutes après" in told(of_four(posted=True, age_s=360.0), "ann", language="fr").words
    assert "after it was posted" not in told(of_four(posted=True, age_s=119.0), "ann").words
    assert "after it was posted" not in told(of_four(age_s=360.0), "ann").words, (
        "nobody hears of a ride by post"
    )
