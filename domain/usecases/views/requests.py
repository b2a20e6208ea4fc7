"""Requests as JSON, for one of their readers."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.rules.states import ACTIVE_ENGAGEMENT, PaymentState, RequestState, Role
from domain.rules.wire import maybe_moment, moment, money
from domain.store.tables import Engagement, Payment, Request, Stop
from domain.usecases.views.engagements import stop_view
from domain.usecases.views.money import payment_view


def request_view(
    row: Request,
    stops: Sequence[Stop],
    role: Role,
    language: str,
    *,
    agreed: Engagement | None = None,
    payment: Payment | None = None,
) -> dict[str, Any]:
    """What `role` sees: customer and ops all of it; a provider no exact place and not who asks.

    A request that is open again names no engagement: the one it had has ended.
    """
    mine = role is not Role.PROVIDER
    named = None if row.state == RequestState.OPEN else agreed
    view: dict[str, Any] = {
        "id": str(row.id),
        "state": row.state,
        "market": row.market_id,
        "service": row.service_slug,
        "allocator": row.allocator,
        "role": str(role),
        "price": None if row.price_cents is None else money(row.price_cents, row.currency),
        "budget": None if row.budget_cents is None else money(row.budget_cents, row.currency),
        "stops": [stop_view(stop, exact=mine) for stop in stops],
        "answers": row.answers,
        "start_at": maybe_moment(row.start_at),
        "window_s": row.window_s,
        "distance_m": row.distance_m,
        "duration_s": row.duration_s,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "ended_at": maybe_moment(row.ended_at),
    }
    if mine:
        view |= {
            "quote_id": None if row.quote_id is None else str(row.quote_id),
            "engagement_id": None if named is None else str(named.id),
            "payment": None if payment is None else payment_view(payment),
            "payment_needed": payment_needed(row, agreed, payment),
            "wave": row.wave,
            "due_at": moment(row.due_at),
            "matched_at": maybe_moment(row.matched_at),
            "outcome": outcome_view(row.outcome, language),
        }
    return view


def payment_needed(row: Request, agreed: Engagement | None, payment: Payment | None) -> bool:
    """Whether a request stands still until its customer pays again: its payment failed, and it is not over."""
    failed = payment is not None and payment.state == PaymentState.FAILED
    return failed and (
        row.state == RequestState.OPEN or (agreed is not None and agreed.state in ACTIVE_ENGAGEMENT)
    )


def outcome_view(outcome: Mapping[str, Any] | None, language: str) -> dict[str, Any] | None:
    """Why a request ended, in one language; every `words` inside is stored in all of them."""
    return None if outcome is None else {key: _told(value, language) for key, value in outcome.items()}


def request_ended_view(row: Request, language: str) -> dict[str, Any]:
    """What the customer is told when a request has ended without work."""
    return {
        "id": str(row.id),
        "request_id": str(row.id),
        "state": row.state,
        "role": str(Role.CUSTOMER),
        "service": row.service_slug,
        "outcome": outcome_view(row.outcome, language),
    }


def call_over_view(row: Request) -> dict[str, Any]:
    """What providers who heard of a posted job are told when it is open no more: that, and nothing of anybody."""
    return {
        "id": str(row.id),
        "request_id": str(row.id),
        "state": row.state,
        "role": str(Role.PROVIDER),
        "service": row.service_slug,
    }


def _told(value: Any, language: str) -> Any:
    if isinstance(value, list):
        return [_told(item, language) for item in value]
    if isinstance(value, dict):
        if value and value.keys() <= {"fr", "en"}:
            return value.get(language) or next(iter(value.values()))
        return {key: _told(item, language) for key, item in value.items()}
    return value
