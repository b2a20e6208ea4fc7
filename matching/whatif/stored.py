"""Stored rounds, solved again under other weights: who would have been asked, and how far they would have come.

Each round is asked again as it stood. What would have followed (another car free, another request waiting) is
not lived again: for that there is `simulate`, on recorded trips.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching.problem import DECIMALS, JsonObject, Problem
from matching.problem import from_json as problem_from_json
from matching.result import Result
from matching.result import from_json as result_from_json
from matching.solve import solve
from matching.whatif.measures import gini


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request put to one provider: after how long, how soon they would be there, and how far they were."""

    request: str
    provider: str
    age_s: float
    eta_s: float
    """Until they are there: the rest of a trip they finish first, and the way."""
    way_s: float
    """The way alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One round as it was and as it would have been."""

    before: tuple[Asked, ...]
    after: tuple[Asked, ...]
    could: frozenset[str]
    """Providers who could have been asked something."""
    incomes: Mapping[str, float]
    """Of those whose income per active hour was known: cents above the round's mean."""
    requests: int
    as_stored: bool
    """Whether the round solves to what was stored, under its own policy: if not, the solver has changed since,
    and `before` is what it gives today."""


def reweigh(problem: JsonObject, result: JsonObject, weights: Mapping[str, float]) -> Change:
    """A stored round under its own policy and under the same with some weights replaced. `ValueError` for a weight
    that no policy has or may have."""
    asked = problem_from_json(problem)
    try:
        policy = replace(asked.policy, **weights)  # type: ignore[arg-type]  # names are checked by it
    except TypeError as told:
        raise ValueError(str(told)) from None
    own, stored, other = solve(asked), result_from_json(result), solve(replace(asked, policy=policy))
    known = {one.id: one.income_per_hour for one in asked.supply if one.income_per_hour is not None}
    mean = float(np.mean(list(known.values()))) if known else 0.0
    return Change(
        before=_asked(asked, own),
        after=_asked(asked, other),
        could=frozenset(verdict.provider_id for verdict in own.verdicts if verdict.rank is not None),
        incomes={name: income - mean for name, income in known.items()},
        requests=len(asked.asks),
        as_stored=own.offers == stored.offers,
    )


def _asked(problem: Problem, result: Result) -> tuple[Asked, ...]:
    age = {ask.id: ask.age_s for ask in problem.asks}
    rest = {one.id: one.free_in_s for one in problem.supply}
    return tuple(
        Asked(
            request=match.ask_id,
            provider=match.provider_id,
            age_s=age[match.ask_id],
            eta_s=match.eta_s,
            way_s=round(match.eta_s - rest[match.provider_id], DECIMALS),
        )
        for match in result.offers
    )


def summary(changes: Iterable[Change], *, most_listed: int = 200) -> dict[str, Any]:
    """The rounds of a day together, as JSON values: what changes, and whom it concerns (the first
    `most_listed`)."""
    rounds = list(changes)
    listed = [told for change in rounds for told in _moved(change)]
    could = frozenset[str]().union(*(change.could for change in rounds))
    before = [one for change in rounds for one in change.before]
    after = [one for change in rounds for one in change.after]
    return {
        "rounds": len(rounds),
        "rounds_as_stored": sum(change.as_stored for change in rounds),
        "rounds_that_change": sum(set(change.before) != set(change.after) for change in rounds),
        "providers": len(could),
        "before": _figures(before, could, [change.incomes for change in rounds], [c.before for c in rounds]),
        "after": _figures(after, could, [change.incomes for change in rounds], [c.after for c in rounds]),
        "requests_asked_of_others": len({told["request"] for told in listed}),
        "changes": listed[:most_listed],
        "changes_left_out": max(0, len(listed) - most_listed),
    }


def _moved(change: Change) -> Iterable[dict[str, Any]]:
    """The requests of a round that would have been put to other people."""
    for request in sorted({one.request for one in (*change.before, *change.after)}):
        was, would = (
            {one.provider: one.eta_s for one in side if one.request == request}
            for side in (change.before, change.after)
        )
        if was.keys() != would.keys():
            yield {"request": request, "was_asked": was, "would_be_asked": would}


def _figures(
    asked: list[Asked],
    could: frozenset[str],
    incomes: list[Mapping[str, float]],
    by_round: list[tuple[Asked, ...]],
) -> dict[str, Any]:
    """`gini_of_offers` is over everybody who could have been asked, `income_above_mean` in cents an hour over the
    offers to people whose income was known: below 0, offers go to those who have earned less."""
    first: dict[str, Asked] = {}
    for one in asked:
        if one.request not in first or one.eta_s < first[one.request].eta_s:
            first[one.request] = one
    nearest = list(first.values())
    offers = Counter(one.provider for one in asked)
    above = [
        known[one.provider]
        for known, given in zip(incomes, by_round, strict=True)
        for one in given
        if one.provider in known
    ]
    return {
        "offers": len(asked),
        "requests_offered": len(first),
        "mean_approach_s": _mean([one.way_s for one in asked]),
        "mean_wait_s": _mean([one.age_s + one.eta_s for one in nearest]),
        "gini_of_offers": gini(np.array([offers[name] for name in sorted(could)], dtype=np.float64)),
        "income_above_mean": _mean(above),
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
