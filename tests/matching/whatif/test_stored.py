import json
from typing import Any

import pytest
from hypothesis import given

from matching import problem as problems_room
from matching import result as results_room
from matching.problem import Problem
from matching.solve import solve
from matching.whatif.stored import reweigh, summary
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems


def stored(of: Problem) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        json.loads(json.dumps(problems_room.to_json(of))),
        json.loads(json.dumps(results_room.to_json(solve(of)))),
    )


def rich_and_poor() -> Problem:
    """The nearer of two has earned much more an hour."""
    return problem(
        [ask(age_s=10.0)],
        [provider("poor", income_per_hour=500.0), provider("rich", income_per_hour=4_000.0)],
        {("ask-1", "rich"): 100.0, ("ask-1", "poor"): 130.0},
    )


@given(problems())
def test_under_its_own_weights_a_round_does_not_change(of: Problem) -> None:
    change = reweigh(*stored(of), {})
    assert change.as_stored
    assert change.before == change.after
    assert summary([change])["rounds_that_change"] == 0


def test_fairness_sends_the_offer_to_who_has_earned_less_and_says_what_it_costs() -> None:
    told = summary([reweigh(*stored(rich_and_poor()), {"fairness_s": 60.0})])
    assert told["changes"] == [
        {"request": "ask-1", "was_asked": {"rich": 100.0}, "would_be_asked": {"poor": 130.0}}
    ]
    assert (told["before"]["mean_wait_s"], told["after"]["mean_wait_s"]) == (110.0, 140.0)
    assert told["before"]["income_above_mean"] > 0 > told["after"]["income_above_mean"]
    assert told["before"]["gini_of_offers"] == pytest.approx(0.5)


def test_who_was_finishing_a_trip_finishes_it_again_and_is_weighed_like_everybody() -> None:
    """Rich is free in three minutes and one away, poor is free now and five away: there a minute later."""
    of = problem(
        [ask(age_s=10.0)],
        [
            provider("rich", free_in_s=180.0, income_per_hour=4_000.0),
            provider("poor", income_per_hour=500.0),
        ],
        {("ask-1", "rich"): 60.0, ("ask-1", "poor"): 300.0},
    )
    told = summary([reweigh(*stored(of), {"fairness_s": 60.0})])
    assert told["rounds_as_stored"] == 1
    assert told["changes"] == [
        {"request": "ask-1", "was_asked": {"rich": 240.0}, "would_be_asked": {"poor": 300.0}}
    ]
    assert (told["before"]["mean_wait_s"], told["after"]["mean_wait_s"]) == (250.0, 310.0)
    assert (told["before"]["mean_approach_s"], told["after"]["mean_approach_s"]) == (60.0, 300.0)


def test_a_round_that_solves_to_something_else_today_is_counted() -> None:
    of, result = stored(rich_and_poor())
    result["offers"] = []
    told = summary([reweigh(of, result, {})])
    assert (told["rounds"], told["rounds_as_stored"]) == (1, 0)


def test_a_weight_no_policy_has_is_refused() -> None:
    with pytest.raises(ValueError, match="kindness"):
        reweigh(*stored(rich_and_poor()), {"kindness": 1.0})
    with pytest.raises(ValueError, match="fairness_s"):
        reweigh(*stored(rich_and_poor()), {"fairness_s": -1.0})


def test_only_the_first_changes_are_listed_and_the_rest_counted() -> None:
    changes = [reweigh(*stored(rich_and_poor()), {"fairness_s": 60.0})] * 3
    told = summary(changes, most_listed=2)
    assert (len(told["changes"]), told["changes_left_out"], told["rounds_that_change"]) == (2, 1, 3)


def test_the_nearest_of_those_asked_stands_for_a_request_s_wait() -> None:
    of = problem(
        [ask(wanted=2)], [provider("a"), provider("b")], {("ask-1", "a"): 60.0, ("ask-1", "b"): 90.0}
    )
    told = summary([reweigh(*stored(of), {})])
    assert told["before"]["offers"] == 2
    assert told["before"]["requests_offered"] == 1
    assert told["before"]["mean_wait_s"] == 60.0


def test_a_day_without_rounds_has_no_figures() -> None:
    told = summary([])
    assert (told["rounds"], told["before"]["mean_wait_s"], told["before"]["gini_of_offers"]) == (
        0,
        None,
        None,
    )
