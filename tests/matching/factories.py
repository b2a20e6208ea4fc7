"""Asks, providers and problems with everything said that a test does not say itself."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from matching.policy import PRIORS, Policy
from matching.problem import DECIMALS, Ask, Pairs, Problem, Supply

_ASK: dict[str, Any] = {
    "service": "ride-vtc",
    "age_s": 0.0,
    "wave": 0,
    "max_approach_s": 1_200.0,
    "wanted": 1,
    "needs": frozenset(),
    "duration_s": 900.0,
    "pay": 1_250,
    "starts_in_s": 0.0,
    "customer": "customer-1",
    "destination_cell": None,
    "already_asked": frozenset(),
}

_SUPPLY: dict[str, Any] = {
    "services": frozenset({"ride-vtc"}),
    "tags": frozenset(),
    "fix_age_s": 2.0,
    "stale": False,
    "on_duty": True,
    "busy": False,
    "pending_offer": False,
    "max_travel_s": None,
    "free_until_s": None,
    "income_per_hour": None,
    "queue_rank": None,
    "blocked_customers": frozenset(),
    "suspended": False,
}


def ask(name: str = "ask-1", **said: Any) -> Ask:
    return Ask(id=name, **{**_ASK, **said})


def provider(name: str = "ann", **said: Any) -> Supply:
    return Supply(id=name, **{**_SUPPLY, **said})


def problem(
    asks: Iterable[Ask],
    supply: Iterable[Supply],
    etas: dict[tuple[str, str], float],
    *,
    policy: Policy = PRIORS,
    seed: int = 7,
) -> Problem:
    """A problem from travel times by (ask id, provider id); ten metres a second."""
    asks, supply = tuple(asks), tuple(supply)
    rows = {one.id: i for i, one in enumerate(asks)}
    columns = {one.id: j for j, one in enumerate(supply)}
    pairs = Pairs.of([(rows[a], columns[p], eta, eta * 10) for (a, p), eta in etas.items()], "streets")
    return Problem(asks=asks, supply=supply, pairs=pairs, policy=policy, seed=seed)


def arrivals_of(of: Problem) -> list[tuple[int, int, float]]:
    """Ask, provider and when they would be there, pair by pair: the rest of a trip in hand, then the way."""
    rest = np.array([one.free_in_s for one in of.supply])
    there_s = [
        float(np.round(way_s + rest[j], DECIMALS))
        for j, way_s in zip(of.pairs.supply.tolist(), of.pairs.eta_s.tolist(), strict=True)
    ]
    return list(zip(of.pairs.ask.tolist(), of.pairs.supply.tolist(), there_s, strict=True))
