"""Keep what a round decided: the problem and its result to replay, and a row for everybody it looked at."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.store import rounds as store
from domain.store.tables import Round
from domain.usecases.work import Work
from matching import problem as problems
from matching import result as results
from matching.problem import Problem
from matching.reasons import Reason
from matching.result import Result

KEPT_PER_REQUEST: Final = 64  # decision rows; the stored result holds everybody's verdict all the same

Pair = tuple[str, str]
"""A request's id and a provider's, as the matcher spells them."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A solved round that has not been stored yet."""

    id: UUID
    market: str
    problem: Problem
    result: Result
    solve_ms: float
    measures: dict[str, Any] | None = None


async def keep(work: Work, solved: Solved, offered: Mapping[Pair, UUID | None]) -> None:
    """Store a round. `offered` holds the pairs that were really put to somebody, with the offer where there is one.

    A match that is not in it met a guard (the provider got another offer meanwhile): it is stored as passed over.
    """
    await _insert(work, solved, _decisions(work, solved, offered))


async def keep_if_news(work: Work, solved: Solved) -> bool:
    """Store a round that offered nothing to anybody, unless it only repeats each request's last stored round.

    A request that nobody can take is looked at every two seconds; the reasons are kept each time they change.
    """
    rows = _decisions(work, solved, {})
    known = await store.last_verdicts(work.db, (UUID(ask.id) for ask in solved.problem.asks))
    if _by_request(rows) == known:
        return False
    await _insert(work, solved, rows)
    return True


async def _insert(work: Work, solved: Solved, rows: list[dict[str, Any]]) -> None:
    work.db.add(
        Round(
            id=solved.id,
            market_id=solved.market,
            at=work.now,
            policy_version=solved.result.policy_version,
            seed=solved.problem.seed,
            travel_source=solved.problem.pairs.source,
            problem=problems.to_json(solved.problem),
            result=results.to_json(solved.result),
            objective=solved.result.objective,
            solve_ms=solved.solve_ms,
            measures=solved.measures,
        )
    )
    await work.db.flush()
    await store.decide(work.db, rows)


def _decisions(work: Work, solved: Solved, offered: Mapping[Pair, UUID | None]) -> list[dict[str, Any]]:
    meters = _meters(solved.problem)
    kept: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for verdict in solved.result.verdicts:  # of each request those who could come first, by rank
        kept[verdict.ask_id] += 1
        pair = (verdict.ask_id, verdict.provider_id)
        if kept[verdict.ask_id] > KEPT_PER_REQUEST and pair not in offered:
            continue
        lost = verdict.reason is Reason.OFFERED and pair not in offered
        rows.append(
            _row(
                work,
                solved,
                verdict.ask_id,
                provider_id=UUID(verdict.provider_id),
                offer_id=offered.get(pair),
                outcome="offered" if pair in offered else "passed",
                reason=str(Reason.HAS_OFFER if lost else verdict.reason),
                rank=verdict.rank,
                eta_s=verdict.eta_s,
                meters=meters.get(pair),
                terms=dict(verdict.terms),
            )
        )
    for ask_id, why in solved.result.unserved:
        rows.append(_row(work, solved, ask_id, outcome="unserved", reason=str(why)))
    return rows


def _row(work: Work, solved: Solved, ask_id: str, **said: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "provider_id": None,
        "offer_id": None,
        "rank": None,
        "eta_s": None,
        "meters": None,
        "terms": {},
    }
    return {
        **nothing,
        "id": work.new_id(),
        "market_id": solved.market,
        "round_id": solved.id,
        "request_id": UUID(ask_id),
        "at": work.now,
        **said,
    }


def _meters(problem: Problem) -> dict[Pair, float]:
    pairs = problem.pairs
    return {
        (problem.asks[i].id, problem.supply[j].id): length
        for i, j, length in zip(pairs.ask.tolist(), pairs.supply.tolist(), pairs.meters.tolist(), strict=True)
        if math.isfinite(length)
    }


def _by_request(rows: list[dict[str, Any]]) -> dict[UUID, frozenset[tuple[UUID | None, str]]]:
    found: defaultdict[UUID, set[tuple[UUID | None, str]]] = defaultdict(set)
    for row in rows:
        found[row["request_id"]].add((row["provider_id"], row["reason"]))
    return {request: frozenset(verdicts) for request, verdicts in found.items()}
