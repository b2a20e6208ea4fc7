import json
from typing import Any

from hypothesis import given

from matching import problem as problems_room
from matching import result as results_room
from matching.problem import Problem
from matching.replay import agrees, replay
from matching.solve import solve
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems


def stored(value: dict[str, Any]) -> dict[str, Any]:
    """As a database gives it back: through text, with no infinity and keys in another order."""
    back: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False, sort_keys=True))
    return back


@given(problems())
def test_a_stored_round_replays_to_the_same_answer(of: Problem) -> None:
    result = solve(of)
    assert results_room.from_json(stored(results_room.to_json(result))) == result
    assert replay(stored(problems_room.to_json(of))) == result
    assert agrees(stored(problems_room.to_json(of)), stored(results_room.to_json(result)))


def test_a_result_that_was_tampered_with_does_not_agree() -> None:
    of = problem(
        [ask()], [provider("ann"), provider("bob")], {("ask-1", "ann"): 60.0, ("ask-1", "bob"): 90.0}
    )
    result = results_room.to_json(solve(of))
    result["offers"][0]["provider_id"] = "bob"
    assert not agrees(problems_room.to_json(of), result)


def test_times_that_no_clock_told_exactly_still_replay() -> None:
    of = problem([ask(age_s=1 / 3)], [provider(fix_age_s=2 / 3)], {("ask-1", "ann"): 200 / 3})
    assert replay(stored(problems_room.to_json(of))) == solve(of)
