"""Agreed work, from confirmed to completed: deeds, words, the way driven, claims on people's time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, ReviewState
from domain.store.tables.base import Base, Id, Json, one_of

_WAITING = f"after_id IS NOT NULL AND state = '{EngagementState.CONFIRMED}'"
_ACTIVE = ", ".join(sorted(f"'{state.value}'" for state in ACTIVE_ENGAGEMENT))


class Engagement(Base):
    """Agreed work between one customer and one provider.

    `exclusive` work fills the provider's whole attention (a ride, a job from setting off): the partial
    unique index makes a second one impossible, whatever the code above does. Work that waits for the end of other
    work (`after_id`) is not exclusive until it is promoted; of such there is one a provider, and one after each.
    """

    __tablename__ = "engagements"
    __table_args__ = (
        one_of("state", EngagementState),
        Index(
            "uq_engagements_exclusive_provider",
            "provider_id",
            unique=True,
            postgresql_where=text(f"exclusive AND state IN ({_ACTIVE})"),
        ),
        Index("uq_engagements_waiting_provider", "provider_id", unique=True, postgresql_where=text(_WAITING)),
        Index("uq_engagements_waiting_after", "after_id", unique=True, postgresql_where=text(_WAITING)),
        Index(
            "uq_engagements_live_request",
            "request_id",
            unique=True,
            postgresql_where=text("state NOT IN ('cancelled')"),
        ),
        Index("ix_engagements_customer", "customer_id", "id"),
        Index("ix_engagements_provider", "provider_id", "id"),
        Index(
            "ix_engagements_completed",
            "market_id",
            "ended_at",
            postgresql_where=text("state = 'completed'"),
        ),
        Index("ix_engagements_active", "market_id", postgresql_where=text(f"state IN ({_ACTIVE})")),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id"), unique=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("services.id"))
    service_slug: Mapped[str]
    allocator: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    state: Mapped[str]
    exclusive: Mapped[bool]
    terms: Mapped[Json]
    price_cents: Mapped[int]
    fee_cents: Mapped[int]
    currency: Mapped[str]
    pin: Mapped[str | None]
    pin_tries: Mapped[int] = mapped_column(server_default="0")
    pin_locked_until: Mapped[datetime | None]
    start_at: Mapped[datetime | None]  # agreed start; None = now
    confirmed_at: Mapped[datetime]
    en_route_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    customer_confirmed_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]  # customer | provider | ops | engine
    ended_why: Mapped[str | None]
    fee_on_end_cents: Mapped[int] = mapped_column(server_default="0")
    track_erased_at: Mapped[datetime | None]
    promise: Mapped[
        Json | None
    ]  # the pick-up's seconds as promised when it became binding, with their source
    after_id: Mapped[
        UUID | None
    ]  # the engagement whose end it waits for; no foreign key: written under its lock
    promoted_at: Mapped[datetime | None]  # since when it no longer waits; None: it never did

    @property
    def waits(self) -> bool:
        """Whether it waits for the end of other work, or did until it ended itself."""
        return self.after_id is not None


class Action(Base):
    """An authenticated deed on an engagement. Append-only."""

    __tablename__ = "actions"
    __table_args__ = (Index(None, "engagement_id", "at"),)

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    engagement_id: Mapped[UUID] = mapped_column(ForeignKey("engagements.id"))
    actor_id: Mapped[UUID | None]
    role: Mapped[str]
    verb: Mapped[str]
    at: Mapped[datetime]
    detail: Mapped[Json]


class Message(Base):
    """What one party wrote to the other. Never an input of the matcher."""

    __tablename__ = "messages"
    __table_args__ = (Index(None, "engagement_id", "at"),)

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    engagement_id: Mapped[UUID] = mapped_column(ForeignKey("engagements.id"))
    sender_id: Mapped[UUID]
    text: Mapped[str]
    at: Mapped[datetime]


class Share(Base):
    """A public link that follows a trip and dies with it. Only the token's hash is kept."""

    __tablename__ = "shares"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    engagement_id: Mapped[UUID] = mapped_column(ForeignKey("engagements.id"), index=True)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class TrackPoint(Base):
    """One stored fix of a running engagement; deleted by rule, with a receipt."""

    __tablename__ = "track_points"

    engagement_id: Mapped[UUID] = mapped_column(ForeignKey("engagements.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    market_id: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]


class Erasure(Base):
    """The receipt of a deletion: what kind, how many rows, over which time, a hash of what is gone."""

    __tablename__ = "erasures"

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    engagement_id: Mapped[UUID | None] = mapped_column(ForeignKey("engagements.id"), index=True)
    kind: Mapped[str]
    rows: Mapped[int]
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    digest: Mapped[str]
    erased_at: Mapped[datetime]


class Hold(Base):
    """A claim on a resource over an interval. For a person's agenda the capacity is one: no overlaps.

    Insert with `ON CONFLICT DO NOTHING` and look at the rows returned: a plain insert dead-locks under races.
    """

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'released')", name="state_known"),
        ExcludeConstraint(
            ("resource_id", "="),
            ("span", "&&"),
            where=text("state = 'held'"),
            using="gist",
            name="ex_holds_no_overlap",
        ),
        Index("ix_holds_engagement", "engagement_id"),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    resource_id: Mapped[UUID] = mapped_column(Uuid)  # a provider's account: their own time
    span: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    state: Mapped[str]
    engagement_id: Mapped[UUID | None] = mapped_column(ForeignKey("engagements.id"))


class Review(Base):
    """Stars and words from one side about the other; sealed until both have written or the window ends."""

    __tablename__ = "reviews"
    __table_args__ = (
        one_of("state", ReviewState),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars_one_to_five"),
        UniqueConstraint("engagement_id", "author_id"),
        Index("ix_reviews_subject", "subject_id", "state"),
        Index(
            "ix_reviews_newest",
            "market_id",
            "published_at",
            postgresql_where=text("state = 'published'"),
        ),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    engagement_id: Mapped[UUID] = mapped_column(ForeignKey("engagements.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    author_role: Mapped[str]
    stars: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


def agenda_span(start: datetime, end: datetime) -> Range[Any]:
    """The half-open interval `[start, end)` of a hold."""
    return Range(start, end, bounds="[)")
