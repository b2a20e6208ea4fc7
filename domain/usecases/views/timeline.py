"""A timeline and a track as JSON: everything that happened on one engagement, in one list."""

from collections.abc import Iterable, Sequence
from typing import Any

from domain.rules.states import Role
from domain.rules.wire import maybe_moment, moment
from domain.store.tables import (
    Action,
    Engagement,
    Erasure,
    EventRow,
    LedgerEntry,
    Message,
    Payment,
    TrackPoint,
)
from domain.usecases.views.engagements import message_view
from domain.usecases.views.money import payment_view, transactions_view


def timeline_view(
    engagement: Engagement,
    role: Role,
    *,
    events: Iterable[EventRow],
    actions: Iterable[Action],
    messages: Iterable[Message],
    payments: Iterable[Payment],
    entries: Sequence[LedgerEntry],
    erasures: Iterable[Erasure],
) -> list[dict[str, Any]]:
    """One list by time; each item has `kind` (event, action, message, payment, money, erasure) and `at`.

    What happened at the same instant keeps the order of the kinds above: the deed's event, then the deed.
    """
    items: list[dict[str, Any]] = []
    items += [{"kind": "event", "at": moment(e.at), "type": e.type, "seq": e.seq} for e in events]
    items += [_action(action) for action in actions]
    items += [{"kind": "message"} | message_view(message) for message in messages]
    if role is not Role.PROVIDER:
        items += [
            {"kind": "payment", "at": moment(p.created_at), "payment": payment_view(p)} for p in payments
        ]
    items += transactions_view(entries, engagement, role)
    items += [{"kind": "erasure", "at": moment(e.erased_at), "receipt": receipt_view(e)} for e in erasures]
    return sorted(items, key=lambda item: str(item["at"]))


def track_view(
    engagement: Engagement, points: Sequence[TrackPoint], receipts: Sequence[Erasure]
) -> dict[str, Any]:
    """A GeoJSON LineString (RFC 7946: longitude first) with the moment of each point beside it, as a foreign member.

    One point makes no line: the coordinates are empty until the second, which readers may take for null (ibid. 3.1).
    """
    erased = [receipt for receipt in receipts if receipt.kind == "track"]
    line = points if len(points) >= 2 else []
    return {
        "type": "LineString",
        "coordinates": [[point.lon, point.lat] for point in line],
        "times": [moment(point.at) for point in line],
        "engagement_id": str(engagement.id),
        "erased_at": maybe_moment(engagement.track_erased_at),
        "receipt": receipt_view(erased[-1]) if erased else None,
    }


def receipt_view(erasure: Erasure) -> dict[str, Any]:
    """What can be said of what is gone."""
    return {
        "id": str(erasure.id),
        "what": erasure.kind,
        "rows": erasure.rows,
        "first_at": maybe_moment(erasure.first_at),
        "last_at": maybe_moment(erasure.last_at),
        "sha256": erasure.digest,
        "erased_at": moment(erasure.erased_at),
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "kind": "action",
        "at": moment(action.at),
        "id": str(action.id),
        "verb": action.verb,
        "role": action.role,
        "actor_id": None if action.actor_id is None else str(action.actor_id),
        "detail": action.detail,
    }
