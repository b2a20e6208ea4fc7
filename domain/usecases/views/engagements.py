"""An engagement as JSON, for one of its readers. The same shape travels over HTTP, sockets and events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.rules.catalogue import ServiceSpec
from domain.rules.clocks import activity_s, bound_at, service_s
from domain.rules.reviews import bayesian
from domain.rules.states import ACTIVE_ENGAGEMENT, TRACKED_ENGAGEMENT, EngagementState, Role
from domain.rules.terms import Terms
from domain.rules.wire import maybe_moment, moment, money
from domain.store.engagement_facts import EngagementFacts
from domain.store.tables import Account, Engagement, Message, Payment, Provider, Stop
from domain.usecases.views.money import payment_seen_by
from geo.points import LatLng
from geo.privacy import coarse

_BEFORE_START = (EngagementState.CONFIRMED, EngagementState.EN_ROUTE, EngagementState.ARRIVED)


def engagement_view(facts: EngagementFacts, spec: ServiceSpec, role: Role, now: datetime) -> dict[str, Any]:
    """What `role` sees. Exact places only while the work is ahead or under way (the customer's own stay on their
    request); the PIN is the customer's alone, until the start; money is split for the provider and ops only."""
    row = facts.engagement
    active = row.state in ACTIVE_ENGAGEMENT
    view: dict[str, Any] = {
        "id": str(row.id),
        "engagement_id": str(row.id),
        "request_id": str(row.request_id),
        "offer_id": str(row.offer_id),
        "market": row.market_id,
        "service": row.service_slug,
        "service_names": spec.name,
        "trade": spec.trade,
        "allocator": row.allocator,
        "role": str(role),
        "state": row.state,
        "customer": _card(facts.customer, facts),
        "provider": _card(facts.provider, facts) | {"vehicle": vehicle_view(facts.profile, plate=active)},
        "stops": [stop_view(stop, exact=active) for stop in facts.stops],
        "start_at": maybe_moment(row.start_at),
        "distance_m": facts.request.distance_m,
        "duration_s": facts.request.duration_s,
        "price": money(row.price_cents, row.currency),
        "cancellation_fee": money(row.fee_on_end_cents, row.currency),
        "completion": {"kind": spec.completion.kind, "pin": spec.completion.pin},
        "after": _after(row, role),
        "times": _times(row),
        "clocks": _clocks(row, now),
        "tracking": {
            "allowed": row.state in TRACKED_ENGAGEMENT,
            "channel": f"engagement:{row.id}",
            "erased_at": maybe_moment(row.track_erased_at),
        },
        "ended_by": row.ended_by,
        "ended_why": row.ended_why,
        "payment": _newest([p for p in facts.payments if p.kind == "price"], role),
        "tip": _newest([p for p in facts.payments if p.kind == "tip" and p.state != "failed"], role),
    }
    if role is Role.CUSTOMER:
        view["pin"] = row.pin if row.state in _BEFORE_START else None
    else:
        fee = row.fee_cents
        view |= {
            "fee": money(fee, row.currency),
            "net": money(row.price_cents - fee, row.currency),
            "terms": _terms(row),
        }
    return view


def vehicle_view(profile: Provider | None, *, plate: bool) -> dict[str, Any] | None:
    """What to look for in the street; the plate only while somebody has to find it."""
    if profile is None or profile.vehicle is None:
        return None
    return {key: value for key, value in profile.vehicle.items() if plate or key != "plate"}


def stop_view(stop: Stop, *, exact: bool) -> dict[str, Any]:
    """A stop: its cell and quarter for anybody, its place and street only where `exact`."""
    view: dict[str, Any] = {
        "seq": stop.seq,
        "kind": stop.kind,
        "cell": coarse(LatLng(stop.lat, stop.lon)).cell_hex,
        "label": stop.label,
    }
    if exact:
        view |= {"lat": stop.lat, "lon": stop.lon, "address": stop.address, "note": stop.note}
    return view


def message_view(message: Message) -> dict[str, Any]:
    """A message of the conversation."""
    return {
        "id": str(message.id),
        "engagement_id": str(message.engagement_id),
        "sender_id": str(message.sender_id),
        "text": message.text,
        "at": moment(message.at),
    }


def first_name(account: Account) -> str:
    """What strangers may call somebody."""
    return account.name.split(" ", 1)[0]


def _card(account: Account, facts: EngagementFacts) -> dict[str, Any]:
    count, total = facts.ratings.get(account.id, (0, 0))
    stars = bayesian(count, total, facts.mean_stars)
    return {
        "account_id": str(account.id),
        "name": first_name(account),
        "rating": {"stars": stars, "count": count},
    }


def _newest(payments: Sequence[Payment], role: Role) -> dict[str, Any] | None:
    """The last of some payments, oldest first: one that failed may have been paid again."""
    return payment_seen_by(payments[-1], role) if payments else None


def _terms(row: Engagement) -> dict[str, Any]:
    """What was agreed, as the offer said it."""
    told = Terms.read(row.terms)
    return {
        "price": money(row.price_cents, row.currency),
        "fee": money(row.fee_cents, row.currency),
        "net": money(row.price_cents - row.fee_cents, row.currency),
        "net_per_hour": money(told.net_per_hour_cents or 0, row.currency),
        "approach_m": told.approach_m,
        "approach_s": told.approach_s,
        "distance_m": told.distance_m,
        "duration_s": told.duration_s,
    }


def _after(row: Engagement, role: Role) -> dict[str, Any] | None:
    """What it waits for, as long as it does: when that should end, when the provider should then be there. Whose work
    it is, is not the next customer's to know."""
    if not row.waits or row.state != EngagementState.CONFIRMED:
        return None
    told = Terms.read(row.terms)
    free_at = row.confirmed_at + timedelta(seconds=told.free_in_s or 0)
    there_at = free_at + timedelta(seconds=told.approach_s or 0)
    return {
        "engagement_id": None if role is Role.CUSTOMER else str(row.after_id),
        "free_at": moment(free_at),
        "pickup_at": moment(there_at if row.start_at is None else max(there_at, row.start_at)),
    }


def _times(row: Engagement) -> dict[str, str | None]:
    return {
        "confirmed_at": moment(row.confirmed_at),
        "promoted_at": maybe_moment(row.promoted_at),
        "en_route_at": maybe_moment(row.en_route_at),
        "arrived_at": maybe_moment(row.arrived_at),
        "started_at": maybe_moment(row.started_at),
        "ended_at": maybe_moment(row.ended_at),
        "customer_confirmed_at": maybe_moment(row.customer_confirmed_at),
    }


def _clocks(row: Engagement, now: datetime) -> dict[str, int]:
    bound = bound_at(
        row.confirmed_at, row.en_route_at, row.start_at, waits=row.waits, promoted_at=row.promoted_at
    )
    return {
        "service_s": service_s(row.started_at, row.ended_at, now),
        "activity_s": activity_s(bound, row.ended_at, now),
    }
