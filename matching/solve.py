"""One round: a `Problem` in, a `Result` with a reason for everyone out.

Each pass gives the station queues their turn, then solves one global assignment over the rest. Asks that want
more than one provider go into further passes over those still free, until they have enough or nobody is
cheaper.

Promises, each a property test: the same problem gives the same answer; the order of its input changes
nothing; a provider gets at most one offer; a provider who is nearer, all else equal, never ranks or fares
worse.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from matching.assign import NOBODY, assign
from matching.cost import nobody_price
from matching.problem import Problem
from matching.reasons import Reason, Unserved, why_unserved
from matching.result import Match, Result, Verdict
from matching.survey import Candidate, Survey, survey

__all__ = ["Match", "Result", "Verdict", "solve"]

TURN_S = 1e6
"""s; one place in a station queue. More than all the approaches of a round could save by breaking the order:
a million seconds is 500 requests at half an hour. Small enough that 1,000 places leave a double a tenth of a
microsecond."""


def solve(problem: Problem) -> Result:
    """The round's offers, and a reason for every provider who was looked at."""
    seen = survey(problem)
    nobody = np.array([nobody_price(ask, problem.policy) for ask in problem.asks], dtype=np.float64)
    passes = _passes(problem, seen.candidates, nobody)
    first: dict[int, Candidate] = {}
    for candidate in (candidate for given in passes for candidate in given):
        first.setdefault(candidate.ask, candidate)
    chosen = frozenset((candidate.ask, candidate.supply) for given in passes for candidate in given)
    verdicts = _verdicts(problem, seen, chosen)
    objective = sum(first[i].cost if i in first else price for i, price in enumerate(nobody.tolist()))
    return Result(
        offers=tuple(_match(problem, seen, c) for c in seen.candidates if (c.ask, c.supply) in chosen),
        verdicts=verdicts,
        unserved=_unserved(problem, verdicts, first.keys()),
        objective=round(objective, 3),
        policy_version=problem.policy.version,
        seed=problem.seed,
        edges=len(seen.candidates),
        passes=len(passes),
    )


def _passes(
    problem: Problem, candidates: Sequence[Candidate], nobody: NDArray[np.float64]
) -> list[list[Candidate]]:
    """What each pass gave. At most one pass for each offer wanted by the ask that wants the most."""
    wanted = [ask.wanted for ask in problem.asks]
    taken: set[int] = set()
    passes: list[list[Candidate]] = []
    while True:
        still = [c for c in candidates if wanted[c.ask] > 0 and c.supply not in taken]
        given = _queue_turns(still, nobody)
        turned, served = {c.supply for c in given}, {c.ask for c in given}
        given += _optimum((c for c in still if c.ask not in served and c.supply not in turned), nobody)
        if not given:
            return passes
        passes.append(given)
        for candidate in given:
            wanted[candidate.ask] -= 1
            taken.add(candidate.supply)


def _queue_turns(candidates: Iterable[Candidate], nobody: NDArray[np.float64]) -> list[Candidate]:
    """First come, first served at the station queues: as many turns as can be given, to the earliest places.

    A place costs more than any approach, so the least total is the matching whose places come first one by
    one (places are the weights of a transversal matroid, where the least sum is also the greedy choice).
    Approach and age only decide who of those served goes to whom.
    """
    queued = [candidate for candidate in candidates if candidate.place is not None]
    if not queued:
        return []
    places = np.array([candidate.place for candidate in queued], dtype=np.float64)
    return _matched(queued, places * TURN_S, nobody + (places.max() + 1.0) * TURN_S)


def _optimum(candidates: Iterable[Candidate], nobody: NDArray[np.float64]) -> list[Candidate]:
    """The least total of costs and prices of nobody."""
    field = list(candidates)
    return _matched(field, np.zeros(len(field)), nobody)


def _matched(
    field: list[Candidate], extra: NDArray[np.float64], nobody: NDArray[np.float64]
) -> list[Candidate]:
    if not field:
        return []
    rows = np.array([candidate.ask for candidate in field], dtype=np.intp)
    columns = np.array([candidate.supply for candidate in field], dtype=np.intp)
    costs = np.array([candidate.cost + candidate.lot for candidate in field]) + extra
    given = assign(rows, columns, costs, nobody)
    at = {(candidate.ask, candidate.supply): candidate for candidate in field}
    return [at[i, j] for i, j in enumerate(given.tolist()) if j != NOBODY]


def _match(problem: Problem, seen: Survey, candidate: Candidate) -> Match:
    return Match(
        ask_id=problem.asks[candidate.ask].id,
        provider_id=problem.supply[candidate.supply].id,
        rank=seen.ranks[candidate.ask, candidate.supply],
        cost=candidate.cost,
        terms=candidate.terms,
        eta_s=candidate.eta_s,
        meters=candidate.meters,
    )


def _verdicts(problem: Problem, seen: Survey, chosen: frozenset[tuple[int, int]]) -> tuple[Verdict, ...]:
    offered: defaultdict[int, list[Candidate]] = defaultdict(list)
    for candidate in seen.candidates:
        if (candidate.ask, candidate.supply) in chosen:
            offered[candidate.ask].append(candidate)
    busy_now = {supply for _, supply in chosen}
    judged = [
        Verdict(
            ask_id=problem.asks[c.ask].id,
            provider_id=problem.supply[c.supply].id,
            reason=Reason.OFFERED
            if (c.ask, c.supply) in chosen
            else _passed_over(c, offered[c.ask], elsewhere=c.supply in busy_now),
            terms=c.terms,
            eta_s=c.eta_s,
            rank=seen.ranks[c.ask, c.supply],
        )
        for c in seen.candidates
    ]
    everyone = (*judged, *seen.refusals)
    return tuple(sorted(everyone, key=lambda v: (v.ask_id, v.rank is None, v.rank or 0, v.provider_id)))


def _passed_over(candidate: Candidate, offered: Sequence[Candidate], *, elsewhere: bool) -> Reason:
    """Why a provider who could be offered an ask was not, given who was."""
    if elsewhere:
        return Reason.OFFERED_ANOTHER
    if not offered:
        return Reason.HELD  # free and feasible, so the assignment left it only because nobody was cheaper
    turns = [other.place for other in offered if other.place is not None]
    if turns and (candidate.place is None or candidate.place > min(turns)):
        return Reason.QUEUE_TURN
    if candidate.eta_s > max(other.eta_s for other in offered):
        return Reason.FARTHER
    return Reason.OUTRANKED


def _unserved(
    problem: Problem, verdicts: Iterable[Verdict], served: Iterable[int]
) -> tuple[tuple[str, Unserved], ...]:
    reasons: defaultdict[str, set[Reason]] = defaultdict(set)
    for verdict in verdicts:
        reasons[verdict.ask_id].add(verdict.reason)
    with_offers = {problem.asks[i].id for i in served}
    return tuple(
        (ask.id, why_unserved(frozenset(reasons[ask.id])))
        for ask in problem.asks
        if ask.id not in with_offers
    )
