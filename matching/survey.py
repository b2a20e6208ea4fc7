"""The round's field: who could be offered what and at what cost, and who could not and why."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from matching.assign import lots
from matching.cost import Weighing, level_of, totals, weigh
from matching.feasible import DISPATCH_CHECKS, FREE, Case, first_broken
from matching.field import NOWHERE, Field, Floats, Rows, SupplyColumns, Whole
from matching.problem import DECIMALS

LOT_SPAN_S = 0.0005
"""s; what the lots of one whole assignment may add up to: under the millisecond that costs are rounded to, so
a lot settles ties and never more."""
_PER_S = 10**DECIMALS  # of the smallest step of a cost
_WIDEST = 2**62  # of a number that stands for two


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Pairs judged, and the candidates among them as columns, in order of ask and rank."""

    refused: NDArray[np.int8]
    """By pair: the code of the first constraint against it, or `FREE`."""
    pair: Rows
    """By candidate: which pair it is."""
    ask: Rows
    supply: Rows
    eta_s: Floats
    terms: NDArray[np.float64]
    """A row for each of `cost.TERMS`."""
    cost: Floats
    lot: Floats
    """s, at most `LOT_SPAN_S` over the number of asks: settles ties."""
    place: Floats
    """Place in the station queue of the ask's zone, from 0; infinite: not in it."""
    rank: Whole
    """Among the ask's candidates, from 1: the station queue in its order, then by cost, then by lot."""

    def __len__(self) -> int:
        return len(self.pair)


def survey(field: Field) -> Survey:
    """Judge every pair of the field."""
    case = Case.of_pairs(field)
    refused = first_broken(case, DISPATCH_CHECKS)
    pair = np.flatnonzero(refused == FREE)
    ask, supply, eta_s = case.i[pair], case.j[pair], case.eta_s[pair]
    weighing = Weighing(eta_s, field.policy, level_of(field.supply.income_per_hour))
    terms = weigh(field.asks, field.supply, ask, supply, weighing)
    cost = totals(terms)
    lot = lots(field.seed, field.asks.ids, field.supply.ids, ask, supply) * (
        LOT_SPAN_S / max(1, len(field.asks))
    )
    place = np.full(len(pair), np.inf)
    if bool((field.supply.queue_zone != NOWHERE).any()):
        zone = field.asks.zone[ask]
        turn = (zone != NOWHERE) & (zone == field.supply.queue_zone[supply])
        place[turn] = _queue_places(field.supply)[supply[turn]]
    return _ranked(refused, pair, ask, supply, eta_s, terms, cost, lot, place)


def joined(seen: Survey, more: Survey) -> Survey:
    """The survey of a field whose pairs are those of two others, one after the other, with the same asks and supply:
    what each of its pairs is worth does not depend on what other pairs there are."""
    return _ranked(
        np.concatenate((seen.refused, more.refused)),
        np.concatenate((seen.pair, len(seen.refused) + more.pair)),
        np.concatenate((seen.ask, more.ask)),
        np.concatenate((seen.supply, more.supply)),
        np.concatenate((seen.eta_s, more.eta_s)),
        np.concatenate((seen.terms, more.terms), axis=1),
        np.concatenate((seen.cost, more.cost)),
        np.concatenate((seen.lot, more.lot)),
        np.concatenate((seen.place, more.place)),
    )


def _ranked(
    refused: NDArray[np.int8],
    pair: Rows,
    ask: Rows,
    supply: Rows,
    eta_s: Floats,
    terms: NDArray[np.float64],
    cost: Floats,
    lot: Floats,
    place: Floats,
) -> Survey:
    """Candidates in order of ask and rank."""
    order = _order(ask, place, cost, lot)
    ask = ask[order]
    first = np.flatnonzero(np.diff(ask, prepend=-1))
    rank = np.arange(1, len(ask) + 1) - np.repeat(first, np.diff(first, append=len(ask)))
    return Survey(
        refused,
        pair[order],
        ask,
        supply[order],
        eta_s[order],
        terms[:, order],
        cost[order],
        lot[order],
        place[order],
        rank,
    )


def _order(ask: Rows, place: Floats, cost: Floats, lot: Floats) -> Rows:
    """By ask, place, cost and lot; what is equal in all of them as it comes.

    Four sorts at once are the better part of a large round, so that one number stands for ask and cost, which are in
    whole milliseconds, and the rest is looked at only where that leaves equals, which is rare.
    """
    if not len(ask) or np.isfinite(place).any():
        return np.lexsort((lot, cost, place, ask))
    whole = np.round(cost * _PER_S).astype(np.int64)
    whole -= whole.min()
    wide = int(whole.max()) + 1
    if wide > _WIDEST // (int(ask.max()) + 1):
        return np.lexsort((lot, cost, place, ask))
    keys = ask * wide + whole
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if len(same):
        equals = np.unique(np.concatenate((same, same + 1)))
        order[equals] = order[equals][np.lexsort((order[equals], lot[order[equals]], keys[equals]))]
    return order


def _queue_places(supply: SupplyColumns) -> Floats:
    """Each queued provider's place in its zone's queue, from 0 and without gaps; equal ranks in order of
    id."""
    queued = np.flatnonzero(supply.queue_zone != NOWHERE)
    zone = supply.queue_zone[queued]
    order = np.lexsort((queued, supply.queue_rank[queued], zone))
    places = np.full(len(supply), np.inf)
    for _, queue in groupby(queued[order].tolist(), key=lambda j: int(supply.queue_zone[j])):
        for place, j in enumerate(queue):
            places[j] = place
    return places
