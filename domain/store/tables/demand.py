"""Demand and what is put to people about it: requests, their stops, offers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geography
from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.rules.states import Allocator, OfferOrigin, OfferState, RequestState
from domain.store.tables.base import Base, Id, Json, one_of


class Request(Base):
    """A need, published to the market. `expires_at` ends its patience; `wave` grows as offers fail."""

    __tablename__ = "requests"
    __table_args__ = (
        one_of("state", RequestState),
        one_of("allocator", Allocator),
        Index("uq_requests_quote", "quote_id", unique=True, postgresql_where=text("quote_id IS NOT NULL")),
        Index("ix_requests_open", "market_id", "allocator", postgresql_where=text("state = 'open'")),
        Index("ix_requests_customer", "customer_id", "created_at"),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("services.id"))
    service_slug: Mapped[str]
    allocator: Mapped[str]
    state: Mapped[str]
    quote_id: Mapped[UUID | None] = mapped_column(ForeignKey("quotes.id"))
    price_cents: Mapped[int | None]  # frozen by the quote; None while a call awaits proposals
    budget_cents: Mapped[int | None]
    currency: Mapped[str]
    answers: Mapped[Json]
    start_at: Mapped[datetime | None]  # None = now
    window_s: Mapped[int | None]
    distance_m: Mapped[int]
    duration_s: Mapped[int]
    wave: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime]  # when the matcher may first look at it (scheduled requests: later)
    expires_at: Mapped[datetime]
    outcome: Mapped[Json | None]  # why it ended, and the next best (no supply)
    created_at: Mapped[datetime]
    matched_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Stop(Base):
    """A place of a request with its kind: pickup, drop, site or via. Exact; privacy is the reader's rule."""

    __tablename__ = "stops"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    kind: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    point: Mapped[Any] = mapped_column(
        Geography("POINT", srid=4326, spatial_index=False),
        nullable=False,
        deferred=True,
        deferred_raiseload=True,
    )  # for the database to search by; `lat` and `lon` say the same
    cell: Mapped[int] = mapped_column(BigInteger)  # H3 resolution 9
    label: Mapped[str]  # coarse words: the quarter
    address: Mapped[str]  # exact words: the street
    note: Mapped[str] = mapped_column(server_default="")


Index("ix_stops_point", Stop.point, postgresql_using="gist")
Index("ix_stops_cell", Stop.market_id, Stop.cell)


class Offer(Base):
    """Terms and a deadline put to one party, who answers: `to_account`."""

    __tablename__ = "offers"
    __table_args__ = (
        one_of("state", OfferState),
        one_of("origin", OfferOrigin),
        Index(
            "uq_offers_pending_dispatch",
            "provider_id",
            unique=True,
            postgresql_where=text("state = 'pending' AND origin = 'dispatch'"),
        ),
        Index(
            "uq_offers_pending_pair",
            "request_id",
            "provider_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_offers_request", "request_id"),
        Index(
            "ix_offers_negotiated",
            "provider_id",
            "origin",
            "created_at",
            postgresql_where=text("origin <> 'dispatch'"),
        ),
        Index("ix_offers_pending_to", "to_account", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    to_account: Mapped[UUID]
    origin: Mapped[str]
    state: Mapped[str]
    answer_by: Mapped[datetime]
    price_cents: Mapped[int]
    currency: Mapped[str]
    terms: Mapped[Json]
    message: Mapped[str] = mapped_column(server_default="")
    start_at: Mapped[datetime | None]
    after_id: Mapped[UUID | None]  # the engagement that its provider would finish first
    counter_of: Mapped[UUID | None] = mapped_column(ForeignKey("offers.id"))
    round_id: Mapped[UUID | None]
    wave: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_why: Mapped[str | None]
