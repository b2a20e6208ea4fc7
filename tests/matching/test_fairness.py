"""The price of fairness: measured against the same round without it, and bounded."""

from dataclasses import replace

from hypothesis import given

from matching.fairness import FairnessPrice, price_of_fairness
from matching.policy import PRIORS
from matching.problem import Problem
from matching.solve import solve
from tests.matching.factories import ask, problem, provider
from tests.matching.strategies import problems, without_queues

FAIR = replace(PRIORS, fairness_s=60.0, fairness_cap=2.0)


def price(of: Problem) -> FairnessPrice | None:
    return price_of_fairness(of, solve(of))


def two_drivers(*, near_earned: float, far_earned: float, far_eta: float) -> Problem:
    supply = [provider("near", income_per_hour=near_earned), provider("far", income_per_hour=far_earned)]
    return problem([ask()], supply, {("ask-1", "near"): 60.0, ("ask-1", "far"): far_eta}, policy=FAIR)


def test_a_poorer_driver_a_little_further_is_asked_and_the_extra_way_is_counted() -> None:
    of = two_drivers(near_earned=3_000.0, far_earned=1_000.0, far_eta=150.0)
    assert [offer.provider_id for offer in solve(of).offers] == ["far"]
    assert price(of) == FairnessPrice(extra_pickup_s=90.0, moved=1, most_s=240.0)


def test_fairness_never_reaches_further_than_its_bound() -> None:
    of = two_drivers(near_earned=9_000.0, far_earned=0.0, far_eta=60.0 + 241.0)
    assert [offer.provider_id for offer in solve(of).offers] == ["near"]
    assert price(of) == FairnessPrice(extra_pickup_s=0.0, moved=0, most_s=240.0)


def test_where_it_says_nothing_there_is_no_price() -> None:
    equal = two_drivers(near_earned=2_000.0, far_earned=2_000.0, far_eta=90.0)
    assert price(equal) is None
    off = replace(equal, policy=PRIORS)
    assert price(off) is None


@given(problems(wanted=1))
def test_with_one_offer_a_request_the_price_lies_between_nothing_and_the_bound(of: Problem) -> None:
    of = without_queues(replace(of, policy=replace(of.policy, anticipation=0.0)))
    paid = price(of)
    if paid is not None:
        assert -0.001 <= paid.extra_pickup_s <= paid.most_s * len(of.asks) + 0.001
        assert 0 <= paid.moved <= len(of.asks)
