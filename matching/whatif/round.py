"""One round of a replayed day, and the two ways to decide it: the production solver, and the nearest car."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.assign import NOBODY, assign
from matching.policy import Policy
from matching.problem import Ask, Pairs, Problem, Supply
from matching.solve import solve
from matching.whatif.city import Floats

Indexes: TypeAlias = NDArray[np.intp]

SERVICE = "ride"
SERVICES = frozenset({SERVICE})
NONE = frozenset[str]()
PRODUCTION = Policy(version="replay-1", wave_reach_s=())
"""As the dispatcher's own: no reach in the policy, the request's limit holds."""
FAIR_S = 60.0
"""s per standard deviation: the weight that the fairness term was first studied at."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Round:
    """Open requests and idle cars, by their numbers in the day, and the pairs worth judging: parallel arrays.

    `row` and `column` point into `asks` and `cars`. Requests stand in order of request.
    """

    asks: Indexes
    age_s: Floats
    limit_s: Floats
    """s of approach after which a request is not picked up in time."""
    duration_s: Floats
    pay: Floats
    """Cents."""
    cars: Indexes
    income_per_hour: Floats
    """Cents per hour on duty; NaN: not yet known."""
    row: Indexes
    column: Indexes
    eta_s: Floats
    meters: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Given:
    """Pairs of the round that were decided on, by their place in its arrays, and the seconds of approach that
    fairness cost: the decision's own less the least possible."""

    pairs: Indexes
    fairness_price_s: float = 0.0


Decide: TypeAlias = Callable[[Round], Given]


def nearest(round_: Round) -> Given:
    """First come, first served: each request in turn takes the nearest car that is still free."""
    order = np.lexsort((round_.column, round_.eta_s, round_.row))
    rows, columns = round_.row[order].tolist(), round_.column[order].tolist()
    served: set[int] = set()
    taken: set[int] = set()
    pairs = []
    for pair, row, column in zip(order.tolist(), rows, columns, strict=True):
        if row not in served and column not in taken:
            served.add(row)
            taken.add(column)
            pairs.append(pair)
    return Given(pairs=np.array(pairs, dtype=np.intp))


def batch(policy: Policy, seed: int) -> Decide:
    """The production solver under a policy. Without fairness it is not told incomes, which nothing would read."""

    def decide(round_: Round) -> Given:
        pairs = _solved(round_, policy, seed)
        price_s = _fairness_price_s(round_, pairs, policy) if policy.fairness_s > 0 else 0.0
        return Given(pairs=pairs, fairness_price_s=price_s)

    return decide


def _fairness_price_s(round_: Round, pairs: Indexes, policy: Policy) -> float:
    """The approaches of a decision less those of the assignment that costs approach alone. Where that one serves
    another number of requests the sums do not compare, and no price is told."""
    kept = _that_matter(round_, policy)
    given = assign(round_.row[kept], round_.column[kept], round_.eta_s[kept], _nobody(round_, policy))
    served = np.flatnonzero(given != NOBODY)
    if len(served) != len(pairs):
        return 0.0
    eta = np.full((len(round_.asks), len(round_.cars)), np.inf)
    eta[round_.row, round_.column] = round_.eta_s
    return float(round_.eta_s[pairs].sum() - eta[served, given[served]].sum())


def _nobody(round_: Round, policy: Policy) -> Floats:
    """What leaving each request alone costs this round, in seconds."""
    return policy.nobody_prices_s(round_.age_s, round_.limit_s)


def _solved(round_: Round, policy: Policy, seed: int) -> Indexes:
    """The pairs that the production solver offers."""
    kept = _that_matter(round_, policy)
    result = solve(_problem(round_, kept, policy, seed))
    rows, columns = round_.asks[round_.row[kept]].tolist(), round_.cars[round_.column[kept]].tolist()
    place = dict(zip(zip(rows, columns, strict=True), kept.tolist(), strict=True))
    offered = [place[int(match.ask_id), int(match.provider_id)] for match in result.offers]
    return np.array(sorted(offered), dtype=np.intp)


def _that_matter(round_: Round, policy: Policy) -> Indexes:
    """Pairs that an optimum can be made of: with m cars, a car's m best requests.

    At most m - 1 of them are another car's, so a car on a request beyond them would do better on one of them. A
    car's own cost is the same for all requests, so fairness changes none of it. Fifty requests that wait for three
    cars are nine pairs to judge instead of a hundred and fifty.
    """
    m = len(round_.cars)
    if len(round_.asks) <= m:
        return np.arange(len(round_.row))
    order = np.lexsort((round_.row, round_.eta_s - _nobody(round_, policy)[round_.row], round_.column))
    _, first, count = np.unique(round_.column[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, count)
    return np.sort(order[place < m]).astype(np.intp)


def _problem(round_: Round, kept: Indexes, policy: Policy, seed: int) -> Problem:
    asked, row = np.unique(round_.row[kept], return_inverse=True)
    able, column = np.unique(round_.column[kept], return_inverse=True)
    columns = (round_.asks, round_.age_s, round_.limit_s, round_.duration_s, round_.pay)
    asks = tuple(
        Ask(
            id=f"{ask:08d}",
            service=SERVICE,
            age_s=age_s,
            wave=0,
            max_approach_s=limit_s,
            wanted=1,
            needs=NONE,
            duration_s=duration_s,
            pay=int(pay),
            starts_in_s=0.0,
            customer="",
            destination_cell=None,
            already_asked=NONE,
        )
        for ask, age_s, limit_s, duration_s, pay in zip(*(c[asked].tolist() for c in columns), strict=True)
    )
    told = policy.fairness_s > 0
    incomes = [
        income if told and not math.isnan(income) else None
        for income in round_.income_per_hour[able].tolist()
    ]
    supply = tuple(
        _supply(car, income) for car, income in zip(round_.cars[able].tolist(), incomes, strict=True)
    )
    pairs = Pairs(row, column, round_.eta_s[kept], round_.meters[kept], "crow")
    return Problem(asks=asks, supply=supply, pairs=pairs, policy=policy, seed=seed)


@lru_cache(maxsize=4_096)
def _supply(car: int, income: float | None) -> Supply:
    return Supply(
        id=f"{car:08d}",
        services=SERVICES,
        tags=NONE,
        fix_age_s=0.0,
        stale=False,
        on_duty=True,
        busy=False,
        pending_offer=False,
        max_travel_s=None,
        free_until_s=None,
        income_per_hour=income,
        queue_rank=None,
        blocked_customers=NONE,
        suspended=False,
    )
