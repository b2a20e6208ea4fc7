"""What happened, as an account's numbered stream tells it (API.md, "The stream")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.rules.states import EngagementState


class EventType(StrEnum):
    OFFER_CREATED = "offer.created"
    OFFER_WITHDRAWN = "offer.withdrawn"
    OFFER_EXPIRED = "offer.expired"
    OFFER_DECLINED = "offer.declined"
    REQUEST_POSTED = "request.posted"  # a job open to proposals, told to the providers it concerns
    REQUEST_MATCHED = "request.matched"
    REQUEST_REOPENED = "request.reopened"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_CANCELLED = "request.cancelled"
    ENGAGEMENT_CONFIRMED = "engagement.confirmed"
    ENGAGEMENT_PROMOTED = "engagement.promoted"  # the work it waited for is over
    ENGAGEMENT_EN_ROUTE = "engagement.en_route"
    ENGAGEMENT_ARRIVED = "engagement.arrived"
    ENGAGEMENT_STARTED = "engagement.started"
    ENGAGEMENT_COMPLETED = "engagement.completed"
    ENGAGEMENT_CANCELLED = "engagement.cancelled"
    ENGAGEMENT_NO_SHOW = "engagement.no_show"
    ENGAGEMENT_DISPUTED = "engagement.disputed"
    ENGAGEMENT_REMINDER = "engagement.reminder"  # an agreed hour is near
    MESSAGE_CREATED = "message.created"
    PAYMENT_AUTHORISED = "payment.authorised"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_RELEASED = "payment.released"
    PAYMENT_REFUNDED = "payment.refunded"
    REVIEW_PUBLISHED = "review.published"
    DUTY_CHANGED = "duty.changed"


ENGAGEMENT_EVENTS: Final[Mapping[EngagementState, EventType]] = {
    EngagementState.CONFIRMED: EventType.ENGAGEMENT_CONFIRMED,
    EngagementState.EN_ROUTE: EventType.ENGAGEMENT_EN_ROUTE,
    EngagementState.ARRIVED: EventType.ENGAGEMENT_ARRIVED,
    EngagementState.IN_PROGRESS: EventType.ENGAGEMENT_STARTED,
    EngagementState.COMPLETED: EventType.ENGAGEMENT_COMPLETED,
    EngagementState.CANCELLED: EventType.ENGAGEMENT_CANCELLED,
    EngagementState.NO_SHOW: EventType.ENGAGEMENT_NO_SHOW,
    EngagementState.DISPUTED: EventType.ENGAGEMENT_DISPUTED,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One numbered event of one account. `not_after` bounds a push: later than that it is noise."""

    account_id: UUID
    type: EventType
    data: Mapping[str, Any]
    not_after: datetime | None = field(default=None)
