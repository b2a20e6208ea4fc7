"""`call`: demand is published; providers propose a price and an hour; the customer compares and awards.

Who hears of a posted job is in `telling`, in what order the customer reads what was proposed in `comparing`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
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
from domain.rules.states import OfferMove, OfferOrigin, OfferState, RequestState, Role
from domain.rules.terms import terms
from domain.store import holds, homeward, offers, requests, supply
from domain.store.supply import OnDuty
from domain.store.tables import Offer, Request, Stop
from domain.store.timers import TimerKind
from domain.usecases import access
from domain.usecases.candidates import Seeking, as_supply
from domain.usecases.comparing import shown
from domain.usecases.passing import Bound, detours
from domain.usecases.quotes import check_start
from domain.usecases.specs import specs_of
from domain.usecases.views.offers import offer_ended_view, offer_view
from domain.usecases.work import Work
from geo.live import STALE_AFTER
from geo.points import LatLng
from geo.travel import Profile
from matching.rank import eligible_for_call

BUFFER: Final = timedelta(
    minutes=15
)  # kept free on both sides of what a proposal promises: the way from the last job


@dataclass(frozen=True, slots=True)
class Bid:
    """What one side names: cents, a moment (None: as the request says), a few words."""

    price_cents: int
    currency: str
    message: str = ""
    start_at: datetime | None = None


async def propose(work: Work, request_id: UUID, bid: Bid) -> Offer:
    """A provider's proposal on a posted job: open, theirs to do, within the price bounds, fitting their agenda.

    `NotFound` where there is no open job to propose on, `LostRace` when it has just been taken. A price above the
    customer's budget is allowed and shown as such.
    """
    account = access.require_account(work.actor)
    request = await _open_call(work, request_id)
    spec = (await specs_of(work, [request]))[request.service_id]
    stops = (await requests.stops_of(work.db, [request.id]))[request.id]
    way, detour = await _eligible(work, request, spec, stops)
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
        detour=detour,
    )
    told = await shown(work, request, [offer], {})
    work.emit(request.customer_id, EventType.OFFER_CREATED, told[0], not_after=offer.answer_by)
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
        only_if=offers.IN_TIME,
        answered_at=work.now,
        ended_why="countered",
    )
    if replaced is None:
        raise await _why_not_pending(work, proposal.id)
    work.count(Deed.OFFER_WITHDRAWN, replaced.market_id)
    work.settle(TimerKind.OFFER_EXPIRES, replaced.id)
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
) -> tuple[tuple[float | None, float | None], int | None]:
    """The way there in seconds and metres, where the provider's place is known, and the seconds out of their way if
    they pass there anyway; `NotEligible` if they may not."""
    one = await supply.one(work.db, work.actor.id)
    if one is None:
        raise NotAProvider
    seeking = Seeking(request, spec, stops, 0, 1, spec.call.within_s, frozenset())
    here = _place(work, request.market_id, one.id)
    way = (None, None) if here is None else await _way(work, request.market_id, seeking, here)
    detour = await _detour(work, seeking, one, here, way[0])
    provider = as_supply(one, work.now, fix_age_s=0.0, stale=False)
    away = way[0] or 0.0 if detour is None else float(detour)
    reason = eligible_for_call(seeking.as_ask(work.now), provider, away)
    if reason is not None:
        raise NotEligible(reason=str(reason))
    return way, detour


async def _detour(
    work: Work, seeking: Seeking, one: OnDuty, here: LatLng | None, way_s: float | None
) -> int | None:
    """Seconds out of their way, of whoever passes there anyway and has not set themselves a limit that is nearer."""
    if here is None or way_s is None or (one.max_travel_s is not None and way_s > one.max_travel_s):
        return None
    to = await homeward.bound_for(work.db, one.id)
    found = {} if to is None else await detours(work, seeking, [Bound(one.id, here, to)])
    return found.get(one.id) if found.get(one.id, math.inf) < way_s else None


def _place(work: Work, market: str, provider: UUID) -> LatLng | None:
    point = work.tools.live.of(market).newest(provider)
    if point is None or work.now.timestamp() - point.at > STALE_AFTER:
        return None
    return LatLng(point.lat, point.lon)


async def _way(work: Work, market: str, seeking: Seeking, here: LatLng) -> tuple[float | None, float | None]:
    travel = await work.tools.cities[market].travel.to_one(
        [here], seeking.first, Profile(seeking.spec.profile)
    )
    seconds, meters = float(travel.seconds[0]), float(travel.meters[0])
    return seconds, meters if math.isfinite(meters) else None


def _check_bid(work: Work, request: Request, spec: ServiceSpec, bid: Bid) -> None:
    if bid.currency != request.currency:
        raise Invalid.field(
            "/price/currency",
            f"prices here are in {request.currency}",
            f"ici l'on paie en {request.currency}",
        )
    rule = spec.price_rule
    floor, ceiling = (rule.floor, rule.ceiling) if isinstance(rule, Proposed) else (1, 1_000_000)
    if not floor <= bid.price_cents <= ceiling:
        raise Invalid.field(
            "/price/amount",
            f"a price is between {floor} and {ceiling} cents here",
            f"ici un prix est entre {floor} et {ceiling} centimes",
        )
    check_start(work.now, bid.start_at)
    if bid.start_at is None or request.start_at is None or request.window_s is None:
        return
    if not request.start_at <= bid.start_at <= request.start_at + timedelta(seconds=request.window_s):
        raise Invalid.field(
            "/start_at", "the customer asked for another time", "le client a demandé une autre heure"
        )


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
    detour: int | None = None,
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
        "terms": {**agreed.as_json(), "over_budget": over_budget, "detour_s": detour},
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
    work.schedule(TimerKind.OFFER_EXPIRES, inserted[0].id, inserted[0].answer_by)
    return inserted[0]


async def _why_not_pending(work: Work, offer_id: UUID) -> Exception:
    offer = await offers.fresh(work.db, offer_id)
    if offer is None or offer.state in {OfferState.PENDING, OfferState.EXPIRED}:
        return OfferExpired()
    return IllegalMove(f"cannot counter when {offer.state}", state=offer.state, verb="counter")
