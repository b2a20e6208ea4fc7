"""One round: a `Problem` in, a `Result` with a reason for everyone out.

The work is done on columns (`field`, `survey`, `allot`, `answer`); here records go in and come out.

Promises, each a property test: the same problem gives the same answer; the order of its input changes
nothing; a provider gets no more offers than they have room for; a provider who is nearer, all else equal,
never ranks or fares worse; both ways of solving the assignment give the same answer.
"""

import math

import numpy as np

from matching.allot import by_size
from matching.answer import Answer, answer, unpaired
from matching.assign import Assignment
from matching.cost import TERMS
from matching.field import Field, Rows, field_of
from matching.policy import Policy
from matching.problem import Problem
from matching.reasons import REASONS
from matching.result import Match, Result, Verdict

__all__ = ["Match", "Result", "Verdict", "solve"]


def solve(problem: Problem, assignment: Assignment = by_size) -> Result:
    """The round's offers, and a reason for every provider who was looked at."""
    field = field_of(problem)
    found = answer(field, assignment)
    return Result(
        offers=_matches(field, found),
        verdicts=_verdicts(field, found),
        unserved=tuple((field.asks.ids[i], why) for i, why in found.unserved),
        objective=found.objective,
        policy_version=problem.policy.version,
        seed=problem.seed,
        edges=len(found.seen),
        passes=found.passes,
    )


def _matches(field: Field, found: Answer) -> tuple[Match, ...]:
    seen, offers = found.seen, found.offers
    meters = field.pairs.meters[seen.pair[offers]].tolist()
    rows = zip(
        seen.ask[offers].tolist(),
        seen.supply[offers].tolist(),
        seen.rank[offers].tolist(),
        seen.cost[offers].tolist(),
        _named(found, offers, field.policy),
        seen.eta_s[offers].tolist(),
        meters,
        strict=True,
    )
    return tuple(
        Match(
            ask_id=field.asks.ids[i],
            provider_id=field.supply.ids[j],
            rank=rank,
            cost=cost,
            terms=terms,
            eta_s=eta_s,
            meters=length if math.isfinite(length) else None,
        )
        for i, j, rank, cost, terms, eta_s, length in rows
    )


def _verdicts(field: Field, found: Answer) -> tuple[Verdict, ...]:
    seen = found.seen
    everyone = range(len(seen))
    standing = dict(
        zip(
            seen.pair.tolist(),
            zip(seen.rank.tolist(), _named(found, everyone, field.policy), strict=True),
            strict=True,
        )
    )
    pairs = field.pairs
    judged = zip(
        pairs.ask.tolist(), pairs.supply.tolist(), found.reason.tolist(), pairs.eta_s.tolist(), strict=True
    )
    verdicts = [
        _verdict(field, i, j, code, eta_s, *standing.get(pair, (None, {})))
        for pair, (i, j, code, eta_s) in enumerate(judged)
    ]
    verdicts += [
        _verdict(field, i, j, code, math.inf, None, {})
        for i, j, code in zip(*(column.tolist() for column in unpaired(field)), strict=True)
    ]
    return tuple(sorted(verdicts, key=lambda v: (v.ask_id, v.rank is None, v.rank or 0, v.provider_id)))


def _verdict(
    field: Field, i: int, j: int, code: int, eta_s: float, rank: int | None, terms: dict[str, float]
) -> Verdict:
    return Verdict(
        ask_id=field.asks.ids[i],
        provider_id=field.supply.ids[j],
        reason=REASONS[code],
        terms=terms,
        eta_s=eta_s if math.isfinite(eta_s) else None,
        rank=rank,
    )


def _named(found: Answer, of: Rows | range, policy: Policy) -> list[dict[str, float]]:
    """The terms of these candidates that are on, by name."""
    rows, names = zip(*((row, term.name) for row, term in enumerate(TERMS) if term.on(policy)), strict=True)
    return [dict(zip(names, terms, strict=True)) for terms in found.seen.terms[np.ix_(rows, of)].T.tolist()]
