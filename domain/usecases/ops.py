"""What staff may do to agreed work: hand it to somebody else, give money back, read the books. Humans only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.rules.catalogue import ServiceSpec
from domain.rules.clocks import agenda, binds_now
from domain.rules.errors import AgendaConflict, AlreadyBusy, IllegalMove, Invalid, NotEligible, NotFound
from domain.rules.states import EngagementState, OfferOrigin, OfferState, PaymentState, Role
from domain.rules.terms import Terms, terms
from domain.rules.wire import money as money_view
from domain.store import engagements as store
from domain.store import holds, supply
from domain.store import money as payments
from domain.store.engagement_facts import facts_of
from domain.store.requests import lock as lock_request
from domain.store.tables import Account, Engagement, Offer, Request, Stop
from domain.usecases import access, engagements, money
from domain.usecases.views.engagements import first_name
from domain.usecases.views.money import entry_view, payment_view
from domain.usecases.work import Work
from geo.points import LatLng
from geo.travel import Profile

_MOVABLE = (EngagementState.CONFIRMED, EngagementState.EN_ROUTE, EngagementState.ARRIVED)


@dataclass(frozen=True, slots=True)
class Reassignment:
    """Everything a reassignment needs to know, read once for the preview and once for the deed."""

    engagement: Engagement
    request: Request
    stops: Sequence[Stop]
    spec: ServiceSpec
    provider: Account
    was: Account
    terms: Terms


async def preview_reassignment(work: Work, engagement_id: UUID, provider_id: UUID) -> dict[str, Any]:
    """What would change if the work went to this provider; changes nothing. Refusals are those of the deed."""
    plan = await _plan(work, engagement_id, provider_id, lock=False)
    span = agenda(
        plan.engagement.start_at,
        work.now,
        approach_s=plan.terms.approach_s or 0,
        duration_s=plan.terms.duration_s,
    )
    binds = binds_now(plan.engagement.start_at, work.now, work.knobs.scheduled_lead)
    if binds and await store.busy_with(work.db, provider_id) is not None:
        raise AlreadyBusy("this provider has an engagement running")
    if not await holds.is_free(work.db, provider_id, span):
        raise AgendaConflict
    return _shown(plan, preview=True)


async def reassign(work: Work, engagement_id: UUID, provider_id: UUID) -> dict[str, Any]:
    """Hand work that has not begun to another provider, in one step: the old engagement ends at nobody's cost, the
    new one stands at the same price and with the same payment. All three hear of it; either all of it happens or
    none. Raises `IllegalMove`, `NotEligible`, `AlreadyBusy`, `AgendaConflict`, `LostRace`."""
    plan = await _plan(work, engagement_id, provider_id, lock=True)
    ended = await engagements.end(
        work, plan.engagement, EngagementState.CANCELLED, role=Role.OPS, reason="reassigned"
    )
    await engagements.note(work, ended, role=Role.OPS, verb="reassign", detail={"to": str(provider_id)})
    await engagements.tell_both(work, ended)
    offer = _offer(work, plan)
    work.db.add(offer)
    await work.db.flush()
    fresh = await engagements.confirm(work, request=plan.request, offer=offer, spec=plan.spec)
    return _shown(plan, preview=False) | {"new_engagement_id": str(fresh.id)}


async def refund(work: Work, engagement_id: UUID, amount_cents: int, reason: str) -> dict[str, Any]:
    """Give the customer money back, with a reason; it also answers a dispute.

    Of a captured price, `amount_cents` goes back. Of a disputed one still blocked, the rest is taken and
    `amount_cents` never is: 0 pays the provider in full, the whole price pays them nothing.
    """
    access.require_ops(work.actor)
    engagement, _ = await access.engagement_of_party(work, engagement_id, lock=True)
    payment = await payments.price_of_request(work.db, engagement.request_id)
    if payment is None or payment.engagement_id != engagement.id:
        raise IllegalMove("nothing was paid for this", state=engagement.state, verb="refund")
    if payment.state == PaymentState.CAPTURED:
        left = payment.captured_cents - payment.refunded_cents
        if not 0 < amount_cents <= left:
            raise Invalid.field("/amount", f"between 1 and {left} cents can be given back")
        await money.give_back(work, payment, amount_cents)
    elif payment.state == PaymentState.AUTHORISED and engagement.state == EngagementState.DISPUTED:
        if not 0 <= amount_cents <= engagement.price_cents:
            raise Invalid.field("/amount", f"between 0 and {engagement.price_cents} cents are blocked")
        spec = await engagements.spec_of(work, engagement)
        taken = engagement.price_cents - amount_cents
        await money.take(work, engagement, taken, money.commission(spec, taken))
    else:
        raise IllegalMove("nothing to give back", state=payment.state, verb="refund")
    await engagements.note(
        work,
        engagement,
        role=Role.OPS,
        verb="refund",
        detail={"amount_cents": amount_cents, "reason": reason},
    )
    return payment_view(await payments.fresh(work.db, payment.id) or payment)


async def engagements_in(
    work: Work,
    *,
    states: Sequence[EngagementState] | None,
    market: str | None,
    before: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Everybody's engagements in the markets the actor oversees, newest first."""
    access.require_ops(work.actor)
    if market is not None and not work.actor.oversees(market):
        return []
    theirs = work.actor.ops_markets
    rows = await store.in_states(
        work.db,
        states=states,
        markets=theirs if market is None else frozenset({market}),
        before=before,
        limit=limit,
    )
    return await engagements.views_for(work, rows, Role.OPS)


async def ledger_of(work: Work, engagement_id: UUID) -> dict[str, Any]:
    """The legs booked for one engagement and their sum: 0."""
    access.require_ops(work.actor)
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    entries = await payments.entries_of(work.db, engagement.id)
    total = sum(entry.amount_cents for entry in entries)
    return {"items": [entry_view(entry) for entry in entries], "sum": money_view(total, engagement.currency)}


async def ledger_check(work: Work) -> dict[str, Any]:
    """The whole ledger added up in SQL: it is `sound` when no transaction, and nothing in all, differs from 0."""
    access.require_ops_of_all(work.actor)
    sums = await payments.check(work.db)
    return {
        "sound": sums.nonzero == 0 and sums.total == 0,
        "transactions": sums.transactions,
        "nonzero": sums.nonzero,
        "total": sums.total,
    }


async def _plan(work: Work, engagement_id: UUID, provider_id: UUID, *, lock: bool) -> Reassignment:
    access.require_ops(work.actor)
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    if lock:
        await lock_request(work.db, engagement.request_id)
    if engagement.state not in _MOVABLE:
        raise IllegalMove(
            "only work that has not begun can be handed on", state=engagement.state, verb="reassign"
        )
    if provider_id in (engagement.provider_id, engagement.customer_id):
        raise Invalid.field("/provider", "choose somebody who is not part of this engagement")
    (facts,) = await facts_of(work.db, [engagement])
    spec = await engagements.spec_of(work, engagement)
    if not await access.known_in(work, provider_id, engagement.market_id):
        raise NotFound("no such provider")
    await _require_eligible(work, engagement, provider_id)
    approach = await _approach(work, engagement, facts.stops[0], provider_id, Profile(spec.profile))
    return Reassignment(
        engagement=engagement,
        request=facts.request,
        stops=facts.stops,
        spec=spec,
        provider=await work.db.get_one(Account, provider_id),
        was=facts.provider,
        terms=terms(
            spec,
            price_cents=engagement.price_cents,
            distance_m=facts.request.distance_m,
            duration_s=facts.request.duration_s,
            approach_s=None if approach is None else approach[0],
            approach_m=None if approach is None else approach[1],
        ),
    )


async def _require_eligible(work: Work, engagement: Engagement, provider_id: UUID) -> None:
    found = await supply.one(work.db, provider_id)
    if found is None:
        raise NotFound("no such provider")
    if found.suspended:
        raise NotEligible("this account is suspended", reason="suspended")
    if engagement.service_slug not in found.services:
        raise NotEligible("this provider does not offer this service", reason="service")


async def _approach(
    work: Work, engagement: Engagement, stop: Stop, provider_id: UUID, profile: Profile
) -> tuple[float, float] | None:
    """Seconds and metres from where a provider is now to the first stop; `None` when nobody knows."""
    point = work.tools.live.of(engagement.market_id).newest(provider_id)
    city = work.tools.cities.get(engagement.market_id)
    if point is None or city is None:
        return None
    travel = await city.travel.to_one([point.place], LatLng(stop.lat, stop.lon), profile)
    seconds, meters = float(travel.seconds[0]), float(travel.meters[0])
    return None if seconds == float("inf") else (seconds, meters)


def _offer(work: Work, plan: Reassignment) -> Offer:
    """The offer that the new engagement rests on: made and taken by staff, in one moment."""
    row = plan.engagement
    return Offer(
        id=work.new_id(),
        market_id=row.market_id,
        request_id=row.request_id,
        customer_id=row.customer_id,
        provider_id=plan.provider.id,
        to_account=plan.provider.id,
        origin=OfferOrigin.DISPATCH,
        state=OfferState.ACCEPTED,
        answer_by=work.now,
        price_cents=row.price_cents,
        currency=row.currency,
        terms=plan.terms.as_json(),
        start_at=row.start_at,
        created_at=work.now,
        answered_at=work.now,
        ended_why="reassigned",
    )


def _shown(plan: Reassignment, *, preview: bool) -> dict[str, Any]:
    row, now_terms = plan.engagement, plan.terms
    return {
        "preview": preview,
        "engagement_id": str(row.id),
        "was": {
            "account_id": str(plan.was.id),
            "name": first_name(plan.was),
            "loses": money_view(row.price_cents - row.fee_cents, row.currency),
        },
        "becomes": {
            "account_id": str(plan.provider.id),
            "name": first_name(plan.provider),
            "eta_s": now_terms.approach_s,
            "approach_m": now_terms.approach_m,
            "net": money_view(now_terms.net_cents, row.currency),
            "net_per_hour": money_view(now_terms.net_per_hour_cents, row.currency),
        },
        "customer": {"account_id": str(row.customer_id), "pays": money_view(row.price_cents, row.currency)},
        "new_engagement_id": None,
    }
