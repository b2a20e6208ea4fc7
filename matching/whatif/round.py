"""One round of a replayed day, and the two ways to decide it: the production solver, and the nearest car."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching import compiled
from matching.allot import NOT_GIVEN, allot
from matching.assign import NOBODY
from matching.cost import nobody_prices
from matching.field import NOWHERE, AskColumns, Field, PairSet, PairValues, SupplyColumns
from matching.policy import Policy
from matching.problem import DECIMALS, Pairs
from matching.reasons import BARRING
from matching.survey import survey
from matching.whatif.city import Floats

Indexes: TypeAlias = NDArray[np.intp]


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
    ahead: "Ahead | None" = None
    """None: nothing is anticipated, or cars are ample."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ahead:
    """What a round anticipates (`matching.anticipation`): of its requests what they bring, what being free after them
    is worth and which are spared, of its cars what being free where they are is worth. Seconds of earning."""

    brings_s: Floats
    after_s: Floats
    spared: NDArray[np.bool_]
    place_s: Floats


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
    given = compiled.assign(
        round_.row[kept], round_.column[kept], round_.eta_s[kept], _nobody(round_, policy)
    )
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
    """The pairs that the production solver offers. Who was not offered what, and why, nobody asks of a replay."""
    kept = _that_matter(round_, policy)
    field = field_of(round_, kept, policy, seed)
    seen, asks = survey(field), field.asks
    allotted = allot(seen, asks.wanted, field.supply.capacity, nobody_prices(asks, policy), compiled.assign)
    return np.sort(kept[seen.pair[allotted.given != NOT_GIVEN]])


def _that_matter(round_: Round, policy: Policy) -> Indexes:
    """Pairs that an optimum can be made of: with m cars, a car's m best requests.

    At most m - 1 of them are another car's, so a car on a request beyond them would do better on one of them. A
    car's own cost is the same for all requests, so fairness changes none of it; anticipation is of the two together,
    and leaves nothing out. Fifty requests that wait for three
    cars are nine pairs to judge instead of a hundred and fifty.
    """
    m = len(round_.cars)
    if len(round_.asks) <= m or (round_.ahead is not None and policy.anticipation > 0):
        return np.arange(len(round_.row))
    order = np.lexsort((round_.row, round_.eta_s - _nobody(round_, policy)[round_.row], round_.column))
    _, first, count = np.unique(round_.column[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, count)
    return np.sort(order[place < m]).astype(np.intp)


def field_of(round_: Round, kept: Indexes, policy: Policy, seed: int) -> Field:
    """These pairs of the round as the solver's columns: requests for one service, and cars that are free for it.
    Times are rounded as `problem` rounds them."""
    asked, row = np.unique(round_.row[kept], return_inverse=True)
    able, column = np.unique(round_.column[kept], return_inverse=True)
    return Field(
        _asks(round_, asked),
        _cars(round_, able, told=policy.fairness_s > 0),
        Pairs(row, column, round_.eta_s[kept], round_.meters[kept], "crow"),
        policy,
        seed,
    )


def _asks(round_: Round, asked: Indexes) -> AskColumns:
    n, ahead = len(asked), round_.ahead
    nothing = PairSet.of((), 0)
    return AskColumns(
        ids=[f"{ask:08d}" for ask in round_.asks[asked].tolist()],
        service=np.ones((n, 1), dtype=np.uint64),
        needs=np.zeros((n, 0), dtype=np.uint64),
        age_s=np.round(round_.age_s[asked], DECIMALS),
        wave=np.zeros(n, dtype=np.int64),
        max_approach_s=np.round(round_.limit_s[asked], DECIMALS),
        wanted=np.ones(n, dtype=np.int64),
        duration_s=np.round(round_.duration_s[asked], DECIMALS),
        starts_in_s=np.zeros(n),
        customer=np.zeros(n, dtype=np.int64),
        zone=np.full(n, NOWHERE, dtype=np.int64),
        already_asked=nothing,
        onward_s=PairValues.of_rows((), 0),
        barred=dict.fromkeys(sorted(BARRING), nothing),
        brings_s=np.full(n, np.nan) if ahead is None else np.round(ahead.brings_s[asked], DECIMALS),
        after_s=np.full(n, np.nan) if ahead is None else np.round(ahead.after_s[asked], DECIMALS),
        spared=np.zeros(n, dtype=np.bool_) if ahead is None else ahead.spared[asked],
    )


def _cars(round_: Round, able: Indexes, *, told: bool) -> SupplyColumns:
    """`told`: the solver hears of incomes, which without fairness nothing reads."""
    m, ahead = len(able), round_.ahead
    no, endless = np.zeros(m, dtype=np.bool_), np.full(m, np.inf)
    return SupplyColumns(
        ids=[f"{car:08d}" for car in round_.cars[able].tolist()],
        services=np.ones((m, 1), dtype=np.uint64),
        tags=np.zeros((m, 0), dtype=np.uint64),
        stale=no,
        on_duty=~no,
        busy=no,
        pending_offer=no,
        suspended=no,
        max_travel_s=endless,
        free_until_s=endless,
        next_start_s=endless,
        income_per_hour=np.round(round_.income_per_hour[able], DECIMALS) if told else np.full(m, np.nan),
        queue_zone=np.full(m, NOWHERE, dtype=np.int64),
        queue_rank=np.zeros(m, dtype=np.int64),
        blocked=PairSet.of((), m),
        capacity=np.ones(m, dtype=np.int64),
        free_in_s=np.zeros(m),
        place_s=np.full(m, np.nan) if ahead is None else np.round(ahead.place_s[able], DECIMALS),
    )
