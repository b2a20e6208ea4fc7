"""Why, to one provider, about one request of one stored round; in words and in numbers.

Told from the stored problem and result alone. Nothing of other people is in it: no id, no place, no number of
theirs; a rank only where at least three could be asked, for with fewer it would point at somebody.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from matching.feasible import broken, reach_s
from matching.problem import DECIMALS, Ask, JsonObject, Pairs, Problem, Supply, from_json
from matching.reasons import Language, Reason, span, words
from matching.result import Result, Verdict
from matching.result import from_json as result_from_json
from matching.solve import solve

FEW = 3  # candidates; below, a rank is not told and distances are told in coarse steps
STEP_S = 60.0  # the counterfactual's step, in whole minutes
COARSE_STEP_S = 300.0  # the same where few could be asked, so that it does not tell where another one was
LATER_S = (
    120.0  # whoever is told of a posted job after this is told so: the first round after it is told by then
)

NEARER_COULD_HELP = frozenset(
    {
        Reason.FARTHER,
        Reason.OUTRANKED,
        Reason.HELD,
        Reason.TOO_FAR,
        Reason.BEYOND_OWN_LIMIT,
        Reason.AGENDA_CONFLICT,
    }
)

COUNTERFACTUAL = {
    "en": "{nearer} nearer and it would have been offered to you.",
    "fr": "{nearer} plus près et elle vous aurait été proposée.",
}
RANK = {"en": "Your place: {rank} of {of}.", "fr": "Votre rang : {rank} sur {of}."}
FEW_WORDS = {"en": "Few could be asked.", "fr": "Peu de personnes pouvaient être sollicitées."}
AHEAD = {
    "en": "Few are free, so the place and time a trip leaves one free at count too: here like {span} {way}.",
    "fr": "Peu sont libres : le lieu et l'heure où une course vous libère comptent aussi, ici comme {span} {way}.",
}
AHEAD_WAY = {"en": ("nearer", "further away"), "fr": ("de moins", "de plus")}
NO_PENALTY = {
    "en": "Declining or letting an offer pass never counts against you.",
    "fr": "Refuser une proposition ou la laisser passer ne compte jamais contre vous.",
}


class NotInRound(LookupError):
    """The request or the provider was not part of the stored round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One term of the provider's own cost: what was read, in its unit, and the seconds it added."""

    name: str
    value: float
    unit: str
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`rank` is None for a provider who could not be asked, and together with `of` where fewer than three
    could."""

    words: str
    rank: int | None
    of: int | None
    factors: tuple[Factor, ...]
    reasons: tuple[Reason, ...]
    policy_version: str
    nearer_s: float | None
    """How much nearer, in seconds rounded up to a step, it would have been offered; None where that would not
    help."""


def to_json(explanation: Explanation) -> JsonObject:
    """The explanation as plain JSON values."""
    return {
        **asdict(explanation),
        "factors": [asdict(factor) for factor in explanation.factors],
        "reasons": [reason.value for reason in explanation.reasons],
    }


def explain(
    problem: JsonObject, result: JsonObject, provider_id: str, ask_id: str, language: Language
) -> Explanation:
    """Why this provider was or was not offered this request in a stored round. Raises `NotInRound`."""
    asked, answered = from_json(problem), result_from_json(result)
    ask = next((ask for ask in asked.asks if ask.id == ask_id), None)
    provider = next((provider for provider in asked.supply if provider.id == provider_id), None)
    if ask is None or provider is None:
        raise NotInRound(f"no request {ask_id} and provider {provider_id} together in this round")
    verdict = _verdict(asked, answered, ask, provider)
    reasons = _all_reasons(asked, ask, provider, verdict)
    ranked = [other for other in answered.verdicts if other.ask_id == ask.id and other.rank is not None]
    told = len(ranked) >= FEW
    nearer_s = _nearer(asked, provider, verdict, STEP_S if told else COARSE_STEP_S)
    rank = verdict.rank if told else None
    sentences = [
        words(reason, language, _facts(asked, ask, provider, verdict, language)) for reason in reasons
    ]
    if nearer_s is not None:
        nearer = span(nearer_s, language)
        sentences.append(COUNTERFACTUAL[language].format(nearer=nearer[0].upper() + nearer[1:]))
    if rank is not None:
        sentences.append(RANK[language].format(rank=rank, of=len(ranked)))
    elif verdict.rank is not None:
        sentences.append(FEW_WORDS[language])
    if ahead_s := verdict.terms.get("anticipation"):
        way = AHEAD_WAY[language][ahead_s > 0]
        sentences.append(AHEAD[language].format(span=span(abs(ahead_s), language), way=way))
    sentences.append(NO_PENALTY[language])
    return Explanation(
        words=" ".join(sentences),
        rank=rank,
        of=len(ranked) if told else None,
        factors=_factors(ask, provider, verdict),
        reasons=reasons,
        policy_version=answered.policy_version,
        nearer_s=nearer_s,
    )


def not_looked_at(policy_version: str, language: Language) -> Explanation:
    """For one who was on duty for the service, and whom a round in a large market left out (`Problem.left_out`)."""
    return Explanation(
        words=f"{words(Reason.NOT_NEAREST, language, {})} {NO_PENALTY[language]}",
        rank=None,
        of=None,
        factors=(),
        reasons=(Reason.NOT_NEAREST,),
        policy_version=policy_version,
        nearer_s=None,
    )


def _verdict(problem: Problem, result: Result, ask: Ask, provider: Supply) -> Verdict:
    """The stored verdict, or the one that nobody had to store: not fit for it, or not among the nearest."""
    for verdict in result.verdicts:
        if verdict.ask_id == ask.id and verdict.provider_id == provider.id:
            return verdict
    unfit = broken(ask, provider, None, problem.policy)
    reason = unfit[0] if unfit else Reason.NOT_NEAREST
    return Verdict(ask_id=ask.id, provider_id=provider.id, reason=reason, terms={}, eta_s=None, rank=None)


def _all_reasons(problem: Problem, ask: Ask, provider: Supply, verdict: Verdict) -> tuple[Reason, ...]:
    """The verdict's reason first, then every other constraint that stood against the offer."""
    if verdict.reason is Reason.UNREACHABLE:
        return (verdict.reason,)
    others = broken(ask, provider, verdict.eta_s, problem.policy)
    return (verdict.reason, *(reason for reason in others if reason is not verdict.reason))


def _facts(
    problem: Problem, ask: Ask, provider: Supply, verdict: Verdict, language: Language
) -> dict[str, str]:
    facts = {
        "fix_age": span(provider.fix_age_s, language),
        "limit": span(reach_s(ask, problem.policy), language),
        "missing": ", ".join(sorted(ask.needs - provider.tags)),
    }
    if verdict.eta_s is not None:
        facts["detour" if provider.id in ask.passing else "eta"] = span(verdict.eta_s, language)
        facts["way"] = span(verdict.eta_s - provider.free_in_s, language)
    if provider.free_in_s:
        facts["free_in"] = span(provider.free_in_s, language)
    if ask.posted and ask.age_s >= LATER_S:
        facts["later"] = span(ask.age_s, language)
    if ask.zone is not None and ask.zone == provider.queue_zone:
        facts["station"] = ask.zone
    if provider.max_travel_s is not None:
        facts["own_limit"] = span(provider.max_travel_s, language)
    return facts


def _factors(ask: Ask, provider: Supply, verdict: Verdict) -> tuple[Factor, ...]:
    read = {
        "approach": (verdict.eta_s, "s"),
        "fairness": (provider.income_per_hour, "cents/h"),
        "anticipation": (_ahead_s(ask, provider), "s"),
    }
    return tuple(
        Factor(name=name, value=value, unit=unit, contribution=verdict.terms[name])
        for name, (value, unit) in read.items()
        if name in verdict.terms and value is not None
    )


def _ahead_s(ask: Ask, provider: Supply) -> float | None:
    """Seconds of earning that the trip brings beyond what being free where they are is worth, the approach apart."""
    if ask.brings_s is None or ask.after_s is None or provider.place_s is None:
        return None
    return round(ask.brings_s + ask.after_s - provider.place_s, DECIMALS)


def _nearer(problem: Problem, provider: Supply, verdict: Verdict, step_s: float) -> float | None:
    """The least number of steps nearer at which the round, solved again, offers it; None where none helps.

    Nearer never fares worse (a property of `solve`), so the first step that works is found by halving.
    """
    if verdict.reason not in NEARER_COULD_HELP or verdict.eta_s is None:
        return None
    way_s = verdict.eta_s - provider.free_in_s  # what they have to finish first would take as long
    none, enough = 0, -int(-way_s // step_s)
    if not _offered_at(problem, verdict, way_s - enough * step_s):
        return None
    while enough - none > 1:
        half = (none + enough) // 2
        if _offered_at(problem, verdict, way_s - half * step_s):
            enough = half
        else:
            none = half
    return enough * step_s


def _offered_at(problem: Problem, verdict: Verdict, way_s: float) -> bool:
    """Whether the round offers the ask to the provider when their way to it is this long and all else is the
    same."""
    pairs = problem.pairs
    i = [ask.id for ask in problem.asks].index(verdict.ask_id)
    j = [provider.id for provider in problem.supply].index(verdict.provider_id)
    here = np.where((pairs.ask == i) & (pairs.supply == j), max(way_s, 0.0), pairs.eta_s)
    moved = Pairs(pairs.ask, pairs.supply, here, pairs.meters, pairs.source)
    again = solve(replace(problem, pairs=moved))
    return any(
        offer.ask_id == verdict.ask_id and offer.provider_id == verdict.provider_id for offer in again.offers
    )
