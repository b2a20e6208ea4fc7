"""What was proposed for a posted job, as its customer compares it: in an order whose every term is told."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.reviews import bayesian
from domain.rules.states import OfferOrigin, OfferState
from domain.store import answers, offers, requests, reviews, supply
from domain.store.tables import Offer, Request
from domain.usecases import access
from domain.usecases.candidates import seed_of
from domain.usecases.views.engagements import first_name
from domain.usecases.views.offers import proposal_view
from domain.usecases.work import Work
from matching.explain import FEW
from matching.rank import COMPARED, Proposal, Ranked, rank_proposals

MOST_PROPOSALS: Final = 100  # shown to the customer; the oldest
SHOWN_SINCE: Final = timedelta(days=30)
ANSWERED_SINCE: Final = timedelta(days=90)
COARSE: Final = 1  # decimals of a term that hangs on the others': finer, and it would tell a price


async def proposals(work: Work, request_id: UUID) -> list[dict[str, Any]]:
    """The customer's view of what was proposed: pending ones first, in their order, with what makes the order."""
    request = await access.request_of_customer(work, request_id)
    found = await offers.negotiated(work.db, request.id, MOST_PROPOSALS)
    ranked = {one.id: one for one in await _ranked(work, request, _compared(found))}
    order = sorted(found, key=lambda o: (ranked[str(o.id)].rank if str(o.id) in ranked else math.inf, o.id))
    return await shown(work, request, order, ranked)


async def shown_to_customer(work: Work, offer: Offer) -> dict[str, Any]:
    """One negotiated offer as the customer sees it."""
    request = await work.db.get_one(Request, offer.request_id)
    return (await shown(work, request, [offer], {}))[0]


async def my_proposals(work: Work, limit: int) -> list[dict[str, Any]]:
    """What waits for the actor's answer as a customer, without a place: that is read job by job."""
    account = access.require_account(work.actor)
    found: dict[UUID, list[Offer]] = {}
    for offer in await offers.put_to_customer(work.db, account, limit):
        found.setdefault(offer.request_id, []).append(offer)
    asked = {request_id: await work.db.get_one(Request, request_id) for request_id in found}
    return [card for id_, put in found.items() for card in await shown(work, asked[id_], put, {})]


async def shown(
    work: Work, request: Request, found: Sequence[Offer], ranked: dict[str, Ranked]
) -> list[dict[str, Any]]:
    """Offers as the customer sees them, with the places of those that have one."""
    people = await supply.standings(
        work.db, (o.provider_id for o in found), request.service_slug, work.now - SHOWN_SINCE
    )
    stars = await reviews.ratings_of(work.db, (o.provider_id for o in found))
    mean = await reviews.market_mean(work.db, request.market_id)
    stops = (await requests.stops_of(work.db, [request.id]))[request.id]
    cards = []
    for offer in found:
        one, (count, total) = people[offer.provider_id], stars[offer.provider_id]
        card = {
            "account_id": str(offer.provider_id),
            "name": first_name(one.account),
            "rating": {"stars": bayesian(count, total, mean), "count": count},
            "jobs": one.jobs,
        }
        place = ranked.get(str(offer.id))
        ranking = None if place is None else {"rank": place.rank, "score": place.score, "terms": place.terms}
        cards.append(
            proposal_view(offer, stops, service=request.service_slug, provider=card, ranking=ranking)
        )
    return cards


async def own_terms(work: Work, offer: Offer) -> dict[str, float] | None:
    """What puts a provider's own pending proposal where it stands; `None`: it stands nowhere.

    Terms that compare it with the others' are coarse, and left out among fewer than three: with their own price in
    hand, a provider would read another's from them.
    """
    request = await work.db.get_one(Request, offer.request_id)
    compared = _compared(await offers.negotiated(work.db, request.id, MOST_PROPOSALS))
    place = next((one for one in await _ranked(work, request, compared) if one.id == str(offer.id)), None)
    if place is None:
        return None
    told = {name: term for name, term in place.terms.items() if name not in COMPARED}
    if len(compared) >= FEW:
        told |= {name: round(place.terms[name], COARSE) for name in sorted(COMPARED)}
    return told


def _compared(found: Sequence[Offer]) -> list[Offer]:
    return [o for o in found if o.state == OfferState.PENDING and o.origin == OfferOrigin.PROPOSAL]


async def _ranked(work: Work, request: Request, pending: Sequence[Offer]) -> tuple[Ranked, ...]:
    """Proposals from best to worst. Of a person's answers only is read that there was one, a yes or a no."""
    people = await supply.standings(
        work.db, (o.provider_id for o in pending), request.service_slug, work.now - SHOWN_SINCE
    )
    stars = await reviews.faded_ratings_of(work.db, (o.provider_id for o in pending), work.now)
    replies = await answers.answers_of(work.db, (o.provider_id for o in pending), work.now - ANSWERED_SINCE)
    return rank_proposals(
        (
            Proposal(
                id=str(offer.id),
                travel_s=float(offer.terms.get("approach_s") or 0.0),
                skill=1.0,  # everybody who may propose has all that the service needs
                ratings=stars[offer.provider_id][0],
                rating_total=stars[offer.provider_id][1],
                past_jobs=people[offer.provider_id].jobs,
                shown=people[offer.provider_id].shown,
                price=offer.price_cents,
                asked=replies[offer.provider_id].asked,
                answered=replies[offer.provider_id].answered,
                reply_s=replies[offer.provider_id].reply_s,
                detour_s=offer.terms.get("detour_s"),
            )
            for offer in pending
        ),
        seed=seed_of(request.id),
        mean=await reviews.category_mean(work.db, request.market_id, request.service_slug),
    )
