"""What fairness cost in a round: the round against itself, solved again without the term."""

import math
from collections import defaultdict
from dataclasses import dataclass, replace

from matching.cost import nobody_price
from matching.problem import DECIMALS, Problem
from matching.result import Result
from matching.solve import solve


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessPrice:
    """`extra_pickup_s`: seconds of approach more than without fairness, over all requests: of one offered to several
    people their mean, of one left without an offer the price of nobody. Never below zero where each wants one offer
    and nothing is anticipated: further passes are no optimum, and a longer approach may have been worth its place.
    `moved`: offers that would not have been made. `most_s`: the most that one offer's approach may grow by."""

    extra_pickup_s: float
    moved: int
    most_s: float


def price_of_fairness(problem: Problem, result: Result) -> FairnessPrice | None:
    """The price of fairness in this round; `None` where the term is off, or said nothing about anybody."""
    policy = problem.policy
    if not any(verdict.terms.get("fairness") for verdict in result.verdicts):
        return None
    without = solve(replace(problem, policy=replace(policy, fairness_s=0.0)))
    made = {(offer.ask_id, offer.provider_id) for offer in without.offers}
    return FairnessPrice(
        extra_pickup_s=round(_pickup_s(problem, result) - _pickup_s(problem, without), DECIMALS) + 0.0,
        moved=sum(1 for offer in result.offers if (offer.ask_id, offer.provider_id) not in made),
        most_s=2 * policy.fairness_cap * policy.fairness_s,
    )


def _pickup_s(problem: Problem, result: Result) -> float:
    approaches: defaultdict[str, list[float]] = defaultdict(list)
    for offer in result.offers:
        approaches[offer.ask_id].append(offer.eta_s)
    return math.fsum(
        math.fsum(approaches[ask.id]) / len(approaches[ask.id])
        if ask.id in approaches
        else nobody_price(ask, problem.policy)
        for ask in problem.asks
    )
