"""The shapes of agreed work on the wire; `domain.usecases.views` fills them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas import TIME, Money, Out

At = Annotated[str, Field(examples=[TIME])]


class RatingOut(Out):
    """A Bayesian average with the market's mean as its prior, and how many reviews it rests on."""

    stars: float
    count: int


class PartyOut(Out):
    account_id: UUID
    name: str
    rating: RatingOut


class WorkerOut(PartyOut):
    vehicle: dict[str, Any] | None


class StopOut(Out):
    """A stop. The exact place is absent for the provider once the work is over."""

    seq: int
    kind: str
    cell: str
    label: str
    lat: float | None = None
    lon: float | None = None
    address: str | None = None
    note: str | None = None


class TermsOut(Out):
    price: Money
    fee: Money
    net: Money
    net_per_hour: Money
    approach_m: int | None
    approach_s: int | None
    distance_m: int | None
    duration_s: int | None


class CompletionOut(Out):
    kind: str
    pin: bool


class AfterOut(Out):
    """What it waits for: a trip that should end at `free_at`; the provider should be at the pickup at `pickup_at`.
    `engagement_id` is that trip, for the provider and ops."""

    engagement_id: UUID | None
    free_at: At
    pickup_at: At


class TimesOut(Out):
    confirmed_at: At
    promoted_at: At | None
    en_route_at: At | None
    arrived_at: At | None
    started_at: At | None
    ended_at: At | None
    customer_confirmed_at: At | None


class ClocksOut(Out):
    """Service time (start to end) and activity time (bound to end) so far, in seconds."""

    service_s: int
    activity_s: int


class TrackingOut(Out):
    allowed: bool
    channel: str
    erased_at: At | None


class PaymentOut(Out):
    """A payment; `method` and `reason` are the customer's to know."""

    id: UUID
    request_id: UUID
    engagement_id: UUID | None
    kind: str
    state: str
    method: str | None = None
    amount: Money
    captured: Money
    refunded: Money
    reason: str | None = None
    created_at: At
    updated_at: At


class EngagementOut(Out):
    """Agreed work. `after` is there until the provider's trip before it is over; `pin` is there for the customer,
    `fee`, `net` and `terms` for the provider and ops."""

    id: UUID
    engagement_id: UUID
    request_id: UUID
    offer_id: UUID
    market: str
    service: str
    service_names: dict[str, str]
    trade: str
    allocator: str
    role: str
    state: str
    customer: PartyOut
    provider: WorkerOut
    stops: list[StopOut]
    start_at: At | None
    distance_m: int
    duration_s: int
    price: Money
    cancellation_fee: Money
    completion: CompletionOut
    after: AfterOut | None
    times: TimesOut
    clocks: ClocksOut
    tracking: TrackingOut
    ended_by: str | None
    ended_why: str | None
    payment: PaymentOut | None
    tip: PaymentOut | None
    pin: str | None = None
    fee: Money | None = None
    net: Money | None = None
    terms: TermsOut | None = None


class MessageOut(Out):
    id: UUID
    engagement_id: UUID
    sender_id: UUID
    text: str
    at: At


class TimelineItem(Out):
    """`kind` is event, action, message, payment, money or erasure, and says which members follow."""

    model_config = ConfigDict(extra="allow")

    kind: str
    at: At


class TimelineOut(Out):
    """All of it: there is no next page."""

    items: list[TimelineItem]
    next_cursor: str | None = None


class ReceiptOut(Out):
    """What was erased: how many rows, from when to when, and the SHA-256 of what is gone."""

    id: UUID
    what: str
    rows: int
    first_at: At | None
    last_at: At | None
    sha256: str
    erased_at: At


class TrackOut(Out):
    """A GeoJSON LineString, longitude first, with the moment of each point beside it; empty before the second point and
    after the erasure."""

    type: Literal["LineString"]
    coordinates: list[tuple[float, float]]
    times: list[At]
    engagement_id: UUID
    erased_at: At | None
    receipt: ReceiptOut | None
