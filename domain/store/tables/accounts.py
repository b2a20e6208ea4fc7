"""Who people are: accounts, what they provide, their devices, and how they signed in."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from domain.store.tables.base import Base, Id, Json


class Account(Base):
    """A person or an organisation: customer, provider and ops at once if need be."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    phone: Mapped[str | None] = mapped_column(Text, unique=True)
    firebase_uid: Mapped[str | None] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    language: Mapped[str] = mapped_column(Text, server_default="fr")
    quiet_from: Mapped[int | None]  # minutes after midnight in `timezone`; None: none were chosen
    quiet_until: Mapped[int | None]
    timezone: Mapped[str | None] = mapped_column(Text)  # IANA name; of the quiet hours
    is_ops: Mapped[bool] = mapped_column(server_default=text("false"))
    ops_markets: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # that they oversee; None: every one
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str | None]
    suspended_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class Provider(Base):
    """What an account offers. The rating is a running sum; the profile shows its Bayesian average."""

    __tablename__ = "providers"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    services: Mapped[list[str]] = mapped_column(ARRAY(Text))
    vehicle: Mapped[Json | None]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    max_travel_s: Mapped[int | None]
    max_pickup_m: Mapped[int | None]
    updated_at: Mapped[datetime]


class Device(Base):
    """Where pushes go. One row per installation; rewritten at each start of the app."""

    __tablename__ = "devices"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[str] = mapped_column(Text, primary_key=True)
    platform: Mapped[str]
    push_token: Mapped[str]
    language: Mapped[str]
    updated_at: Mapped[datetime]


class Challenge(Base):
    """A one-time code sent to a phone. Only a keyed hash of the code is kept."""

    __tablename__ = "challenges"
    __table_args__ = (Index(None, "phone", "created_at"),)

    id: Mapped[Id]
    phone: Mapped[str]
    code_hash: Mapped[str]
    tries: Mapped[int] = mapped_column(server_default="0")
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]


class TokenFamily(Base):
    """One sign-in: a chain of refresh tokens of which only the newest is valid.

    A token older than the newest that comes back means it was stolen: the whole family ends.
    """

    __tablename__ = "token_families"

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    current_hash: Mapped[str]
    revoked_at: Mapped[datetime | None]
    revoked_why: Mapped[str | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]


class WsTicket(Base):
    """A single-use ticket for a browser's socket (30 s); the row is deleted when used."""

    __tablename__ = "ws_tickets"

    ticket_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    family_id: Mapped[UUID]
    expires_at: Mapped[datetime]


class DutySession(Base):
    """Connected time: on duty from, to. At most one open session per account."""

    __tablename__ = "duty_sessions"
    __table_args__ = (
        Index("uq_duty_sessions_open", "account_id", unique=True, postgresql_where=text("off_at IS NULL")),
        Index("ix_duty_sessions_market_open", "market_id", postgresql_where=text("off_at IS NULL")),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    services: Mapped[list[str]] = mapped_column(ARRAY(Text))
    on_at: Mapped[datetime]
    off_at: Mapped[datetime | None]
    towards_lat: Mapped[float | None]  # only work that brings them nearer; private, gone with the session
    towards_lon: Mapped[float | None]


class HomewardUse(Base):
    """How often somebody has asked for work on their way home on a day of their market. Not where home is."""

    __tablename__ = "homeward_uses"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    uses: Mapped[int]


class Block(Base):
    """Two who are not put in touch, because one of them wished it. Only that one sees it."""

    __tablename__ = "blocks"
    __table_args__ = (Index(None, "blocked_id"),)

    blocker_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    blocked_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime]


class StationTurn(Base):
    """Somebody's place in the queue of a station: the moment they joined it. Where they are is not here.

    Only this moment is stored, so that a restart of the engine keeps the order (`domain.rules.stations`).
    """

    __tablename__ = "station_turns"
    __table_args__ = (Index(None, "market_id", "zone", "joined_at"),)

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    zone: Mapped[str]  # the slug of a zone of kind `queue`
    joined_at: Mapped[datetime]


class IdempotencyKey(Base):
    """The first answer given to a key; written in the same transaction as what it answers for."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("account_id", "operation", "key"), Index(None, "created_at"))

    id: Mapped[Id]
    account_id: Mapped[UUID]
    operation: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]
    created_at: Mapped[datetime]


class SentMessage(Base):
    """What the console sender sent, for `GET /v1/dev/outbox`. Written in development only, and trimmed."""

    __tablename__ = "sent_messages"
    __table_args__ = (Index(None, "to", "at"),)

    id: Mapped[Id]
    to: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    data: Mapped[Json]
    at: Mapped[datetime]
