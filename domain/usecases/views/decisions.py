"""Decisions as JSON: one explanation to its provider, whole rounds to ops."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.rules.wire import moment
from domain.store.tables import Decision, Round
from matching.explain import NO_PENALTY, Explanation
from matching.explain import to_json as explanation_json
from matching.reasons import Language, Reason, span, words

CAME_BY_THEMSELVES: Final = {
    "fr": "Vous avez trouvé cette demande vous-même ; aucun calcul n'a choisi pour vous.",
    "en": "You found this request yourself; no computation chose for you.",
}


def explanation_view(
    told: Explanation | None, *, round_id: UUID | None, at: datetime, language: Language
) -> dict[str, Any]:
    """Why, in words and in numbers: rank, factors, reasons, policy version. `None`: there was no round."""
    if told is None:
        said = f"{CAME_BY_THEMSELVES[language]} {NO_PENALTY[language]}"
        nothing: dict[str, Any] = {"words": said, "rank": None, "of": None, "factors": [], "reasons": []}
        return {**nothing, "policy_version": None, "nearer_s": None, "round_id": None, "at": moment(at)}
    return {**explanation_json(told), "round_id": str(round_id), "at": moment(at)}


def round_view(row: Round, candidates: Sequence[dict[str, Any]], unserved: str | None) -> dict[str, Any]:
    """One round about one request."""
    return {
        "id": str(row.id),
        "at": moment(row.at),
        "policy_version": row.policy_version,
        "seed": str(row.seed),  # 63 bits: a JavaScript number would round it
        "objective": row.objective,
        "solve_ms": row.solve_ms,
        "travel_source": row.travel_source,
        "measures": row.measures,
        "candidates": list(candidates),
        "unserved": unserved,
    }


def round_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """One round in a list of them: what it was, and the requests that it was about."""
    shown = {name: value for name, value in row.items() if name != "market_id"}
    return {
        **shown,
        "id": str(row["id"]),
        "market": row["market_id"],
        "at": moment(row["at"]),
        "seed": str(row["seed"]),
    }


class Written:
    """A stored problem, its requests and providers found by their ids: of a large market there are thousands."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.asks: Mapping[str, Mapping[str, Any]] = {one["id"]: one for one in problem["asks"]}
        self.supply: Mapping[str, Mapping[str, Any]] = {one["id"]: one for one in problem["supply"]}


def decision_view(decision: Decision, name: str, written: Written, language: Language) -> dict[str, Any]:
    """One provider in a round: what became of them and why, in the sentence that they would be told."""
    facts = _facts(decision, written, language)
    return {
        "provider_id": str(decision.provider_id),
        "name": name,
        "offer_id": None if decision.offer_id is None else str(decision.offer_id),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "words": words(Reason(decision.reason), language, facts),
        "rank": decision.rank,
        "eta_s": decision.eta_s,
        "meters": decision.meters,
        "terms": decision.terms,
    }


def _facts(decision: Decision, written: Written, language: Language) -> dict[str, str]:
    """What the sentences may speak of, from the stored problem."""
    ask, provider = written.asks[str(decision.request_id)], written.supply[str(decision.provider_id)]
    facts = {
        "fix_age": span(provider["fix_age_s"], language),
        "limit": span(ask["max_approach_s"], language),
        "missing": ", ".join(sorted(set(ask["needs"]) - set(provider["tags"]))),
    }
    free_in_s = provider.get("free_in_s", 0.0)  # rounds of before there were chained offers do not say
    if decision.eta_s is not None:
        facts["eta"] = span(decision.eta_s, language)
        facts["way"] = span(decision.eta_s - free_in_s, language)
    if free_in_s:
        facts["free_in"] = span(free_in_s, language)
    if ask.get("zone") is not None and ask["zone"] == provider.get("queue_zone"):
        facts["station"] = ask["zone"]
    if provider["max_travel_s"] is not None:
        facts["own_limit"] = span(provider["max_travel_s"], language)
    return facts
