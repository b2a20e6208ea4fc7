"""A market's whole round from places alone: who is near whom, how long the way is for those only, the answer,
and repair where looking at the nearest was looking too near.

The nearest few of each ask are nearly all that the best assignment needs where supply is ample, and not where
it is balanced: there an ask that all its neighbours left must look further, among those still free.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.spatial import cKDTree

from matching.allot import Resuming
from matching.answer import Answer, answer_of
from matching.assign import Assignment
from matching.field import (
    AskColumns,
    Field,
    Floats,
    PairSet,
    Rows,
    SupplyColumns,
    arrivals,
    lacking,
    pair_keys,
)
from matching.policy import Policy
from matching.problem import Pairs
from matching.survey import joined, survey

K_BY_SUPPLY: tuple[tuple[float, int], ...] = ((4.0, 16), (2.0, 32), (0.0, 64))
"""(available providers per ask, nearest looked at): the first row that holds. Measured on a synthetic city of 40
hot spots, against the optimum over all pairs: 16 lose nothing at 5 per ask and 2.5 % at 2, 32 lose 0.1 % at 2
and 2-7 % at 1.2, 64 lose 0.1-1 % at 1."""

REPAIR_ROUNDS = 5  # at most; the fourth and fifth still gain where thousands are balanced
REPAIR_NEAREST = 16  # free providers that an ask nobody was offered looks at in one repair
REPAIR_ASKS = 8  # asks that a free provider is shown to in one repair

Ways: TypeAlias = Callable[[Rows, Rows], tuple[Floats, Floats]]
"""Seconds and metres from supply to ask, pair by pair; infinite where there is no way."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Town:
    """A market as columns. Places are of any kind whose straight distance tells who is near: metres on a plane,
    unit vectors on the sphere; a row each."""

    asks: AskColumns
    supply: SupplyColumns
    asks_at: Floats
    supply_at: Floats
    ways: Ways
    source: str
    """Where `ways` come from, of `problem.SOURCES`."""


def how_many(asks: int, available: int) -> int:
    """How many of the nearest an ask looks at, by how ample supply is."""
    return next(k for ample, k in K_BY_SUPPLY if available >= ample * asks)


def match(
    town: Town,
    policy: Policy,
    seed: int,
    *,
    assignment: Assignment | None = None,
    repairs: int = REPAIR_ROUNDS,
) -> tuple[Field, Answer]:
    """The round's field and its answer. A repair that gains nothing is the last.

    A repair judges its new pairs only, and begins from the assignment before (`allot.Resuming`, unless another way of
    assigning is given).
    """
    assignment = assignment or Resuming()
    field = _field(town, _ways(town, *candidates(town)), policy, seed)
    seen = survey(field)
    found = answer_of(field, seen, assignment)
    for _ in range(repairs if found.unserved else 0):
        more = _ways(town, *_overlooked(town, field, found))
        if not len(more):
            break
        field = _field(town, _after(field.pairs, more), policy, seed)
        seen = joined(seen, survey(_field(town, more, policy, seed)))
        again = answer_of(field, seen, assignment)
        gained = again.objective < found.objective
        found = again
        if not gained:
            break
    return field, found


def candidates(town: Town) -> tuple[Rows, Rows]:
    """The nearest of each ask among those who are available, offer the service and have what it needs."""
    found = []
    for asks, supply in _trades(town):
        k = how_many(len(asks), len(supply))
        i, j = nearest(town.asks_at[asks], town.supply_at[supply], k)
        found.append((asks[i], supply[j]))
    return _concatenated(found)


def nearest(points: Floats, among: Floats, k: int) -> tuple[Rows, Rows]:
    """The rows of each point and of its `k` nearest among others, or of all where there are fewer."""
    k = min(k, len(among))
    if k == 0 or not len(points):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    # Sliding midpoints: built in two thirds of the time, as fast to ask on cities.
    _, rows = cKDTree(among, balanced_tree=False, compact_nodes=False).query(points, k)
    return np.repeat(np.arange(len(points)), k), rows.reshape(-1).astype(np.intp)


def _trades(town: Town) -> Iterator[tuple[Rows, Rows]]:
    """Asks that look for the same, and who could be asked for it."""
    wanted = np.hstack((town.asks.service, town.asks.needs))
    held = np.hstack((town.supply.services, town.supply.tags))
    available = town.supply.available
    for sought in np.unique(wanted, axis=0) if len(wanted) else wanted:
        asks = np.flatnonzero((wanted == sought).all(axis=1))
        yield asks, np.flatnonzero(available & ~lacking(sought[np.newaxis], held))


def _overlooked(town: Town, field: Field, found: Answer) -> tuple[Rows, Rows]:
    """Pairs worth a look after an answer: asks that got nobody with their nearest free providers, and free
    providers with their nearest asks; none of them if everybody got somebody."""
    alone = np.zeros(len(town.asks), dtype=np.bool_)
    alone[[i for i, _ in found.unserved]] = True
    taken = np.bincount(found.seen.supply[found.offers], minlength=len(town.supply))
    free = taken < town.supply.capacity
    pairs = []
    for asks, supply in _trades(town):
        left, idle = asks[alone[asks]], supply[free[supply]]
        if len(left) and len(idle):
            i, j = nearest(town.asks_at[left], town.supply_at[idle], REPAIR_NEAREST)
            pairs.append((left[i], idle[j]))
            j, i = nearest(town.supply_at[idle], town.asks_at[asks], REPAIR_ASKS)
            pairs.append((asks[i], idle[j]))
    more_i, more_j = _concatenated(pairs)
    width = len(town.supply)
    known = PairSet(np.sort(pair_keys(field.pairs.ask, field.pairs.supply, width)), width)
    rows, columns = np.divmod(np.unique(pair_keys(more_i, more_j, width)), max(width, 1))
    new = ~known.holds(rows, columns)
    return rows[new].astype(np.intp), columns[new].astype(np.intp)


def _ways(town: Town, i: Rows, j: Rows) -> Pairs:
    return arrivals(Pairs(i, j, *town.ways(i, j), town.source), town.supply)


def _after(pairs: Pairs, more: Pairs) -> Pairs:
    return Pairs(
        np.concatenate((pairs.ask, more.ask)),
        np.concatenate((pairs.supply, more.supply)),
        np.concatenate((pairs.eta_s, more.eta_s)),
        np.concatenate((pairs.meters, more.meters)),
        pairs.source,
    )


def _field(town: Town, pairs: Pairs, policy: Policy, seed: int) -> Field:
    return Field(town.asks, town.supply, pairs, policy, seed)


def _concatenated(pairs: list[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    nothing = np.empty(0, dtype=np.intp)
    return (
        np.concatenate([nothing, *(i for i, _ in pairs)]),
        np.concatenate([nothing, *(j for _, j in pairs)]),
    )
