"""`call`: demand is published; providers propose a price and an hour; the customer compares and awards.

A posted job is told to the nearest who could do it, by a round of its own: the same solver, the same stored
reasons as `dispatch`. Being told binds nobody and excludes nobody from anything else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules import clocks
from domain.rules.catalogue import Proposed, ServiceSpec
from domain.rules.deeds import Deed
from domain.rules.errors import (
    AgendaConflict,
    AlreadyProposed,
    CounterTwice,
    Forbidden,
    IllegalMove,
    Invalid,
    LostRace,
    NotAProvider,
    NotEligible,
    NotFound,
    OfferExpired,
)
from domain.rules.events import EventType
from domain.rules.reviews import bayesian
from domain.rules.states import OfferMove, OfferOrigin, OfferState, RequestState, Role
from domain.rules.terms import terms
from domain.store import holds, offers, requests, reviews, supply, timers
from domain.store.tables import Offer, Request, Stop
from domain.store.timers import TimerKind
from domain.usecases import access
from domain.usecases.candidates import Seeking, as_supply, crowd_of, look_around, seed_of, specs_of
from domain.usecases.decisions import Solved, keep, keep_if_news
from domain.usecases.quotes import check_start
from domain.usecases.views.engagements import first_name
from domain.usecases.views.offers import offer_ended_view, offer_view, proposal_view
from domain.usecases.views.requests import request_view
from domain.usecases.work import Work
from geo.live import STALE_AFTER
from geo.points import LatLng
from geo.travel import Profile
from matching.policy import Policy
from matching.rank import Proposal, Ranked, eligible_for_call, rank_proposals
from matching.solve import solve

POLICY: Final = Policy(version="call-1", wave_reach_s=())
BUFFER: Final = timedelta(
    minutes=15
)  # kept free on both sides of what a proposal promises: the way from the last job
MOST_CALLS: Final = 200  # posted jobs looked at for newcomers in one step
MOST_PROPOSALS: Final = 100  # shown to the customer; the oldest
SHOWN_SINCE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Bid:
    """What one side names: cents, a moment (None: as the request says), a few words."""

    price_cents: int
    currency: str
    message: str = ""
    start_at: datetime | None = None


async def tell(work: Work, request: Request) -> int:
    """Tell the nearest who could do a posted job and have not heard of it; returns how many were told."""
    spec = (await specs_of(work, [request]))[request.service_id]
    told = (await requests.told_of(work.db, [request.id])).get(request.id, set())
    left = (await requests.dropped_by(work.db, [request.id])).get(request.id, set())
    if len(told) >= spec.call.invite:
        return 0
    seeking = Seeking(
        request=request,
        spec=spec,
        stops=(await requests.stops_of(work.db, [request.id]))[request.id],
        wave=0,
        wanted=spec.call.invite - len(told),
        within_s=spec.call.within_s,
        already_asked=frozenset(told | left),
    )
    # A posted job is read at work and between offers too: whoever is on duty for the service hears of it.
    people = [
        replace(one, busy=False, pending_offer=False, next_hold_at=None, towards=None, max_pickup_m=None)
        for one in await supply.on_duty(work.db, request.market_id, [request.service_slug], work.now)
    ]
    round_id = work.new_id()
    crowd = crowd_of(work, request.market_id, people)
    problem = await look_around(
        work, request.market_id, [seeking], crowd, policy=POLICY, seed=seed_of(round_id)
    )
    solved = Solved(round_id, request.market_id, problem, solve(problem), 0.0)
    matched = [UUID(match.provider_id) for match in solved.result.offers]
    if not matched:
        await keep_if_news(work, solved)
        return 0
    await keep(work, solved, {(str(request.id), str(provider)): None for provider in matched})
    view = request_view(request, seeking.stops, Role.PROVIDER, "fr")
    for provider in matched:
        work.emit(
            provider,
            EventType.REQUEST_POSTED,
            {**view, "request_id": str(request.id)},
            not_after=request.expires_at,
        )
    return len(matched)


async def tell_newcomers(work: Work, market: str) -> int:
    """Tell those who came on duty, or nearer, of the jobs that are still open. The dispatcher does it now and then."""
    open_now = await requests.open_calls(work.db, market, work.now, MOST_CALLS)
    return sum([await tell(work, request) for request in open_now])


async def my_calls(work: Work, limit: int) -> list[dict[str, Any]]:
    """The open jobs the actor was told of, newest first, as a provider sees them."""
    account = access.require_account(work.actor)
    rows = await requests.calls_told(work.db, account, work.now, limit)
    stops = await requests.stops_of(work.db, (row.id for row in rows))
    return [request_view(row, stops.get(row.id, []), Role.PROVIDER, work.actor.language) for row in rows]


async def propose(work: Work, request_id: UUID, bid: Bid) -> Offer:
    """A provider's proposal on a posted job: open, theirs to do, within the price bounds, fitting their agenda.

    `NotFound` where there is no open job to propose on, `LostRace` when it has just been taken. A price above the
    customer's budget is allowed and shown as such.
    """
    account = access.require_account(work.actor)
    request = await _open_call(work, request_id)
    spec = (await specs_of(work, [request]))[request.service_id]
    stops = (await requests.stops_of(work.db, [request.id]))[request.id]
    way = await _eligible(work, request, spec, stops)
    _check_bid(work, request, spec, bid)
    offer = await _put(
        work,
        request,
        spec,
        bid,
        provider=account,
        to=request.customer_id,
        origin=OfferOrigin.PROPOSAL,
        way=way,
    )
    shown = await _shown(work, request, [offer], {})
    work.emit(request.customer_id, EventType.OFFER_CREATED, shown[0], not_after=offer.answer_by)
    return offer


async def counter(work: Work, offer_id: UUID, bid: Bid) -> Offer:
    """The customer's one counter-offer to a proposal, which it replaces; its provider then answers."""
    proposal, role = await access.offer_of_party(work, offer_id)
    if role is Role.PROVIDER and proposal.origin == OfferOrigin.COUNTER:
        raise CounterTwice
    if role is not Role.CUSTOMER or proposal.origin != OfferOrigin.PROPOSAL:
        raise Forbidden("only the customer counters, and only a proposal")
    request = await requests.lock(work.db, proposal.request_id)
    if request.state != RequestState.OPEN:
        raise LostRace("this job is no longer open")
    if await offers.countered(work.db, request.id, proposal.provider_id):
        raise CounterTwice
    spec = (await specs_of(work, [request]))[request.service_id]
    bid = replace(bid, start_at=bid.start_at or proposal.start_at)
    _check_bid(work, request, spec, bid)
    replaced = await offers.move(
        work.db,
        proposal.id,
        OfferMove.WITHDRAW,
        only_if=~offers.is_over(),
        answered_at=work.now,
        ended_why="countered",
    )
    if replaced is None:
        raise await _why_not_pending(work, proposal.id)
    work.count(Deed.OFFER_WITHDRAWN, replaced.market_id)
    await timers.forget(work.db, TimerKind.OFFER_EXPIRES, replaced.id)
    way = replaced.terms.get("approach_s"), replaced.terms.get("approach_m")
    offer = await _put(
        work,
        request,
        spec,
        bid,
        provider=replaced.provider_id,
        to=replaced.provider_id,
        origin=OfferOrigin.COUNTER,
        way=way,
        counter_of=replaced.id,
    )
    work.emit(replaced.provider_id, EventType.OFFER_WITHDRAWN, offer_ended_view(replaced))
    stops = (await requests.stops_of(work.db, [request.id]))[request.id]
    view = offer_view(offer, stops, service=request.service_slug, regimes=spec.regimes, exact=False)
    work.emit(offer.provider_id, EventType.OFFER_CREATED, view, not_after=offer.answer_by)
    return offer


async def proposals(work: Work, request_id: UUID) -> list[dict[str, Any]]:
    """The customer's view of what was proposed: pending ones first, in their order, with what makes the order."""
    request = await access.request_of_customer(work, request_id)
    found = await offers.negotiated(work.db, request.id, MOST_PROPOSALS)
    pending = [o for o in found if o.state == OfferState.PENDING and o.origin == OfferOrigin.PROPOSAL]
    ranked = {one.id: one for one in await _ranked(work, request, pending)}
    order = sorted(found, key=lambda o: (ranked[str(o.id)].rank if str(o.id) in ranked else math.inf, o.id))
    return await _shown(work, request, order, ranked)


async def shown_to_customer(work: Work, offer: Offer) -> dict[str, Any]:
    """One negotiated offer as the customer sees it."""
    request = await work.db.get_one(Request, offer.request_id)
    return (await _shown(work, request, [offer], {}))[0]


async def _open_call(work: Work, request_id: UUID) -> Request:
    try:
        return await access.open_call_for_provider(work, request_id, lock=True)
    except NotFound:
        row, role = await access.request_in_sight(work, request_id)
        if role is Role.PROVIDER and row.state != RequestState.OPEN:
            raise LostRace("this job is no longer open") from None
        raise


async def _eligible(
    work: Work, request: Request, spec: ServiceSpec, stops: Sequence[Stop]
) -> tuple[float | None, float | None]:
    """The way there in seconds and metres, where the provider's place is known; `NotEligible` if they may not."""
    one = await supply.one(work.db, work.actor.id)
    if one is None:
        raise NotAProvider
    seeking = Seeking(request, spec, stops, 0, 1, spec.call.within_s, frozenset())
    way = await _way(work, request.market_id, seeking, one.id)
    provider = as_supply(one, work.now, fix_age_s=0.0, stale=False)
    reason = eligible_for_call(seeking.as_ask(work.now), provider, way[0] or 0.0)
    if reason is not None:
        raise NotEligible(reason=str(reason))
    return way


async def _way(
    work: Work, market: str, seeking: Seeking, provider: UUID
) -> tuple[float | None, float | None]:
    point = work.tools.live.of(market).newest(provider)
    if point is None or work.now.timestamp() - point.at > STALE_AFTER:
        return None, None
    travel = await work.tools.cities[market].travel.to_one(
        [LatLng(point.lat, point.lon)], seeking.first, Profile(seeking.spec.profile)
    )
    seconds, meters = float(travel.seconds[0]), float(travel.meters[0])
    return seconds, meters if math.isfinite(meters) else None


def _check_bid(work: Work, request: Request, spec: ServiceSpec, bid: Bid) -> None:
    if bid.currency != request.currency:
        raise Invalid.field("/price/currency", f"prices here are in {request.currency}")
    rule = spec.price_rule
    floor, ceiling = (rule.floor, rule.ceiling) if isinstance(rule, Proposed) else (1, 1_000_000)
    if not floor <= bid.price_cents <= ceiling:
        raise Invalid.field("/price/amount", f"a price is between {floor} and {ceiling} cents here")
    check_start(work.now, bid.start_at)
    if bid.start_at is None or request.start_at is None or request.window_s is None:
        return
    if not request.start_at <= bid.start_at <= request.start_at + timedelta(seconds=request.window_s):
        raise Invalid.field("/start_at", "the customer asked for another time")


async def _put(
    work: Work,
    request: Request,
    spec: ServiceSpec,
    bid: Bid,
    *,
    provider: UUID,
    to: UUID,
    origin: OfferOrigin,
    way: tuple[float | None, float | None],
    counter_of: UUID | None = None,
) -> Offer:
    """Insert a negotiated offer if its hour is free on the provider's agenda, and set its timer."""
    start_at = bid.start_at or request.start_at
    begin, end = clocks.agenda(start_at, work.now, approach_s=int(way[0] or 0), duration_s=request.duration_s)
    if not await holds.is_free(work.db, provider, (begin - BUFFER, end + BUFFER)):
        raise AgendaConflict
    agreed = terms(
        spec,
        price_cents=bid.price_cents,
        distance_m=request.distance_m,
        duration_s=request.duration_s,
        approach_s=way[0],
        approach_m=way[1],
    )
    over_budget = request.budget_cents is not None and bid.price_cents > request.budget_cents
    row = {
        "id": work.new_id(),
        "market_id": request.market_id,
        "request_id": request.id,
        "customer_id": request.customer_id,
        "provider_id": provider,
        "to_account": to,
        "origin": origin,
        "state": OfferState.PENDING,
        "answer_by": min(work.after(spec.call.proposal_ttl_s), request.expires_at),
        "price_cents": bid.price_cents,
        "currency": request.currency,
        "terms": {**agreed.as_json(), "over_budget": over_budget},
        "message": bid.message,
        "start_at": start_at,
        "counter_of": counter_of,
        "wave": 0,
        "created_at": work.now,
    }
    inserted = await offers.put(work.db, [row])
    if not inserted:
        raise AlreadyProposed
    work.count(Deed.OFFER_CREATED, request.market_id)
    await work.schedule(TimerKind.OFFER_EXPIRES, inserted[0].id, inserted[0].answer_by)
    return inserted[0]


async def _why_not_pending(work: Work, offer_id: UUID) -> Exception:
    offer = await offers.fresh(work.db, offer_id)
    if offer is None or offer.state in {OfferState.PENDING, OfferState.EXPIRED}:
        return OfferExpired()
    return IllegalMove(f"cannot counter when {offer.state}", state=offer.state, verb="counter")


async def _ranked(work: Work, request: Request, pending: Sequence[Offer]) -> tuple[Ranked, ...]:
    """Proposals from best to worst. What a person declined, or how often, is not among what is read."""
    people = await supply.standings(
        work.db, (o.provider_id for o in pending), request.service_slug, work.now - SHOWN_SINCE
    )
    stars = await reviews.ratings_of(work.db, (o.provider_id for o in pending))
    return rank_proposals(
        (
            Proposal(
                id=str(offer.id),
                travel_s=float(offer.terms.get("approach_s") or 0.0),
                skill=1.0,  # everybody who may propose has all that the service needs
                ratings=float(stars[offer.provider_id][0]),
                rating_total=float(stars[offer.provider_id][1]),
                past_jobs=people[offer.provider_id].jobs,
                shown=people[offer.provider_id].shown,
                price=offer.price_cents,
            )
            for offer in pending
        ),
        seed=seed_of(request.id),
    )


async def _shown(
    work: Work, request: Request, found: Sequence[Offer], ranked: dict[str, Ranked]
) -> list[dict[str, Any]]:
    people = await supply.standings(
        work.db, (o.provider_id for o in found), request.service_slug, work.now - SHOWN_SINCE
    )
    stars = await reviews.ratings_of(work.db, (o.provider_id for o in found))
    mean = await reviews.market_mean(work.db, request.market_id)
    stops = (await requests.stops_of(work.db, [request.id]))[request.id]
    shown = []
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
        shown.append(
            proposal_view(offer, stops, service=request.service_slug, provider=card, ranking=ranking)
        )
    return shown
