"""One round's answer: the offers, a reason for every provider who was looked at, and the requests left
without."""

from dataclasses import dataclass

from matching.problem import JsonObject
from matching.reasons import Reason, Unserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An offer to make. `rank` is the provider's place among those who could be offered this ask, from 1."""

    ask_id: str
    provider_id: str
    rank: int
    cost: float
    terms: dict[str, float]
    eta_s: float
    meters: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one provider for one ask. `rank` and `terms` are those of a provider who could be
    offered it; `eta_s` is None where there was no way or no travel time was computed."""

    ask_id: str
    provider_id: str
    reason: Reason
    terms: dict[str, float]
    eta_s: float | None
    rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to one `Problem`, in order of ids.

    `objective` is what the assignment minimised after the station queues had their turn, in seconds: the cost
    of each ask's first offer, or its price of nobody. `edges` counts the pairs that could be offered,
    `passes` the assignments solved.
    """

    offers: tuple[Match, ...]
    verdicts: tuple[Verdict, ...]
    unserved: tuple[tuple[str, Unserved], ...]
    objective: float
    policy_version: str
    seed: int
    edges: int
    passes: int


def to_json(result: Result) -> JsonObject:
    """The result as plain JSON values, its terms shared. Field by field: `asdict` takes a second for a large round."""
    return {
        "offers": [
            {
                "ask_id": match.ask_id,
                "provider_id": match.provider_id,
                "rank": match.rank,
                "cost": match.cost,
                "terms": match.terms,
                "eta_s": match.eta_s,
                "meters": match.meters,
            }
            for match in result.offers
        ],
        "verdicts": [
            {
                "ask_id": verdict.ask_id,
                "provider_id": verdict.provider_id,
                "reason": verdict.reason.value,
                "terms": verdict.terms,
                "eta_s": verdict.eta_s,
                "rank": verdict.rank,
            }
            for verdict in result.verdicts
        ],
        "unserved": [[ask_id, why.value] for ask_id, why in result.unserved],
        "objective": result.objective,
        "policy_version": result.policy_version,
        "seed": result.seed,
        "edges": result.edges,
        "passes": result.passes,
    }


def from_json(stored: JsonObject) -> Result:
    """The result that `to_json` was given."""
    return Result(
        **{
            **stored,
            "offers": tuple(Match(**match) for match in stored["offers"]),
            "verdicts": tuple(
                Verdict(**{**verdict, "reason": Reason(verdict["reason"])}) for verdict in stored["verdicts"]
            ),
            "unserved": tuple((ask_id, Unserved(why)) for ask_id, why in stored["unserved"]),
        }
    )
