from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from matching import compiled
from matching.assign import assign
from matching.cost import income_level, nobody_price, terms, total
from matching.feasible import feasible
from matching.policy import PRIORS
from matching.problem import Pairs, Problem
from matching.reasons import Reason, Unserved
from matching.result import Result
from matching.solve import solve
from tests.matching.factories import arrivals_of, ask, problem, provider
from tests.matching.strategies import problems, without_queues
from tests.matching.test_problem import shuffled


def offered(result: Result) -> set[tuple[str, str]]:
    return {(offer.ask_id, offer.provider_id) for offer in result.offers}


def reason(result: Result, ask_id: str, provider_id: str) -> Reason:
    [found] = [v.reason for v in result.verdicts if (v.ask_id, v.provider_id) == (ask_id, provider_id)]
    return found


def full(of: Problem, result: Result) -> set[str]:
    """Those who were offered all that they have room for."""
    givens = Counter(offer.provider_id for offer in result.offers)
    return {one.id for one in of.supply if givens[one.id] == one.capacity}


def least_by_trying_all(of: Problem) -> float:
    level = income_level(of.supply)
    costs: dict[tuple[int, int], float] = {}
    for i, j, eta_s in arrivals_of(of):
        if feasible(of.asks[i], of.supply[j], eta_s, of.policy) is None:
            costs[i, j] = total(terms(of.asks[i], of.supply[j], eta_s, of.policy, level=level))
    choices = [[-1, *(j for i, j in costs if i == row)] for row in range(len(of.asks))]
    return min(
        sum(nobody_price(of.asks[i], of.policy) if j < 0 else costs[i, j] for i, j in enumerate(chosen))
        for chosen in product(*choices)
        if all(n <= of.supply[j].capacity for j, n in Counter(chosen).items() if j >= 0)
    )


@given(problems(wanted=1).map(without_queues))
def test_no_other_assignment_is_better(of: Problem) -> None:
    assert solve(of).objective == pytest.approx(least_by_trying_all(of), abs=0.002)


@given(problems())
def test_the_same_problem_gives_the_same_answer(of: Problem) -> None:
    assert solve(of) == solve(of)


@given(problems(), st.integers())
def test_the_order_of_the_input_changes_nothing(of: Problem, seed: int) -> None:
    assert solve(shuffled(of, seed)) == solve(of)


@given(problems())
def test_both_ways_of_assigning_cost_the_same(of: Problem) -> None:
    assert solve(of, compiled.assign).objective == solve(of, assign).objective


@given(problems())
def test_nobody_gets_more_offers_than_they_have_room_for_and_no_ask_more_than_it_wants(of: Problem) -> None:
    result = solve(of)
    givens = Counter(offer.provider_id for offer in result.offers)
    assert all(givens[one.id] <= one.capacity for one in of.supply)
    assert len(offered(result)) == len(result.offers)
    for one in of.asks:
        given_to = [offer for offer in result.offers if offer.ask_id == one.id]
        assert len(given_to) <= one.wanted
        assert (one.id in dict(result.unserved)) == (not given_to)


@given(problems())
def test_everyone_who_was_looked_at_has_one_reason_and_ranks_have_no_gaps(of: Problem) -> None:
    result = solve(of)
    judged = [(verdict.ask_id, verdict.provider_id) for verdict in result.verdicts]
    assert len(set(judged)) == len(judged)
    looked_at = {
        (of.asks[i].id, of.supply[j].id)
        for i, j in zip(of.pairs.ask.tolist(), of.pairs.supply.tolist(), strict=True)
    }
    assert looked_at <= set(judged)
    assert {(v.ask_id, v.provider_id) for v in result.verdicts if v.reason is Reason.OFFERED} == offered(
        result
    )
    for one in of.asks:
        ranks = [v.rank for v in result.verdicts if v.ask_id == one.id and v.rank is not None]
        assert ranks == list(range(1, len(ranks) + 1))


@given(problems())
def test_what_is_offered_is_allowed(of: Problem) -> None:
    asks, supply = {one.id: one for one in of.asks}, {one.id: one for one in of.supply}
    for offer in solve(of).offers:
        assert feasible(asks[offer.ask_id], supply[offer.provider_id], offer.eta_s, of.policy) is None
        assert offer.cost == total(offer.terms)


@given(problems())
def test_no_free_provider_is_left_while_an_ask_would_gain_from_one(of: Problem) -> None:
    result = solve(of)
    prices = {one.id: nobody_price(one, of.policy) for one in of.asks}
    with_offer = full(of, result)
    for verdict in result.verdicts:
        if verdict.ask_id in dict(result.unserved) and verdict.rank is not None:
            worth = total(verdict.terms) < prices[verdict.ask_id]
            assert verdict.provider_id in with_offer or not worth
            assert verdict.reason in {Reason.OFFERED_ANOTHER, Reason.HELD}


@given(problems(), st.data())
def test_a_nearer_provider_all_else_equal_never_ranks_or_fares_worse(
    of: Problem, data: st.DataObject
) -> None:
    before = solve(of)
    reachable = [
        verdict for verdict in before.verdicts if verdict.rank is not None and verdict.eta_s is not None
    ]
    assume(reachable)
    verdict = data.draw(st.sampled_from(reachable))
    assert verdict.eta_s is not None
    i = [one.id for one in of.asks].index(verdict.ask_id)
    j = [one.id for one in of.supply].index(verdict.provider_id)
    mine = (of.pairs.ask == i) & (of.pairs.supply == j)
    nearer = (verdict.eta_s - of.supply[j].free_in_s) * data.draw(st.floats(0, 1))
    pairs = Pairs(
        of.pairs.ask,
        of.pairs.supply,
        np.where(mine, nearer, of.pairs.eta_s),
        of.pairs.meters,
        of.pairs.source,
    )
    after = solve(replace(of, pairs=pairs))
    [again] = [
        v for v in after.verdicts if (v.ask_id, v.provider_id) == (verdict.ask_id, verdict.provider_id)
    ]
    assert again.rank is not None
    assert verdict.rank is not None
    assert again.rank <= verdict.rank
    assert verdict.reason is not Reason.OFFERED or again.reason is Reason.OFFERED


def test_one_customer_waits_a_little_so_that_another_waits_much_less() -> None:
    round_of_two = problem(
        [ask("a"), ask("b")],
        [provider("ann"), provider("bob")],
        {("a", "ann"): 100.0, ("a", "bob"): 150.0, ("b", "ann"): 110.0, ("b", "bob"): 500.0},
    )
    result = solve(round_of_two)
    assert offered(result) == {("a", "bob"), ("b", "ann")}
    assert result.objective == 260.0
    assert reason(result, "a", "ann") is Reason.OFFERED_ANOTHER
    assert result.unserved == ()


def test_an_ask_that_wants_three_gets_its_others_once_everyone_has_one() -> None:
    etas = {
        ("a", "ann"): 10.0,
        ("a", "bob"): 20.0,
        ("a", "cid"): 30.0,
        ("b", "bob"): 500.0,
        ("a", "dan"): 40.0,
    }
    supply = [provider(name) for name in ("ann", "bob", "cid", "dan")]
    result = solve(problem([ask("a", wanted=3), ask("b")], supply, etas))
    assert offered(result) == {("a", "ann"), ("b", "bob"), ("a", "cid"), ("a", "dan")}
    assert result.passes == 3
    assert [offer.rank for offer in result.offers] == [1, 3, 4, 1]


def test_a_courier_with_room_for_two_parcels_is_offered_two() -> None:
    asks = [ask("a"), ask("b"), ask("c")]
    etas = {("a", "ann"): 30.0, ("b", "ann"): 10.0, ("c", "ann"): 20.0, ("c", "bob"): 900.0}
    slow = provider("bob", max_travel_s=600.0)
    result = solve(problem(asks, [provider("ann", capacity=2), slow], etas))
    assert offered(result) == {("b", "ann"), ("c", "ann")}
    assert reason(result, "a", "ann") is Reason.OFFERED_ANOTHER
    assert result.unserved == (("a", Unserved.ALL_TAKEN),)


def test_room_for_two_is_not_the_same_request_twice() -> None:
    result = solve(problem([ask(wanted=3)], [provider("ann", capacity=2)], {("ask-1", "ann"): 30.0}))
    assert offered(result) == {("ask-1", "ann")}
    assert len(result.offers) == 1


def test_those_farther_than_all_who_were_offered_it_are_told_so() -> None:
    result = solve(
        problem([ask()], [provider("ann"), provider("bob")], {("ask-1", "ann"): 9.0, ("ask-1", "bob"): 8.0})
    )
    assert reason(result, "ask-1", "bob") is Reason.OFFERED
    assert reason(result, "ask-1", "ann") is Reason.FARTHER


def test_a_nearer_provider_who_earned_much_more_is_outranked_within_the_cap() -> None:
    supply = [provider("ann", income_per_hour=4_000.0), provider("bob", income_per_hour=1_000.0)]
    fair = replace(PRIORS, fairness_s=60.0)
    etas = {("ask-1", "ann"): 100.0, ("ask-1", "bob"): 200.0}
    result = solve(problem([ask()], supply, etas, policy=fair))
    assert offered(result) == {("ask-1", "bob")}
    assert reason(result, "ask-1", "ann") is Reason.OUTRANKED
    farther = solve(problem([ask()], supply, {**etas, ("ask-1", "bob"): 400.0}, policy=fair))
    assert offered(farther) == {("ask-1", "ann")}


def test_equals_are_drawn_by_lot_and_not_by_name() -> None:
    etas = {("ask-1", "ann"): 60.0, ("ask-1", "bob"): 60.0}
    winners = [
        offer.provider_id
        for seed in range(40)
        for offer in solve(problem([ask()], [provider("ann"), provider("bob")], etas, seed=seed)).offers
    ]
    assert 8 < winners.count("ann") < 32


def test_a_provider_dearer_than_nobody_is_held_for_now() -> None:
    stingy = replace(PRIORS, nobody_s=0.0, fairness_s=60.0)
    supply = [
        provider("ann", income_per_hour=4_000.0),
        provider("bob", income_per_hour=1_000.0, on_duty=False),
    ]
    result = solve(problem([ask(max_approach_s=100.0)], supply, {("ask-1", "ann"): 90.0}, policy=stingy))
    assert result.unserved == (("ask-1", Unserved.NOBODY_CHEAPER),)
    assert reason(result, "ask-1", "ann") is Reason.HELD
    assert reason(result, "ask-1", "bob") is Reason.OFF_DUTY
    assert result.objective == 100.0


def test_a_request_that_went_without_says_why() -> None:
    asks = [
        ask("all-asked", already_asked=frozenset({"ann"})),
        ask("all-taken"),
        ask("nobody-there", service="parcel"),
        ask("too-far"),
        ask("wins", age_s=10.0),
    ]
    etas = {("all-taken", "ann"): 60.0, ("wins", "ann"): 60.0, ("too-far", "ann"): 601.0}
    result = solve(problem(asks, [provider("ann")], etas))
    assert result.unserved == (
        ("all-asked", Unserved.ALL_ASKED),
        ("all-taken", Unserved.ALL_TAKEN),
        ("nobody-there", Unserved.NO_SUPPLY),
        ("too-far", Unserved.ALL_TOO_FAR),
    )


def test_those_who_are_busy_are_told_so_even_where_no_travel_time_was_computed() -> None:
    result = solve(problem([ask()], [provider("ann", busy=True), provider("bob", services=frozenset())], {}))
    [verdict] = result.verdicts
    assert (verdict.provider_id, verdict.reason, verdict.eta_s) == ("ann", Reason.BUSY, None)
    assert result.unserved == (("ask-1", Unserved.ALL_BUSY),)


def test_no_way_there_is_a_reason_and_an_unknown_distance_is_none() -> None:
    result = solve(problem([ask()], [provider("ann")], {("ask-1", "ann"): float("inf")}))
    [verdict] = result.verdicts
    assert (verdict.reason, verdict.eta_s) == (Reason.UNREACHABLE, None)
    near = Pairs.of([(0, 0, 60.0, float("inf"))], "crow")
    [offer] = solve(replace(problem([ask()], [provider()], {}), pairs=near)).offers
    assert offer.meters is None


def test_a_round_without_anything_has_an_answer() -> None:
    nothing = solve(problem([], [], {}))
    assert (nothing.offers, nothing.verdicts, nothing.unserved, nothing.objective) == ((), (), (), 0.0)
