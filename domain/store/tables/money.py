"""Payments and the double-entry ledger. Whole cents; every ledger transaction sums to zero, checked in SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from domain.rules.states import PaymentState
from domain.store.tables.base import Base, Id, one_of


class Payment(Base):
    """One amount asked of a customer: the price, a tip, a cancellation fee is a partial capture of the price.

    `want` is what the engine has decided should become of it; the money worker makes the PSP do so.
    """

    __tablename__ = "payments"
    __table_args__ = (
        one_of("state", PaymentState),
        CheckConstraint("kind IN ('price', 'tip')", name="kind_known"),
        CheckConstraint("want IN ('hold', 'capture', 'release', 'refund')", name="want_known"),
        CheckConstraint("amount_cents > 0", name="amount_positive"),
        CheckConstraint("captured_cents BETWEEN 0 AND amount_cents", name="captured_within"),
        CheckConstraint("refunded_cents BETWEEN 0 AND captured_cents", name="refunded_within"),
        Index("ix_payments_request", "request_id"),
        Index("ix_payments_engagement", "engagement_id"),
        Index("ix_payments_customer", "customer_id", "id"),
    )

    id: Mapped[Id]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id"))
    engagement_id: Mapped[UUID | None] = mapped_column(ForeignKey("engagements.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    provider_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str]
    state: Mapped[str]
    want: Mapped[str]
    method: Mapped[str]
    amount_cents: Mapped[int]
    captured_cents: Mapped[int] = mapped_column(server_default="0")
    refunded_cents: Mapped[int] = mapped_column(server_default="0")
    want_cents: Mapped[int] = mapped_column(server_default="0")  # how much to capture or refund
    want_fee_cents: Mapped[int] = mapped_column(server_default="0")  # the platform's part of it
    currency: Mapped[str]
    psp_ref: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class LedgerEntry(Base):
    """One leg of a transaction. Positive: owed to the account named; negative: taken from it.

    A deferred constraint trigger (migration 0001) refuses a commit in which a `txn_id` does not sum to zero.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index("ix_ledger_entries_txn", "txn_id"),
        Index("ix_ledger_entries_account", "account", "at"),
        Index("ix_ledger_entries_engagement", "engagement_id"),
    )

    id: Mapped[Id]
    txn_id: Mapped[UUID]
    market_id: Mapped[str] = mapped_column(ForeignKey("markets.id"))
    account: Mapped[str]  # psp | platform:commission | provider:<id> | customer:<id>
    amount_cents: Mapped[int]
    currency: Mapped[str]
    kind: Mapped[str]  # capture | fee | tip | refund | cancellation
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    engagement_id: Mapped[UUID | None] = mapped_column(ForeignKey("engagements.id"))
    at: Mapped[datetime]
