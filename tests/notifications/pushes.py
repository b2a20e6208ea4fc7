"""Pushes for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.rules.events import EventType
from domain.rules.ports import Push
from domain.rules.pushes import PUSH_RULES, Family
from domain.usecases.pushes import DuePush

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
OFFER = "01900000-0000-7000-8000-00000000000a"
ENGAGEMENT = "01900000-0000-7000-8000-00000000000b"
PAYMENT = "01900000-0000-7000-8000-00000000000c"

A_PUSH = Push(
    to="good:token",
    platform="android",
    title="Nouvelle offre",
    body="Une demande près de vous attend votre réponse.",
    data={"type": "offer.created", "seq": "57", "offer_id": OFFER},
    collapse_key="offer",
    ttl_s=15,
    urgent=True,
)


def a_push(to: str = "good:token", **changes: Any) -> Push:
    """An urgent offer to an Android, but for what is changed."""
    return replace(A_PUSH, to=to, **changes)


def a_message(to: str = "good:token", **changes: Any) -> Push:
    """Word of a new message, nothing urgent."""
    about = {"data": {"type": "message.created", "seq": "58", "engagement_id": ENGAGEMENT}}
    return a_push(
        to,
        **{**about, "collapse_key": "message", "urgent": False, "ttl_s": 3600, "title": "Message"} | changes,
    )


def a_due_push(
    type_: EventType = EventType.OFFER_CREATED, *, lives_s: float = 15.0, **changes: Any
) -> DuePush:
    """A claimed push of one type of event, at noon."""
    rule = PUSH_RULES[type_]
    push = DuePush(
        id=UUID(int=1),
        account_id=UUID(int=2),
        device_id="phone",
        platform="android",
        to="good:token",
        language="fr",
        type=type_,
        seq=57,
        ids={"offer_id": OFFER, "engagement_id": ENGAGEMENT},
        role="",
        origin="",
        family=Family(rule.family),
        not_after=NOON + timedelta(seconds=lives_s),
        attempts=1,
        urgent=rule.urgent,
        quiet=False,
        clears=rule.clears,
    )
    return replace(push, **changes)
