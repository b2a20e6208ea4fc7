"""The round's field: who could be offered what and at what cost, and who could not and why."""

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from matching.assign import lots
from matching.cost import income_level, terms, total
from matching.feasible import feasible
from matching.problem import Problem
from matching.reasons import Reason
from matching.result import Verdict

LOT_SPAN_S = 0.0005
"""s; what the lots of one whole assignment may add up to: under the millisecond that costs are rounded to, so
a lot settles ties and never more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A provider who could be offered an ask, by their indexes in the problem."""

    ask: int
    supply: int
    eta_s: float
    meters: float | None
    terms: dict[str, float]
    cost: float
    lot: float
    """s, at most `LOT_SPAN_S` over the number of asks: settles ties."""
    place: int | None
    """Place in the station queue of the ask's zone, from 0; None: not in it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """`candidates` come in order of ask and rank; `refusals` are those who could not, with their reason."""

    candidates: tuple[Candidate, ...]
    ranks: dict[tuple[int, int], int]
    """By ask and supply, from 1: the station queue in its order, then by cost, then by lot."""
    refusals: tuple[Verdict, ...]


def survey(problem: Problem) -> Survey:
    """Judge every pair of the problem, and those who offer the service but were given no pair because of
    their state."""
    level = income_level(problem.supply)
    places = _queue_places(problem)
    refusals = _without_a_pair(problem)
    candidates: list[Candidate] = []
    columns = (
        problem.pairs.ask,
        problem.pairs.supply,
        problem.pairs.eta_s,
        problem.pairs.meters,
        _drawn(problem),
    )
    for i, j, eta_s, meters, lot in zip(*(column.tolist() for column in columns), strict=True):
        ask, provider = problem.asks[i], problem.supply[j]
        reason = feasible(ask, provider, eta_s, problem.policy)
        if reason is not None:
            refusals.append(_refusal(problem, i, j, reason, eta_s if math.isfinite(eta_s) else None))
            continue
        parts = terms(ask, provider, eta_s, problem.policy, level=level)
        candidates.append(
            Candidate(
                ask=i,
                supply=j,
                eta_s=eta_s,
                meters=meters if math.isfinite(meters) else None,
                terms=parts,
                cost=total(parts),
                lot=lot,
                place=places[j] if ask.zone is not None and ask.zone == provider.queue_zone else None,
            )
        )
    candidates.sort(key=lambda c: (c.ask, c.place is None, c.place or 0, c.cost, c.lot))
    ranks: dict[tuple[int, int], int] = {}
    for _, field in groupby(candidates, key=lambda c: c.ask):
        ranks |= {(c.ask, c.supply): rank for rank, c in enumerate(field, start=1)}
    return Survey(tuple(candidates), ranks, tuple(refusals))


def _drawn(problem: Problem) -> NDArray[np.float64]:
    """A lot per pair, in seconds."""
    asks = [ask.id for ask in problem.asks]
    supply = [provider.id for provider in problem.supply]
    drawn = lots(problem.seed, asks, supply, problem.pairs.ask, problem.pairs.supply)
    return drawn * (LOT_SPAN_S / max(1, len(asks)))


def _queue_places(problem: Problem) -> dict[int, int]:
    """Each queued provider's place in its zone's queue, from 0 and without gaps; equal ranks in order of
    id."""
    queued = sorted(
        (provider.queue_zone, provider.queue_rank, j)
        for j, provider in enumerate(problem.supply)
        if provider.queue_zone is not None and provider.queue_rank is not None
    )
    return {
        j: place
        for _, queue in groupby(queued, key=lambda entry: entry[0])
        for place, (_, _, j) in enumerate(queue)
    }


def _without_a_pair(problem: Problem) -> list[Verdict]:
    """Those whom something that needs no travel time keeps from the ask: the caller was spared it.

    Others without a pair were not among the nearest: no verdict is stored for them (`explain` tells them so).
    """
    paired = set(zip(problem.pairs.ask.tolist(), problem.pairs.supply.tolist(), strict=True))
    offering: defaultdict[str, list[int]] = defaultdict(list)
    for j, provider in enumerate(problem.supply):
        for service in provider.services:
            offering[service].append(j)
    refusals = []
    for i, ask in enumerate(problem.asks):
        for j in offering[ask.service]:
            if (i, j) in paired:
                continue
            reason = feasible(ask, problem.supply[j], None, problem.policy)
            if reason is not None:
                refusals.append(_refusal(problem, i, j, reason, None))
    return refusals


def _refusal(problem: Problem, i: int, j: int, reason: Reason, eta_s: float | None) -> Verdict:
    return Verdict(
        ask_id=problem.asks[i].id,
        provider_id=problem.supply[j].id,
        reason=reason,
        terms={},
        eta_s=eta_s,
        rank=None,
    )
