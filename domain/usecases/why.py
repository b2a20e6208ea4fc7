"""Why: the stored decision, told to the one it concerns, in words and in numbers; the whole round to ops.

Told from the stored problem and result alone, so that what is said is what was computed.
"""

from collections import defaultdict
from typing import Any, Final, cast
from uuid import UUID

from domain.rules.errors import NotFound
from domain.rules.states import OfferOrigin, Role
from domain.store import catalogue, duty, rounds
from domain.store import offers as store
from domain.store.tables import Decision, Round
from domain.usecases import access
from domain.usecases.comparing import own_terms
from domain.usecases.views.decisions import (
    Written,
    decision_view,
    explanation_view,
    round_line,
    round_view,
)
from domain.usecases.work import Work
from matching.explain import NotInRound, explain, not_looked_at
from matching.reasons import Language

MOST_ROUNDS: Final = 100  # of one request; the newest


async def why_offered(work: Work, offer_id: UUID) -> dict[str, Any]:
    """Why its provider was made this offer (for a proposal: why they were told of the job). Ops may read it too."""
    offer, role = await access.offer_of_party(work, offer_id)
    if role is Role.CUSTOMER:
        raise NotFound
    decision = await store.decision_of(work.db, offer)
    if decision is None and offer.origin == OfferOrigin.DISPATCH:
        raise NotFound
    ranking = await own_terms(work, offer) if offer.origin == OfferOrigin.PROPOSAL else None
    if decision is None:
        told = explanation_view(None, round_id=None, at=offer.created_at, language=language_of(work))
        return {**told, "ranking": ranking}
    row = await work.db.get_one(Round, decision.round_id)
    told = _explained(work, row, offer.request_id, offer.provider_id)
    # The explanation keeps a rank among few to itself; their own place is part of the decision they were given.
    return {**told, "rank": decision.rank, "ranking": ranking}


async def why_not_me(work: Work, request_id: UUID) -> dict[str, Any]:
    """Why the actor was, or was not, offered a request: the latest round that looked at them for it.

    `NotFound` for whoever was not on duty for such a service when it was matched: there is no decision about them.
    """
    account = access.require_account(work.actor)
    for row in await rounds.of_request(work.db, request_id, MOST_ROUNDS):
        service = next((ask["service"] for ask in row.problem["asks"] if ask["id"] == str(request_id)), None)
        mine = next((one for one in row.problem["supply"] if one["id"] == str(account)), None)
        if mine is not None and service in mine["services"]:
            return _explained(work, row, request_id, account)
        left_out = mine is None and bool(row.problem.get("left_out")) and service is not None
        if left_out and await duty.was_on_duty_for(work.db, account, row.market_id, str(service), row.at):
            language = language_of(work)
            told = not_looked_at(row.policy_version, language)
            return explanation_view(told, round_id=row.id, at=row.at, language=language)
    raise NotFound


async def rounds_of(work: Work, request_id: UUID) -> list[dict[str, Any]]:
    """Every stored round of a request, newest first, for ops."""
    await access.request_of_ops(work, request_id)
    found = await rounds.of_request(work.db, request_id, MOST_ROUNDS)
    decided: defaultdict[UUID, list[tuple[Decision, str | None]]] = defaultdict(list)
    for decision, name in await rounds.decisions_of(work.db, request_id, (row.id for row in found)):
        decided[decision.round_id].append((decision, name))
    language = language_of(work)
    views = []
    for row in found:
        written = Written(row.problem)
        said = [
            decision_view(decision, name or "", written, language)
            for decision, name in decided[row.id]
            if decision.provider_id
        ]
        unserved = next(
            (decision.reason for decision, _ in decided[row.id] if decision.provider_id is None), None
        )
        views.append(round_view(row, said, unserved))
    return views


async def latest_rounds(
    work: Work, *, market: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The latest rounds of the markets the actor oversees, newest first: what each was, and about which requests."""
    access.require_ops(work.actor)
    if market is not None:
        access.require_ops_of(work.actor, (await catalogue.market(work.db, market)).id)
    where = access.overseen(work.actor, Round.market_id) if market is None else Round.market_id == market
    return [round_line(dict(row)) for row in await rounds.newest(work.db, where, before=before, limit=limit)]


def language_of(work: Work) -> Language:
    """The reader's language, of those that reasons are written in."""
    return cast("Language", work.actor.language if work.actor.language in {"fr", "en"} else "en")


def _explained(work: Work, row: Round, request_id: UUID, provider: UUID) -> dict[str, Any]:
    try:
        told = explain(row.problem, row.result, str(provider), str(request_id), language_of(work))
    except NotInRound:
        raise NotFound from None
    return explanation_view(told, round_id=row.id, at=row.at, language=language_of(work))
