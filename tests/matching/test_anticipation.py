"""What being free is worth, and how a round weighs it: capped, spared, off unless told, and the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import problem as problems_room
from matching import result as results_room
from matching.anticipation import FLOOR_MEMORY_S, LATER, PAY_WEIGHT, Floor, Stretches, Value, learn
from matching.cost import terms
from matching.explain import Factor, explain
from matching.forecast import SLOT_S, SLOTS
from matching.policy import PRIORS, Policy
from matching.problem import Problem
from matching.replay import agrees
from matching.solve import solve
from tests.matching.factories import ask, problem, provider

AHEAD = replace(PRIORS, anticipation=0.25)
seconds = st.one_of(st.none(), st.floats(-1e5, 1e5, allow_nan=False))
CENTRE, EDGE = np.uint64(7), np.uint64(9)


def stretches(pay_at_centre: float = 1_000.0, pay_at_edge: float = 1_000.0) -> Stretches:
    """All day long somebody becomes free in each of two cells, is given a trip at once, and is free in the same cell a
    quarter of an hour later."""
    free_s = np.tile(np.arange(SLOTS) * SLOT_S, 50).astype(np.float64)
    cell = np.repeat([CENTRE, EDGE], len(free_s))
    free_s = np.tile(free_s, 2)
    return Stretches(
        cell=cell,
        free_s=free_s,
        given_s=free_s,
        pay=np.where(cell == CENTRE, pay_at_centre, pay_at_edge),
        next_cell=cell,
        next_s=(free_s + SLOT_S) % 86_400 + np.where(free_s + SLOT_S >= 86_400, 86_400, 0),
    )


def at(value: Value, cell: np.uint64, at_s: float = 40_000.0) -> float:
    return float(value.at(np.array([cell]), np.array([at_s]))[0])


def test_a_value_is_the_pay_of_all_that_follows_each_quarter_hour_later_for_less() -> None:
    value = learn(stretches(), per_s=1.0)
    assert at(value, CENTRE) == pytest.approx(1_000 / (1 - LATER), rel=0.01)
    assert at(value, np.uint64(1)) == pytest.approx(1_000 / (1 - LATER), rel=0.01), "nobody was ever there"


def test_it_is_worth_more_to_be_free_where_trips_pay_more() -> None:
    value = learn(stretches(pay_at_centre=2_000.0, pay_at_edge=500.0), per_s=1.0)
    assert at(value, EDGE) < at(value, np.uint64(1)) < at(value, CENTRE)


def test_where_place_says_nothing_only_pay_and_time_do() -> None:
    value = learn(stretches(), per_s=2.0)
    ends, long_s = np.array([CENTRE, EDGE]), np.array([900.0, 900.0])
    assert np.ptp(value.after_s(ends, long_s, 0.0)) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(value.place_s(ends, 0.0)) == pytest.approx(0.0, abs=1e-6)
    assert (value.after_s(ends, long_s, 0.0) < value.place_s(ends, 0.0)).all(), "time is earned once"
    assert value.pay_s(np.array([1_000.0])).tolist() == [PAY_WEIGHT * 500.0]


def test_the_same_days_teach_the_same_in_any_order() -> None:
    one, order = stretches(2_000.0, 500.0), np.random.default_rng(1).permutation(9_600)
    other = Stretches(
        cell=one.cell[order],
        free_s=one.free_s[order],
        given_s=one.given_s[order],
        pay=one.pay[order],
        next_cell=one.next_cell[order],
        next_s=one.next_s[order],
    )
    assert (learn(one, per_s=1.0).cents == learn(one, per_s=1.0).cents).all()
    assert learn(one, per_s=1.0).cents == pytest.approx(learn(other, per_s=1.0).cents)


def test_where_nobody_was_ever_free_nothing_is_expected_of_any_place() -> None:
    none, nowhere = np.zeros(0), np.zeros(0, dtype=np.uint64)
    value = learn(
        Stretches(cell=nowhere, free_s=none, given_s=none, pay=none, next_cell=nowhere, next_s=none),
        per_s=1.0,
    )
    assert at(value, CENTRE) == 0.0


def test_nothing_is_learnt_from_days_on_which_nobody_earned() -> None:
    with pytest.raises(ValueError, match="earned nothing"):
        learn(stretches(), per_s=0.0)


def test_a_kind_that_is_served_too_seldom_is_spared_until_it_no_longer_is() -> None:
    floor = Floor(3)
    assert floor.spared().tolist() == [False, False, False]
    floor.settled(np.array([2] * 10), served=False, now_s=0.0)
    assert floor.spared().tolist() == [False, False, True]
    floor.settled(np.array([2] * 30), served=True, now_s=5 * FLOOR_MEMORY_S)
    assert floor.spared().tolist() == [False, False, False]


@given(seconds, seconds, seconds, st.booleans(), st.floats(0, 2_000), st.floats(0, 2))
def test_anticipation_is_capped_and_never_counts_against_a_spared_request(
    brings_s: float | None,
    after_s: float | None,
    place_s: float | None,
    spared: bool,
    eta_s: float,
    weight: float,
) -> None:
    policy = replace(PRIORS, anticipation=weight)
    asked = ask(brings_s=brings_s, after_s=after_s, spared=spared)
    parts = terms(asked, provider(place_s=place_s), eta_s, policy)
    if weight == 0:
        assert "anticipation" not in parts
        return
    assert abs(parts["anticipation"]) <= policy.anticipation_cap_s
    assert not (spared and parts["anticipation"] > 0)
    if None in (brings_s, after_s, place_s):
        assert parts["anticipation"] == 0


def test_it_is_what_a_trip_takes_beyond_what_it_brings_and_a_longer_way_brings_it_later() -> None:
    asked, here = ask(brings_s=500.0, after_s=4_000.0), provider(place_s=5_000.0)
    found = [terms(asked, here, eta_s, AHEAD)["anticipation"] for eta_s in (0.0, 900.0)]
    assert found == [125.0, 225.0]


def two_requests(policy: Policy, *, told: bool = True) -> Problem:
    """One provider between an older request and one that brings more."""
    more = {"after_s": 5_000.0} if told else {}
    brings = ({"brings_s": 900.0}, {"brings_s": 0.0}) if told else ({}, {})
    return problem(
        [ask("rich", **brings[0], **more), ask("old", age_s=60.0, **brings[1], **more)],
        [provider("ann", place_s=5_000.0 if told else None)],
        {("rich", "ann"): 120.0, ("old", "ann"): 120.0},
        policy=policy,
    )


def offered(of: Problem) -> list[str]:
    return [offer.ask_id for offer in solve(of).offers]


def test_a_round_prefers_the_trip_that_brings_more_by_more_than_its_age() -> None:
    assert offered(two_requests(PRIORS)) == ["old"]
    assert offered(two_requests(AHEAD)) == ["rich"]
    assert offered(two_requests(AHEAD, told=False)) == ["old"], (
        "off where nothing is anticipated: ample supply"
    )
    assert offered(two_requests(replace(AHEAD, anticipation_cap_s=20.0))) == ["old"]


def test_a_round_that_anticipates_is_stored_and_solves_again_to_the_same() -> None:
    of = two_requests(AHEAD)
    stored, answer = problems_room.to_json(of), results_room.to_json(solve(of))
    assert problems_room.from_json(stored) == of
    assert agrees(stored, answer)
    assert not agrees(problems_room.to_json(two_requests(PRIORS)), answer)


def test_a_round_stored_before_there_was_the_term_is_as_it_was() -> None:
    of = two_requests(PRIORS, told=False)
    stored, answer = problems_room.to_json(of), results_room.to_json(solve(of))
    old = {
        **stored,
        "asks": [
            {k: v for k, v in one.items() if k not in {"brings_s", "after_s", "spared"}}
            for one in stored["asks"]
        ],
        "supply": [{k: v for k, v in one.items() if k != "place_s"} for one in stored["supply"]],
        "policy": {k: v for k, v in stored["policy"].items() if not k.startswith("anticipation")},
    }
    assert agrees(old, answer)
    assert set(answer["offers"][0]["terms"]) == {"approach", "fairness"}


def test_a_provider_is_told_that_the_place_counted_and_by_how_much() -> None:
    of = two_requests(AHEAD)
    stored, answer = problems_room.to_json(of), results_room.to_json(solve(of))
    english = explain(stored, answer, "ann", "rich", "en")
    assert (
        "the place and time a trip leaves one free at count too: here like 4 minutes nearer." in english.words
    )
    assert Factor(name="anticipation", value=900.0, unit="s", contribution=-207.6) in [
        replace(factor, contribution=round(factor.contribution, 1)) for factor in english.factors
    ]
    assert (
        "ici comme 2 minutes de plus."
        in explain(
            problems_room.to_json(late := far_one()), results_room.to_json(solve(late)), "ann", "poor", "fr"
        ).words
    )


def far_one() -> Problem:
    return problem(
        [ask("poor", brings_s=0.0, after_s=4_600.0)],
        [provider("ann", place_s=5_000.0)],
        {("poor", "ann"): 0.0},
        policy=AHEAD,
    )
