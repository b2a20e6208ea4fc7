"""What an offer costs, as named terms in seconds.

A term is a row of `TERMS` and names the columns of a provider and of a request that it reads; it is handed those and
no others.
A test holds them to `policy.ALLOWED_FEATURES`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matching.anticipation import LATER
from matching.field import AskColumns, Floats, Rows, SupplyColumns
from matching.forecast import SLOT_S
from matching.policy import Policy
from matching.problem import DECIMALS, Ask, Supply


@dataclass(frozen=True, slots=True)
class IncomeLevel:
    """Mean and standard deviation of income per active hour over the round's supply, in cents."""

    mean: float
    sd: float


UNKNOWN_INCOME = IncomeLevel(0.0, 0.0)


class Weighing(NamedTuple):
    """What every term may read besides its own columns: when each pair would meet, and the round's numbers."""

    eta_s: Floats
    policy: Policy
    level: IncomeLevel


class Term(NamedTuple):
    """A term of the cost. `seconds` is given the weighing, then the provider's columns named in `reads`, then the
    request's named in `of_ask`, pair by pair. What is not `on` under a policy is not told either: rounds stored before
    there was the term stay as they were."""

    name: str
    reads: tuple[str, ...]
    seconds: Callable[..., Floats]
    of_ask: tuple[str, ...] = ()
    on: Callable[[Policy], bool] = lambda _: True


def _fairness(weighing: Weighing, income_per_hour: Floats) -> Floats:
    if weighing.level.sd == 0 or weighing.policy.fairness_s == 0:
        return np.zeros(len(income_per_hour))
    above = (income_per_hour - weighing.level.mean) / weighing.level.sd
    cap = weighing.policy.fairness_cap
    return np.nan_to_num(weighing.policy.fairness_s * np.clip(above, -cap, cap), nan=0.0)


def _anticipation(
    weighing: Weighing, place_s: Floats, brings_s: Floats, after_s: Floats, spared: NDArray[np.bool_]
) -> Floats:
    if weighing.policy.anticipation == 0:
        return np.zeros(len(place_s))
    gained_s = brings_s + after_s * LATER ** (weighing.eta_s / SLOT_S) - place_s
    cap = weighing.policy.anticipation_cap_s
    against = np.nan_to_num(np.clip(-weighing.policy.anticipation * gained_s, -cap, cap), nan=0.0)
    return np.where(spared, np.minimum(against, 0.0), against)


TERMS: tuple[Term, ...] = (
    Term("approach", (), lambda weighing: weighing.eta_s),
    Term("fairness", ("income_per_hour",), _fairness),
    Term(
        "anticipation",
        ("place_s",),
        _anticipation,
        of_ask=("brings_s", "after_s", "spared"),
        on=lambda policy: policy.anticipation > 0,
    ),
)
"""Less is better.

`approach` is the time until the provider would be there: the way, and for whoever finishes a trip first the rest of
that (`field.arrivals`). `fairness` is `fairness_s` per standard deviation that the provider's income per
active hour lies above the round's mean, clipped at `fairness_cap` (after Suehr et al., KDD 2019: fairness over
time, not per match); negative for those who have earned less, 0 where the income is not known. `anticipation` is
what a trip takes beyond what it brings, in seconds of earning: the worth of being free where the provider is, less the
trip's pay and the worth of being free where and when it ends, later by the approach; 0 where either is not known,
clipped at `anticipation_cap_s`, never above 0 for an ask that is spared.
"""


def income_level(supply: Iterable[Supply]) -> IncomeLevel:
    """The level over those whose income is known; of fewer than two, a spread of 0, which makes fairness
    0."""
    known = [provider.income_per_hour for provider in supply if provider.income_per_hour is not None]
    return level_of(np.array(known, dtype=np.float64))


def level_of(income_per_hour: Floats) -> IncomeLevel:
    """The same of a column, where NaN is an income that is not known."""
    incomes = np.sort(income_per_hour[~np.isnan(income_per_hour)]).tolist()
    if len(incomes) < 2:
        return UNKNOWN_INCOME
    mean = math.fsum(incomes) / len(incomes)
    variance = math.fsum((income - mean) ** 2 for income in incomes) / len(incomes)
    return IncomeLevel(mean, math.sqrt(variance))


def weigh(
    asks: AskColumns, supply: SupplyColumns, i: Rows, j: Rows, weighing: Weighing
) -> NDArray[np.float64]:
    """The terms of many pairs, in seconds: a row for each of `TERMS`, a column for each pair."""
    return _rounded(
        [
            term.seconds(
                weighing,
                *(getattr(supply, name)[j] for name in term.reads),
                *(getattr(asks, name)[i] for name in term.of_ask),
            )
            for term in TERMS
        ]
    )


def totals(terms: NDArray[np.float64]) -> Floats:
    """The costs of pairs whose terms `weigh` told."""
    costs: Floats = np.round(terms.sum(axis=0), DECIMALS)
    return costs


def terms(
    ask: Ask,
    supply: Supply,
    eta_s: float,
    policy: Policy,
    *,
    level: IncomeLevel = UNKNOWN_INCOME,
) -> dict[str, float]:
    """The cost's terms that are on under the policy, in seconds, named as in `policy.COST_TERMS`. Less is better."""
    weighing = Weighing(np.array([eta_s]), policy, level)

    def seconds(term: Term) -> Floats:
        read = (getattr(supply, name) for name in term.reads)
        of_ask = (getattr(ask, name) for name in term.of_ask)
        return term.seconds(weighing, *(np.array([value], dtype=np.float64) for value in (*read, *of_ask)))

    return {term.name: float(_rounded([seconds(term)])[0, 0]) for term in TERMS if term.on(policy)}


def total(of: dict[str, float]) -> float:
    """The cost: the sum of its terms, in seconds."""
    return round(math.fsum(of.values()), DECIMALS)


def nobody_price(ask: Ask, policy: Policy) -> float:
    """The cost of offering this ask to nobody in this round, in seconds."""
    return round(policy.nobody_price_s(age_s=ask.age_s, limit_s=ask.max_approach_s), DECIMALS)


def nobody_prices(asks: AskColumns, policy: Policy) -> Floats:
    """The same for all asks of a round."""
    return np.round(policy.nobody_prices_s(asks.age_s, asks.max_approach_s), DECIMALS)


def _rounded(terms: list[Floats]) -> NDArray[np.float64]:
    told = np.round(np.array(terms), DECIMALS) + 0.0  # -0.0 + 0.0 is 0.0
    return np.asarray(told, dtype=np.float64)
