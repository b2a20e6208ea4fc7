"""Answers to offers: accept, decline, withdraw, and time running out.

Whoever accepts first wins, by one conditional update on the request whose condition is a live offer of theirs on
the database's clock. Declining writes a state on the offer and nothing anywhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.catalogue import ServiceSpec
from domain.rules.deeds import Deed
from domain.rules.errors import (
    Forbidden,
    IllegalMove,
    LostRace,
    NotFound,
    OfferExpired,
    PaymentPending,
    Refusal,
)
from domain.rules.events import EventType
from domain.rules.states import (
    ACTIVE_ENGAGEMENT,
    OfferMove,
    OfferOrigin,
    OfferState,
    RequestMove,
    RequestState,
    Role,
)
from domain.store import money as payments
from domain.store import offers as store
from domain.store import requests
from domain.store.tables import Engagement, Offer, Request
from domain.store.timers import TimerKind
from domain.usecases import access, comparing, engagements, money, telling
from domain.usecases.specs import specs_of
from domain.usecases.views.offers import offer_ended_view, offer_view
from domain.usecases.work import Work

OTHER_WON, REQUEST_OVER, BY_AUTHOR = "other_won", "request_over", "by_author"
_MAY_TAKE: Final = store.HAS_LIVE & requests.is_funded()
"""Of what the engine offers. A proposal is paid for when it is awarded."""
EARLY_BY = timedelta(milliseconds=250)  # a timer that rang before the database's clock agrees rings again


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an accept came to, and who accepted."""

    engagement: Engagement
    role: Role


async def accept_offer(work: Work, offer_id: UUID, *, method: str = "card") -> Accepted:
    """Accept as the one whose answer the offer awaits; repeating one's own accept gives the same answer.

    `LostRace`: somebody else was faster. `OfferExpired`: too late, whether or not a timer has rung.
    `IllegalMove`: declined or withdrawn before. `AlreadyBusy`, `AgendaConflict`, `PaymentDeclined`,
    `PaymentPending` (a dispatched request whose price is not authorised): nothing changes.
    """
    offer, role = await _to_answer(work, offer_id)
    if offer.state != OfferState.PENDING:  # an end is final: the request need not be asked
        return Accepted(await _agreed_or_refused(work, offer), role)
    request = await requests.move(
        work.db,
        offer.request_id,
        RequestMove.MATCH,
        only_if=_MAY_TAKE if offer.origin == OfferOrigin.DISPATCH else store.HAS_LIVE,
        given={"offer": offer.id},
        matched_at=work.now,
    )
    if request is None:
        return Accepted(await _agreed_or_refused(work, await store.fresh(work.db, offer.id)), role)
    won, others = await store.take(work.db, request.id, offer.id, work.now, why=OTHER_WON)
    if won is None:  # it was answered while we waited for the request
        raise await _refusal(work, await store.fresh(work.db, offer.id))
    work.count(Deed.OFFER_ACCEPTED, won.market_id)
    _tell_withdrawn(work, others)
    matched = {
        "id": str(request.id),
        "request_id": str(request.id),
        "state": request.state,
        "role": str(Role.CUSTOMER),
        "offer_id": str(won.id),
    }
    work.emit(request.customer_id, EventType.REQUEST_MATCHED, matched)  # heard before `engagement.confirmed`
    await telling.tell_over(work, request, EventType.REQUEST_MATCHED, winner=won.provider_id)
    spec = (await specs_of(work, [request]))[request.service_id]
    engagement = await engagements.confirm(work, request=request, offer=won, spec=spec)
    matched["engagement_id"] = str(engagement.id)
    if won.origin != OfferOrigin.DISPATCH:  # a dispatched request was paid for when it was made
        await _authorise(work, request, won, engagement, method)
    work.settle(TimerKind.OFFER_EXPIRES, won.id)
    work.settle(TimerKind.REQUEST_EXPIRES, request.id)
    return Accepted(engagement, role)


async def decline_offer(work: Work, offer_id: UUID) -> Offer:
    """Decline as the one whose answer the offer awaits. It costs nothing; repeating it changes nothing."""
    offer, _ = await _to_answer(work, offer_id)
    if offer.state == OfferState.DECLINED:
        return offer
    declined = await store.move(
        work.db, offer.id, OfferMove.DECLINE, only_if=store.IN_TIME, answered_at=work.now
    )
    if declined is None:
        raise await _refusal(work, await store.fresh(work.db, offer.id), OfferMove.DECLINE)
    work.count(Deed.OFFER_DECLINED, declined.market_id)
    work.concerns(declined.request_id)
    work.settle(TimerKind.OFFER_EXPIRES, declined.id)
    author = _author(declined)
    if author is not None:
        work.emit(author, EventType.OFFER_DECLINED, offer_ended_view(declined))
    work.signal(f"wake.dispatch.{declined.market_id}")
    return declined


async def withdraw_offer(work: Work, offer_id: UUID) -> Offer:
    """Take back one's own proposal or counter while it is unanswered. The engine's offers are not the provider's."""
    offer, _ = await access.offer_of_party(work, offer_id)
    if _author(offer) != work.actor.account_id:
        raise Forbidden("only its author withdraws an offer")
    if offer.state == OfferState.WITHDRAWN and offer.ended_why == BY_AUTHOR:
        return offer
    withdrawn = await store.move(
        work.db, offer.id, OfferMove.WITHDRAW, answered_at=work.now, ended_why=BY_AUTHOR
    )
    if withdrawn is None:
        raise await _refusal(work, await store.fresh(work.db, offer.id), OfferMove.WITHDRAW)
    work.count(Deed.OFFER_WITHDRAWN, withdrawn.market_id)
    work.settle(TimerKind.OFFER_EXPIRES, withdrawn.id)
    work.emit(withdrawn.to_account, EventType.OFFER_WITHDRAWN, offer_ended_view(withdrawn))
    return withdrawn


async def on_offer_expired(work: Work, offer_id: UUID) -> None:
    """The timer of an offer has rung. It changes nothing that an accept has not already lost.

    Over or not is the database's clock's word; where that clock is behind ours the timer is set again.
    """
    expired = await store.move(
        work.db, offer_id, OfferMove.EXPIRE, only_if=store.IS_OVER, answered_at=work.now
    )
    if expired is None:
        offer = await store.fresh(work.db, offer_id)
        if offer is not None and offer.state == OfferState.PENDING:
            work.schedule(TimerKind.OFFER_EXPIRES, offer.id, max(offer.answer_by, work.now) + EARLY_BY)
        return
    work.count(Deed.OFFER_EXPIRED, expired.market_id)
    view = offer_ended_view(expired)
    work.emit(expired.to_account, EventType.OFFER_EXPIRED, view)
    author = _author(expired)
    if author is not None:
        work.emit(author, EventType.OFFER_EXPIRED, view)
    work.signal(f"wake.dispatch.{expired.market_id}")


async def withdraw_pending(work: Work, request: Request, *, why: str) -> None:
    """End what is still unanswered on a request, and say so to whoever was asked and whoever asked."""
    ended = await store.move_all(
        work.db,
        store.ALL_OF,
        OfferMove.WITHDRAW,
        {"request": request.id},
        answered_at=work.now,
        ended_why=why,
    )
    _tell_withdrawn(work, ended)


async def my_offers(
    work: Work, *, state: OfferState | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """What the actor, as a provider, was offered and has proposed, newest first."""
    account = access.require_account(work.actor)
    rows = await store.of_provider(work.db, account, state=state, before=before, limit=limit)
    return await provider_views(work, rows)


async def provider_views(work: Work, rows: Sequence[Offer]) -> list[dict[str, Any]]:
    """Offers as their provider sees them: places exact only while what was agreed is ahead or under way."""
    ids = {row.request_id for row in rows}
    stops = await requests.stops_of(work.db, ids)
    under_way = {
        engagement.offer_id
        for engagement in (await requests.engagements_of(work.db, ids)).values()
        if engagement.state in ACTIVE_ENGAGEMENT
    }
    asked = {request_id: await work.db.get_one(Request, request_id) for request_id in sorted(ids)}
    specs: dict[UUID, ServiceSpec] = await specs_of(work, asked.values())
    return [
        offer_view(
            row,
            stops[row.request_id],
            service=asked[row.request_id].service_slug,
            regimes=specs[asked[row.request_id].service_id].regimes,
            exact=row.id in under_way,
        )
        for row in rows
    ]


async def seen_by_actor(work: Work, offer: Offer) -> dict[str, Any]:
    """One offer in the words of the side the actor is on."""
    if offer.customer_id == work.actor.account_id:
        return await comparing.shown_to_customer(work, offer)
    return (await provider_views(work, [offer]))[0]


async def _to_answer(work: Work, offer_id: UUID) -> tuple[Offer, Role]:
    """The offer, if it awaits the actor's answer. Ops look at offers; they answer none."""
    offer, role = await access.offer_of_party(work, offer_id)
    if role is Role.OPS:
        raise Forbidden("only the party it was put to answers an offer")
    if offer.to_account != work.actor.account_id:
        raise Forbidden("this one is yours; the other side answers it")
    return offer, role


async def _authorise(work: Work, request: Request, won: Offer, engagement: Engagement, method: str) -> None:
    """Block the agreed price, last of all: what the payment service has done cannot be rolled back."""
    await money.authorise_for_request(work, request, won.price_cents, method)
    await payments.attach(
        work.db, request.id, engagement_id=engagement.id, provider_id=won.provider_id, now=work.now
    )


def _tell_withdrawn(work: Work, ended: Sequence[Offer]) -> None:
    work.settle(TimerKind.OFFER_EXPIRES, *(offer.id for offer in ended))
    for offer in ended:
        work.count(Deed.OFFER_WITHDRAWN, offer.market_id)
        work.emit(offer.provider_id, EventType.OFFER_WITHDRAWN, offer_ended_view(offer))


def _author(offer: Offer) -> UUID | None:
    """Who made it; the engine's own offers have no author to tell."""
    match offer.origin:
        case OfferOrigin.PROPOSAL:
            return offer.provider_id
        case OfferOrigin.COUNTER:
            return offer.customer_id
        case _:
            return None


async def _agreed(work: Work, offer: Offer) -> Engagement:
    found = await requests.engagement_of_offer(work.db, offer.id)
    if found is None:
        raise NotFound
    return found


async def _agreed_or_refused(work: Work, offer: Offer | None) -> Engagement:
    """There is nothing to be taken any more: a repeated accept that has won already, or the reason why not."""
    if offer is not None and offer.state == OfferState.ACCEPTED:
        return await _agreed(work, offer)
    raise await _refusal(work, offer)


async def _refusal(work: Work, offer: Offer | None, verb: OfferMove = OfferMove.ACCEPT) -> Refusal:
    """Why an offer could not be moved, told from its row as it is now."""
    if offer is None:
        return NotFound()
    match offer.state:
        case OfferState.EXPIRED:
            return OfferExpired()
        case OfferState.WITHDRAWN if offer.ended_why == OTHER_WON:
            return LostRace()
        case OfferState.WITHDRAWN if offer.ended_why == REQUEST_OVER:
            return LostRace("the request is over")
        case OfferState.PENDING:
            request = await requests.fresh(work.db, offer.request_id)
            if request is None or request.state != RequestState.OPEN:
                return LostRace()
            return OfferExpired() if await store.is_late(work.db, offer.id) else PaymentPending()
        case _:
            return IllegalMove(f"cannot {verb} when {offer.state}", state=offer.state, verb=str(verb))
