"""What an offer costs, as named terms in seconds.

A term is a row of `TERMS` and names the columns of a provider that it reads; it is handed those and no others.
A test holds them to `policy.ALLOWED_FEATURES`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matching.field import AskColumns, Floats, Rows, SupplyColumns
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
    """A term of the cost. `seconds` is given the weighing, then the columns named in `reads`, pair by pair."""

    name: str
    reads: tuple[str, ...]
    seconds: Callable[..., Floats]


def _fairness(weighing: Weighing, income_per_hour: Floats) -> Floats:
    if weighing.level.sd == 0 or weighing.policy.fairness_s == 0:
        return np.zeros(len(income_per_hour))
    above = (income_per_hour - weighing.level.mean) / weighing.level.sd
    cap = weighing.policy.fairness_cap
    return np.nan_to_num(weighing.policy.fairness_s * np.clip(above, -cap, cap), nan=0.0)


TERMS: tuple[Term, ...] = (
    Term("approach", (), lambda weighing: weighing.eta_s),
    Term("fairness", ("income_per_hour",), _fairness),
)
"""Less is better.

`approach` is the time until the provider would be there: the way, and for whoever finishes a trip first the rest of
that (`field.arrivals`). `fairness` is `fairness_s` per standard deviation that the provider's income per
active hour lies above the round's mean, clipped at `fairness_cap` (after Suehr et al., KDD 2019: fairness over
time, not per match); negative for those who have earned less, 0 where the income is not known.
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


def weigh(supply: SupplyColumns, j: Rows, weighing: Weighing) -> NDArray[np.float64]:
    """The terms of many pairs, in seconds: a row for each of `TERMS`, a column for each pair."""
    return _rounded(
        [term.seconds(weighing, *(getattr(supply, name)[j] for name in term.reads)) for term in TERMS]
    )


def totals(terms: NDArray[np.float64]) -> Floats:
    """The costs of pairs whose terms `weigh` told."""
    costs: Floats = np.round(terms.sum(axis=0), DECIMALS)
    return costs


def terms(
    ask: Ask,  # noqa: ARG001  # unread by the two terms of today; a term may be of the two together
    supply: Supply,
    eta_s: float,
    policy: Policy,
    *,
    level: IncomeLevel = UNKNOWN_INCOME,
) -> dict[str, float]:
    """The cost's terms in seconds, named as in `policy.COST_TERMS`. Less is better."""
    weighing = Weighing(np.array([eta_s]), policy, level)
    columns = [[np.array([getattr(supply, name)], dtype=np.float64) for name in term.reads] for term in TERMS]
    told = _rounded([term.seconds(weighing, *read) for term, read in zip(TERMS, columns, strict=True)])
    return {term.name: float(seconds[0]) for term, seconds in zip(TERMS, told, strict=True)}


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
