"""Which events are worth waking a phone for, how soon, how loudly, and until when. Pure.

The socket goes first: a push waits for the app's `ack`. What an app already knows, and what somebody did
himself, is never pushed. A push carries ids and the event's number, never a fare, an address or a place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.rules.events import EventType
from domain.rules.states import OfferOrigin, Role

QUIET_FROM: Final = 22  # o'clock, market time
QUIET_UNTIL: Final = 7
RETRY_FIRST: Final = 1.0  # s; doubled at each attempt
RETRY_MOST: Final = 60.0  # s between two attempts
INSTALLATION_ID: Final = r"[cdef][A-Za-z0-9_-]{21}"
"""A Firebase installation id (firebase-js-sdk, installations): what newer apps register instead of a token."""

DATA_LIMIT: Final = 4096  # bytes of an FCM message (firebase.google.com/docs/cloud-messaging)


class Family(StrEnum):
    """What a push is about. Also Android's collapse key: FCM keeps four different ones for a device offline."""

    OFFER = "offer"
    WORK = "work"
    MESSAGE = "message"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class PushRule:
    """How one type of event is pushed. `subject` names the id it is about: the next push about it replaces it."""

    family: Family
    subject: str
    life_s: int  # worth telling for this long, and never past the event's own `not_after`
    after_s: float = 3.0  # time for the socket to be faster
    urgent: bool = False  # wakes a sleeping device
    sleeps: bool = False  # delivered without a sound at night
    clears: bool = False  # says nothing: takes a notification off an Android's screen
    only_for: Role | None = None  # one party's; None: whoever the event is told to


_OFFER: Final = PushRule(Family.OFFER, "offer_id", life_s=900, after_s=2.0, urgent=True)
_PROPOSAL: Final = PushRule(Family.WORK, "offer_id", life_s=3_600, sleeps=True)
_CLEAR: Final = PushRule(Family.OFFER, "offer_id", life_s=120, after_s=2.0, clears=True)

PUSH_RULES: Final[Mapping[EventType, PushRule]] = {
    EventType.OFFER_CREATED: _OFFER,
    EventType.OFFER_WITHDRAWN: _CLEAR,
    EventType.REQUEST_POSTED: PushRule(Family.WORK, "request_id", life_s=3_600, sleeps=True),
    EventType.REQUEST_REOPENED: PushRule(Family.WORK, "request_id", life_s=600),
    EventType.REQUEST_EXPIRED: PushRule(Family.WORK, "request_id", life_s=3_600, only_for=Role.CUSTOMER),
    EventType.ENGAGEMENT_CONFIRMED: PushRule(Family.WORK, "engagement_id", life_s=600, urgent=True),
    EventType.ENGAGEMENT_PROMOTED: PushRule(Family.WORK, "engagement_id", life_s=600, urgent=True),
    EventType.ENGAGEMENT_ARRIVED: PushRule(
        Family.WORK, "engagement_id", life_s=300, urgent=True, only_for=Role.CUSTOMER
    ),
    EventType.ENGAGEMENT_CANCELLED: PushRule(Family.WORK, "engagement_id", life_s=900, urgent=True),
    EventType.ENGAGEMENT_NO_SHOW: PushRule(Family.WORK, "engagement_id", life_s=3_600),
    EventType.ENGAGEMENT_REMINDER: PushRule(Family.WORK, "engagement_id", life_s=7_200, urgent=True),
    EventType.MESSAGE_CREATED: PushRule(Family.MESSAGE, "engagement_id", life_s=4 * 3_600, sleeps=True),
    EventType.PAYMENT_FAILED: PushRule(
        Family.ACCOUNT, "payment_id", life_s=3_600, urgent=True, only_for=Role.CUSTOMER
    ),
    EventType.REVIEW_PUBLISHED: PushRule(Family.ACCOUNT, "engagement_id", life_s=86_400, sleeps=True),
}
"""Not here: `en_route`, `started`, `completed` (the app in hand shows them), money that went as agreed, duty."""

_OWN_ID: Final[Mapping[str, str]] = {
    "offer": "offer_id",
    "request": "request_id",
    "engagement": "engagement_id",
    "message": "message_id",
    "payment": "payment_id",
    "review": "review_id",
}
"""What an event's plain `id` is the id of, by the noun of its type."""


def rule_for(type_: EventType, data: Mapping[str, Any]) -> PushRule | None:
    """The rule of one event, or None when it is not worth a push to the one it is told to."""
    rule = PUSH_RULES.get(type_)
    if rule is None:
        return None
    role = data.get("role")
    if rule.only_for is not None and role != rule.only_for:
        return None
    if role is not None and role in {data.get("ended_by"), data.get("promoted_by")}:
        return None
    if data.get("origin", OfferOrigin.DISPATCH) != OfferOrigin.DISPATCH:
        return _PROPOSAL if type_ is EventType.OFFER_CREATED else None
    return rule


def own_doing(account_id: UUID, data: Mapping[str, Any]) -> bool:
    """Whether the event tells somebody what he did himself (his own message, his own review)."""
    return str(account_id) in {data.get("sender_id"), data.get("author_id")}


def ids_of(type_: EventType, data: Mapping[str, Any]) -> dict[str, str]:
    """The ids an event names, and nothing else of it."""
    ids = {name: str(data[name]) for name in _OWN_ID.values() if data.get(name) is not None}
    own = _OWN_ID.get(type_.value.split(".", 1)[0])
    if own is not None and data.get("id") is not None:
        ids.setdefault(own, str(data["id"]))
    return ids


def worth_until(rule: PushRule, at: datetime, not_after: datetime | None) -> datetime:
    """When a push about an event becomes noise: by rule, or at the event's own end if that comes first."""
    by_rule = at + timedelta(seconds=rule.life_s)
    return by_rule if not_after is None else min(by_rule, not_after)


def is_night(hour: float) -> bool:
    """Whether an hour of the market's day lies in the quiet hours, 22:00-07:00."""
    return hour >= QUIET_FROM or hour < QUIET_UNTIL


def is_quiet(minute: int, since: int, until: int) -> bool:
    """Whether a minute of the day lies in `[since, until)`, which may go over midnight."""
    if since <= until:
        return since <= minute < until
    return minute >= since or minute < until


def waits(rule: PushRule) -> bool:
    """Whether a push waits for the end of somebody's quiet hours: unless it is urgent, or makes no sound at all."""
    return not rule.urgent and not rule.clears


def next_attempt(
    now: datetime, attempts: int, retry_after_s: float | None, not_after: datetime
) -> datetime | None:
    """When to try again after `attempts` tries: 1, 2, 4 … s, or what the carrier asks; None when that is too late."""
    wait = retry_after_s
    if wait is None:
        wait = min(RETRY_FIRST * 2 ** min(max(attempts - 1, 0), 10), RETRY_MOST)
    again = now + timedelta(seconds=max(wait, 0.0))
    return again if again < not_after else None
