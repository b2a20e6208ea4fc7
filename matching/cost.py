"""What an offer costs, as named terms in seconds.

Only `policy.ALLOWED_FEATURES` of a provider is read here; a test watches the reads.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matching.policy import Policy
from matching.problem import DECIMALS, Ask, Supply


@dataclass(frozen=True, slots=True)
class IncomeLevel:
    """Mean and standard deviation of income per active hour over the round's supply, in cents."""

    mean: float
    sd: float


UNKNOWN_INCOME = IncomeLevel(0.0, 0.0)


def income_level(supply: Iterable[Supply]) -> IncomeLevel:
    """The level over those whose income is known; of fewer than two, a spread of 0, which makes fairness
    0."""
    incomes = sorted(provider.income_per_hour for provider in supply if provider.income_per_hour is not None)
    if len(incomes) < 2:
        return UNKNOWN_INCOME
    mean = math.fsum(incomes) / len(incomes)
    variance = math.fsum((income - mean) ** 2 for income in incomes) / len(incomes)
    return IncomeLevel(mean, math.sqrt(variance))


def terms(
    ask: Ask,  # noqa: ARG001  # unread by the two terms of today; a term may be of the two together
    supply: Supply,
    eta_s: float,
    policy: Policy,
    *,
    level: IncomeLevel = UNKNOWN_INCOME,
) -> dict[str, float]:
    """The cost's terms in seconds, named as in `policy.COST_TERMS`. Less is better.

    `approach` is the travel time. `fairness` is `fairness_s` per standard deviation that the provider's
    income per active hour lies above the round's mean, clipped at `fairness_cap` (after Suehr et al., KDD
    2019: fairness over time, not per match); negative for those who have earned less.
    """
    fairness = 0.0
    if supply.income_per_hour is not None and level.sd > 0:
        above = (supply.income_per_hour - level.mean) / level.sd
        fairness = policy.fairness_s * min(max(above, -policy.fairness_cap), policy.fairness_cap)
    return {"approach": round(eta_s, DECIMALS), "fairness": round(fairness, DECIMALS) + 0.0}


def total(of: dict[str, float]) -> float:
    """The cost: the sum of its terms, in seconds."""
    return round(math.fsum(of.values()), DECIMALS)


def nobody_price(ask: Ask, policy: Policy) -> float:
    """The cost of offering this ask to nobody in this round, in seconds."""
    return round(policy.nobody_price_s(age_s=ask.age_s, limit_s=ask.max_approach_s), DECIMALS)
