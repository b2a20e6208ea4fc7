"""Whoever is about to finish a trip is weighed by when they would be there: the rest of the trip and the way from its
end."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from matching import problem as problems_room
from matching import result as results_room
from matching.explain import explain
from matching.problem import Problem, from_json, to_json
from matching.reasons import Language, Reason
from matching.replay import agrees
from matching.result import Result, Verdict
from matching.solve import solve
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems

FREE_AND_FAR = {("ask-1", "near"): 60.0, ("ask-1", "far"): 400.0}


def with_rest(of: Problem, j: int, free_in_s: float) -> Problem:
    supply = [
        replace(one, free_in_s=free_in_s) if k == j else replace(one) for k, one in enumerate(of.supply)
    ]
    return replace(of, supply=tuple(supply))


def verdict_of(result: Result, ask_id: str, provider_id: str) -> Verdict:
    return next(v for v in result.verdicts if (v.ask_id, v.provider_id) == (ask_id, provider_id))


def finishing(free_in_s: float, **said: float) -> Problem:
    """One request; somebody who finishes a trip a minute away from it, and somebody free seven minutes away."""
    return problem([ask()], [provider("near", free_in_s=free_in_s, **said), provider("far")], FREE_AND_FAR)


def test_who_finishes_nearby_comes_before_who_is_free_far_away() -> None:
    result = solve(finishing(180.0))
    assert [(match.provider_id, match.eta_s) for match in result.offers] == [("near", 240.0)]
    assert verdict_of(result, "ask-1", "far").reason is Reason.FARTHER


def test_and_not_when_the_free_one_would_be_there_sooner() -> None:
    result = solve(finishing(360.0))
    assert [(match.provider_id, match.eta_s) for match in result.offers] == [("far", 400.0)]
    assert verdict_of(result, "ask-1", "near").eta_s == 420.0


def test_the_reach_of_a_request_is_a_time_until_somebody_is_there() -> None:
    short = problem(
        [ask(max_approach_s=200.0)], [provider("near", free_in_s=180.0)], {("ask-1", "near"): 60.0}
    )
    assert solve(short).verdicts[0].reason is Reason.TOO_FAR


def test_a_limit_of_ones_own_is_on_the_way_alone() -> None:
    assert solve(finishing(180.0, max_travel_s=60.0)).offers[0].provider_id == "near"
    over = solve(finishing(180.0, max_travel_s=59.0))
    assert verdict_of(over, "ask-1", "near").reason is Reason.BEYOND_OWN_LIMIT


def test_the_next_booked_job_is_reached_or_not_from_the_end_of_both() -> None:
    def chained(free_in_s: float) -> Reason:
        booked = provider("near", free_in_s=free_in_s, free_until_s=1_800.0)
        return solve(problem([ask(duration_s=900.0)], [booked], {("ask-1", "near"): 60.0})).verdicts[0].reason

    assert chained(200.0) is Reason.OFFERED
    assert chained(300.0) is Reason.AGENDA_CONFLICT


@given(problems(), st.data())
def test_the_longer_the_rest_of_a_trip_the_dearer_and_never_the_better_off(
    of: Problem, data: st.DataObject
) -> None:
    before = solve(of)
    ranked = [verdict for verdict in before.verdicts if verdict.rank is not None]
    assume(ranked)
    verdict = data.draw(st.sampled_from(ranked))
    j = [one.id for one in of.supply].index(verdict.provider_id)
    more = data.draw(st.integers(1, 600))
    after = solve(with_rest(of, j, of.supply[j].free_in_s + more))
    again = verdict_of(after, verdict.ask_id, verdict.provider_id)
    if again.rank is None:
        assert again.reason in {Reason.TOO_FAR, Reason.AGENDA_CONFLICT}
        return
    assert again.terms["approach"] == pytest.approx(verdict.terms["approach"] + more, abs=0.001)
    assert verdict.rank is not None
    assert again.rank >= verdict.rank


@given(problems())
def test_a_rest_counts_as_the_same_time_of_way_where_nobody_has_a_limit_of_their_own(of: Problem) -> None:
    """The one difference between waiting and driving is what a provider's own limit is about."""
    free = replace(of, supply=tuple(replace(one, max_travel_s=None) for one in of.supply))
    rest = [one.free_in_s for one in free.supply]
    ways = [
        (i, j, eta + rest[j], meters)
        for i, j, eta, meters in zip(
            free.pairs.ask.tolist(),
            free.pairs.supply.tolist(),
            free.pairs.eta_s.tolist(),
            free.pairs.meters.tolist(),
            strict=True,
        )
    ]
    driving = replace(
        free,
        supply=tuple(replace(one, free_in_s=0.0) for one in free.supply),
        pairs=problems_room.Pairs.of(ways, free.pairs.source),
    )
    assert solve(driving) == solve(free)


@given(problems())
def test_a_stored_round_with_people_finishing_solves_again_to_what_was_stored(of: Problem) -> None:
    assert from_json(to_json(of)) == of
    assert agrees(to_json(of), results_room.to_json(solve(of)))


def test_a_round_stored_before_there_was_such_a_thing_is_read_as_nobody_finishing() -> None:
    stored = to_json(finishing(0.0))
    for one in stored["supply"]:
        del one["free_in_s"]
    assert from_json(stored) == finishing(0.0)


def test_a_rest_below_zero_is_no_time() -> None:
    with pytest.raises(ValueError, match="free_in_s"):
        provider(free_in_s=-1.0)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "you were finishing a trip, free in about 3 minutes, and could be there in 4 minutes."),
        ("fr", "vous terminiez une course, libre dans 3 minutes environ, et pouviez être là en 4 minutes."),
    ],
)
def test_it_is_told_in_words(language: Language, words: str) -> None:
    of = finishing(180.0)
    told = explain(to_json(of), results_room.to_json(solve(of)), "near", "ask-1", language)
    assert words in told.words
    assert "trip" not in explain(to_json(of), results_room.to_json(solve(of)), "far", "ask-1", "en").words


def test_how_much_nearer_is_a_matter_of_the_way_and_nobody_is_nearer_than_on_the_spot() -> None:
    """Two minutes of way after five of trip: against somebody six minutes away one fewer helps, against four none."""
    names = ("late", "bob", "cid")
    supply = [provider(name, free_in_s=300.0 if name == "late" else 0.0) for name in names]

    def told(best_s: float) -> float | None:
        etas = {("ask-1", "late"): 120.0, ("ask-1", "bob"): best_s, ("ask-1", "cid"): 500.0}
        of = problem([ask()], supply, etas)
        return explain(to_json(of), results_room.to_json(solve(of)), "late", "ask-1", "en").nearer_s

    assert told(370.0) == 60.0
    assert told(250.0) is None
