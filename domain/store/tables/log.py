"""What happened and what must still happen: numbered events, rounds and decisions, timers, pushes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.store.tables.base import Base, Id, Json


class Stream(Base):
    """The last number of an account's stream. Updating this row in the transaction of the change makes the
    numbers gapless and in commit order (a bare sequence is neither)."""

    __tablename__ = "streams"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    kept_from: Mapped[int] = mapped_column(BigInteger, server_default="1")  # the oldest number still stored


class EventRow(Base):
    """One numbered event. `sent` is claimed by a relay; the row stays as the log that clients resume from."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_unsent", "at", postgresql_where=text("NOT sent")), Index(None, "at"))

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str]
    data: Mapped[Json]
    at: Mapped[datetime]
    not_after: Mapped[datetime | None]
    sent: Mapped[bool] = mapped_column(server_default=text("false"))


class Round(Base):
    """One run of the matcher over a market's snapshot: the frozen problem and its result, to replay."""

    __tablename__ = "rounds"
    __table_args__ = (Index(None, "market_id", "at"),)

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    at: Mapped[datetime]
    policy_version: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    travel_source: Mapped[str]
    problem: Mapped[Json]
    result: Mapped[Json]
    objective: Mapped[float]
    solve_ms: Mapped[float]
    measures: Mapped[Json | None]  # requests, idle, candidates, window_s, fairness


class Decision(Base):
    """What one round decided about one request and one provider, and why."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index(None, "request_id", "provider_id"),
        Index("ix_decisions_offer", "offer_id"),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id", ondelete="CASCADE"), index=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"))
    provider_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id")
    )  # None: about the request itself
    offer_id: Mapped[UUID | None]
    outcome: Mapped[str]  # offered | passed | unserved
    reason: Mapped[str]
    rank: Mapped[int | None]
    eta_s: Mapped[float | None]
    meters: Mapped[float | None]
    terms: Mapped[Json]
    at: Mapped[datetime]


class Timer(Base):
    """Something due. Claimed with SKIP LOCKED where `due_at <= now`: a scheduler that slept loses nothing."""

    __tablename__ = "timers"
    __table_args__ = (Index(None, "due_at"), Index("ix_timers_ref", "ref"))

    id: Mapped[Id]
    kind: Mapped[str]
    ref: Mapped[UUID]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None] = mapped_column(Text)


class PushRow(Base):
    """A numbered event on its way to one device. The socket goes first: a push the app acknowledged is dropped."""

    __tablename__ = "pushes"
    __table_args__ = (
        UniqueConstraint("account_id", "device_id", "seq"),
        Index("ix_pushes_due", "next_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_pushes_alert", "next_at", postgresql_where=text("state = 'alert'")),
        Index("ix_pushes_waiting", "account_id", "topic", postgresql_where=text("state = 'waiting'")),
        Index(None, "not_after"),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    device_id: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    topic: Mapped[str]  # what it is about; the next push about the same replaces one that still waits
    data: Mapped[Json]  # ids, and what its words depend on
    not_after: Mapped[datetime]
    next_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(
        server_default="waiting"
    )  # waiting | sent | acked | replaced | late | refused | alert
    detail: Mapped[str | None]
