"""What fairness cost in a round: the round against itself, solved again without the term."""

import math
from collections import defaultdict
from dataclasses import dataclass, replace

from matching.problem import DECIMALS, Problem
from matching.result import Result
from matching.solve import solve


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessPrice:
    """`extra_pickup_s`: seconds of approach more than without fairness, over the requests that are offered either
    way (of one offered to several people, their mean); below zero by chance of the later passes only. `moved`: offers
    that would not have been made. `most_s`: the most that one offer's approach may grow by."""

    extra_pickup_s: float
    moved: int
    most_s: float


def price_of_fairness(problem: Problem, result: Result) -> FairnessPrice | None:
    """The price of fairness in this round; `None` where the term is off, or said nothing about anybody."""
    policy = problem.policy
    if not any(verdict.terms.get("fairness") for verdict in result.verdicts):
        return None
    without = solve(replace(problem, policy=replace(policy, fairness_s=0.0)))
    fair, plain = _approaches(result), _approaches(without)
    extra = math.fsum(_mean(fair[ask]) - _mean(plain[ask]) for ask in sorted(fair.keys() & plain.keys()))
    made = {(offer.ask_id, offer.provider_id) for offer in without.offers}
    return FairnessPrice(
        extra_pickup_s=round(extra, DECIMALS) + 0.0,
        moved=sum(1 for offer in result.offers if (offer.ask_id, offer.provider_id) not in made),
        most_s=2 * policy.fairness_cap * policy.fairness_s,
    )


def _approaches(result: Result) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for offer in result.offers:
        found[offer.ask_id].append(offer.eta_s)
    return found


def _mean(of: list[float]) -> float:
    return math.fsum(of) / len(of)
