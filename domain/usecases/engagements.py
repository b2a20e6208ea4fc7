"""Agreed work: confirmed under the guards of the schema, read by its parties, ended before its time.

This file knows nothing of what becomes of the request afterwards: `actions` puts the two together.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules import cancellation, clocks, pins
from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import AgendaConflict, AlreadyBusy, LostRace
from domain.rules.events import ENGAGEMENT_EVENTS, EventType
from domain.rules.states import ENGAGEMENT_MOVES, Allocator, EngagementState, OfferOrigin, Role, Verb, move
from domain.rules.wire import moment
from domain.store import engagements as store
from domain.store import holds, stations
from domain.store import money as payments
from domain.store.engagement_facts import EngagementFacts, facts_of
from domain.store.tables import Engagement, Offer, Request
from domain.store.timers import TimerKind
from domain.usecases import access, money, specs
from domain.usecases.calibration import promise_of
from domain.usecases.views.engagements import engagement_view
from domain.usecases.work import Work

REMINDED_BEFORE: Final = timedelta(minutes=15)  # before the provider has to leave


async def confirm(work: Work, *, request: Request, offer: Offer, spec: ServiceSpec) -> Engagement:
    """Bind the two parties of an accepted offer: the engagement, the claim on the provider's agenda, the PIN.

    An offer made to somebody about to finish a trip binds them from its end; once that has come, at once. Raises
    `AlreadyBusy` (other work fills the provider's attention, or waits for it), `AgendaConflict` (it overlaps their
    agenda), `LostRace` (the request has its engagement already). Both parties hear `engagement.confirmed`.
    """
    start_at = offer.start_at or request.start_at
    before = await _still_before(work, offer)
    agreed = _agreed(work, request, offer, spec, before)
    if before is None and (promise := await promise_of(work, offer.provider_id, start_at, request, spec)):
        agreed["promise"] = promise
    engagement = await store.add(work.db, agreed)
    if engagement is None:
        if await store.busy_with(work.db, offer.provider_id) is not None:
            raise AlreadyBusy
        raise LostRace
    free_at = work.after(_seconds(engagement.terms, "free_in_s", 0))
    if before is not None:
        await holds.end_by(work.db, before.id, free_at)
    span = clocks.agenda(
        start_at,
        free_at,
        approach_s=_seconds(offer.terms, "approach_s", 0),
        duration_s=_seconds(offer.terms, "duration_s", request.duration_s or spec.duration_s),
    )
    if not await holds.take(
        work.db,
        work.new_id(),
        market_id=request.market_id,
        provider_id=offer.provider_id,
        engagement_id=engagement.id,
        span=span,
    ):
        raise AgendaConflict
    if engagement.exclusive:
        await stations.leave(work.db, [offer.provider_id])
    await payments.attach(
        work.db, request.id, engagement_id=engagement.id, provider_id=offer.provider_id, now=work.now
    )
    if start_at is not None and span[0] - REMINDED_BEFORE > work.now:
        work.schedule(TimerKind.ENGAGEMENT_REMIND, engagement.id, span[0] - REMINDED_BEFORE)
    await _note_consent(work, engagement, request, offer)
    await tell_both(work, engagement)
    work.signal(f"duty.{engagement.provider_id}")
    return engagement


async def promote_after(work: Work, over: Engagement, by: Role) -> Engagement | None:
    """Work has ended: what waited for that is its provider's work from now on. Both parties hear of it, the provider
    also by whose deed; `None` when nothing waited."""
    waiting = await store.what_waits_for(work.db, over.id)
    if waiting is None:
        return None
    request = await work.db.get_one(Request, waiting.request_id)
    spec = await spec_of(work, waiting)
    promise = await promise_of(work, waiting.provider_id, waiting.start_at, request, spec)
    promoted = await store.promote(work.db, over.id, work.now, promise)
    if promoted is None:
        return None
    await note(work, promoted, role=Role.ENGINE, verb="promote", detail={"after": str(over.id)})
    await _tell(work, promoted, EventType.ENGAGEMENT_PROMOTED, promoted_by=str(by))
    work.signal(f"duty.{promoted.provider_id}")
    return promoted


async def cancel(work: Work, engagement: Engagement, role: Role, reason: str | None = None) -> Engagement:
    """End work before its time on behalf of `role`, at the price the service's rule gives; both hear of it.

    The agenda is free again at once; the fee is taken from the authorised price and the rest is released. Only
    when a dispatched provider drops out does the money stay blocked, for whoever takes their place at that price.
    """
    spec = await spec_of(work, engagement)
    before = EngagementState(engagement.state)
    to = move(ENGAGEMENT_MOVES, before, Verb.CANCEL)
    owed = cancellation.fee(spec.cancellation, _leaving(work, engagement, role))
    ended = await end(work, engagement, to, role=role, reason=reason, fee_on_end_cents=owed)
    if not (leaves_request_open(before, role) and engagement.allocator == Allocator.DISPATCH):
        await money.take(work, ended, owed, money.commission(spec, owed))
    await note(work, ended, role=role, verb=Verb.CANCEL, detail={"reason": reason, "fee_cents": owed})
    await tell_both(work, ended)
    return ended


async def on_remind(work: Work, engagement_id: UUID) -> None:
    """An agreed hour is near: remind both parties, if the provider has not set off yet."""
    engagement = await work.db.get(Engagement, engagement_id, populate_existing=True)
    if engagement is not None and engagement.state == EngagementState.CONFIRMED and engagement.start_at:
        reminder = {"engagement_id": str(engagement.id), "start_at": moment(engagement.start_at)}
        for account in (engagement.customer_id, engagement.provider_id):
            work.emit(account, EventType.ENGAGEMENT_REMINDER, reminder, not_after=engagement.start_at)


def leaves_request_open(state: EngagementState, role: Role) -> bool:
    """Whether the request goes back to the market: its provider dropped out before the start."""
    return role is Role.PROVIDER and state is not EngagementState.IN_PROGRESS


async def end(
    work: Work, engagement: Engagement, to: EngagementState, *, role: Role, reason: str | None, **values: Any
) -> Engagement:
    """The common end of work that was ahead or under way: the state, the agenda, the track's timer."""
    moved = await store.move(
        work.db,
        engagement.id,
        seen=EngagementState(engagement.state),
        values={
            "state": to,
            "ended_at": work.now,
            "ended_by": str(role),
            "ended_why": reason,
            **values,
        },
    )
    if moved is None:
        raise LostRace
    await holds.release(work.db, moved.id)
    work.schedule(TimerKind.PLACES_FADE, moved.request_id, work.now)
    if moved.en_route_at is not None:
        work.schedule(TimerKind.TRACK_ERASE, moved.id, work.after(work.knobs.track_kept))
    work.signal(f"duty.{moved.provider_id}")
    return moved


async def engagement_seen(work: Work, engagement_id: UUID) -> dict[str, Any]:
    """One engagement as its party, or ops, sees it."""
    engagement, role = await access.engagement_of_party(work, engagement_id)
    return await view_for(work, engagement, role)


async def my_engagements(
    work: Work, *, states: Sequence[EngagementState] | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The actor's engagements on either side, newest first."""
    account = access.require_account(work.actor)
    rows = await store.of_account(work.db, account, states=states, before=before, limit=limit)
    return [
        _view(work, facts, Role.CUSTOMER if facts.engagement.customer_id == account else Role.PROVIDER)
        for facts in await facts_of(work.db, rows)
    ]


async def views_for(work: Work, rows: Sequence[Engagement], role: Role) -> list[dict[str, Any]]:
    """Several engagements in the words of one role."""
    return [_view(work, facts, role) for facts in await facts_of(work.db, rows)]


async def view_for(work: Work, engagement: Engagement, role: Role) -> dict[str, Any]:
    """An engagement in the words of one role."""
    return _view(work, await _facts(work, engagement), role)


async def tell_both(work: Work, engagement: Engagement) -> None:
    """Tell both parties the state of their engagement, each in their own view."""
    await _tell(work, engagement, ENGAGEMENT_EVENTS[EngagementState(engagement.state)])


async def _tell(work: Work, engagement: Engagement, type_: EventType, **to_provider: str) -> None:
    facts = await _facts(work, engagement)
    work.emit(engagement.customer_id, type_, _view(work, facts, Role.CUSTOMER))
    work.emit(engagement.provider_id, type_, _view(work, facts, Role.PROVIDER) | to_provider)


async def _facts(work: Work, engagement: Engagement) -> EngagementFacts:
    facts = work.shown.get(engagement.id)
    if facts is None:
        (facts,) = await facts_of(work.db, [engagement])
        work.shown[engagement.id] = facts
    return facts


async def spec_of(work: Work, engagement: Engagement) -> ServiceSpec:
    """The very version of the service that was agreed on."""
    return await specs.spec_by_id(work, engagement.service_id)


async def note(
    work: Work, engagement: Engagement, *, role: Role, verb: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Append the actor's deed to the engagement's record."""
    deed = store.Noted(
        work.new_id(), work.actor.account_id, role=str(role), verb=str(verb), at=work.now, detail=detail or {}
    )
    await store.note(work.db, engagement, deed)


def _view(work: Work, facts: EngagementFacts, role: Role) -> dict[str, Any]:
    return engagement_view(facts, specs.spec_of(work, facts.service), role, work.now)


async def _still_before(work: Work, offer: Offer) -> Engagement | None:
    """The trip that the offer's provider would finish first, held so that it does not end meanwhile; `None` when it
    has ended, or there is none."""
    return (
        None
        if offer.after_id is None
        else await store.hold_running(work.db, offer.after_id, offer.provider_id)
    )


def _agreed(
    work: Work, request: Request, offer: Offer, spec: ServiceSpec, before: Engagement | None
) -> dict[str, Any]:
    start_at = offer.start_at or request.start_at
    dispatched = request.allocator == Allocator.DISPATCH
    binds = dispatched and clocks.binds_now(start_at, work.now, work.knobs.scheduled_lead)
    return {
        "id": work.new_id(),
        "market_id": request.market_id,
        "request_id": request.id,
        "offer_id": offer.id,
        "service_id": request.service_id,
        "service_slug": request.service_slug,
        "allocator": request.allocator,
        "customer_id": request.customer_id,
        "provider_id": offer.provider_id,
        "state": EngagementState.CONFIRMED,
        "exclusive": binds and before is None,
        "after_id": None if before is None else before.id,
        "terms": {**offer.terms, "free_in_s": _rest_s(work, offer) if before is not None else None},
        "price_cents": offer.price_cents,
        "fee_cents": money.commission(spec, offer.price_cents),
        "currency": offer.currency,
        "pin": pins.new_pin(work.tools.entropy(pins.PIN_ENTROPY)) if spec.completion.pin else None,
        "start_at": start_at,
        "confirmed_at": work.now,
    }


async def _note_consent(work: Work, engagement: Engagement, request: Request, offer: Offer) -> None:
    """The deeds that made the agreement, one of each side: nobody is bound without one of their own.

    The engine's offer is asked for by the customer and accepted by the provider, or assigned by staff; a
    proposal is the provider's and awarded by the customer; a counter-offer is the customer's and accepted.
    """
    customer, provider = request.customer_id, offer.provider_id
    if offer.origin == OfferOrigin.PROPOSAL:
        deeds = [
            (Role.PROVIDER, provider, "propose", offer.created_at),
            (Role.CUSTOMER, customer, "award", work.now),
        ]
    elif offer.origin == OfferOrigin.COUNTER:
        deeds = [
            (Role.CUSTOMER, customer, "counter", offer.created_at),
            (Role.PROVIDER, provider, "accept", work.now),
        ]
    elif work.actor.oversees(request.market_id) and work.actor.account_id != provider:
        deeds = [
            (Role.CUSTOMER, customer, "ask", request.created_at),
            (Role.OPS, work.actor.id, "assign", work.now),
        ]
    else:
        deeds = [
            (Role.CUSTOMER, customer, "ask", request.created_at),
            (Role.PROVIDER, provider, "accept", work.now),
        ]
    detail = {"request_id": str(request.id), "offer_id": str(offer.id)}
    noted = (
        store.Noted(work.new_id(), actor_id, str(role), verb, at, detail)
        for role, actor_id, verb, at in deeds
    )
    await store.note(work.db, engagement, *noted)


def _rest_s(work: Work, offer: Offer) -> int:
    """What is left by now of the seconds that the offer gave the trip before it; at least one, it is not over."""
    promised = _seconds(offer.terms, "free_in_s", 0)
    return max(1, promised - int((work.now - offer.created_at).total_seconds()))


def _leaving(work: Work, engagement: Engagement, role: Role) -> cancellation.Leaving:
    started, start = engagement.started_at, engagement.start_at or work.now
    since = work.now if engagement.waits else engagement.promoted_at or engagement.confirmed_at
    return cancellation.Leaving(
        state=EngagementState(engagement.state),
        role=role,
        price=engagement.price_cents,
        since_confirmed_s=(work.now - since).total_seconds(),
        before_start_s=(start - work.now).total_seconds(),
        since_started_s=0.0 if started is None else (work.now - started).total_seconds(),
        planned_s=_seconds(engagement.terms, "duration_s", 0),
    )


def _seconds(terms: Mapping[str, Any], key: str, otherwise: int) -> int:
    value = terms.get(key)
    return round(value) if isinstance(value, int | float) and value > 0 else otherwise
