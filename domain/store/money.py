"""Payments and ledger entries: conditional moves of the one, append-only rows of the other, sums in SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.ledger import COMMISSION, Leg
from domain.rules.states import PaymentState
from domain.store.asking import ask, row_of
from domain.store.prepared import About, among, change, one_of
from domain.store.tables import LedgerEntry, Payment

_LIVE = (PaymentState.PENDING, PaymentState.AUTHORISED, PaymentState.CAPTURED)


_PRICE: Final = (
    select(Payment)
    .where(Payment.request_id == bindparam("request"), Payment.kind == "price")
    .order_by(Payment.created_at.desc(), Payment.id.desc())
    .limit(1)
    .execution_options(populate_existing=True)
)


async def price_of_request(db: AsyncSession, request_id: UUID) -> Payment | None:
    """The newest payment of a request's price, whatever became of it."""
    return (await ask(db, _PRICE, {"request": request_id})).scalar_one_or_none()


_PRICES: Final = (
    select(Payment)
    .where(among(Payment.request_id, "requests"), Payment.kind == "price")
    .order_by(Payment.created_at, Payment.id)
)


async def prices_of(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, Payment]:
    """The newest payment of each request's price, whatever became of it."""
    rows = await ask(db, _PRICES, {"requests": list(set(requests))})
    return {payment.request_id: payment for payment in rows.scalars()}


def _of_engagements(which: ColumnElement[bool]) -> Select[Payment]:
    found = select(Payment).where(which).order_by(Payment.created_at, Payment.id)
    return found.execution_options(populate_existing=True)


_OF_ENGAGEMENTS: Final = About(Payment.engagement_id, _of_engagements)


async def of_engagements(db: AsyncSession, engagement_ids: Iterable[UUID]) -> Sequence[Payment]:
    """Every payment of these engagements, oldest first."""
    return (await _OF_ENGAGEMENTS.ask(db, engagement_ids)).scalars().all()


async def tip_of(db: AsyncSession, engagement_id: UUID) -> Payment | None:
    """The tip already given, unless it failed."""
    statement = select(Payment).where(
        Payment.engagement_id == engagement_id, Payment.kind == "tip", Payment.state.in_(_LIVE)
    )
    return (await db.execute(statement.limit(1))).scalar_one_or_none()


async def of_customer(
    db: AsyncSession, customer_id: UUID, *, before: UUID | None, limit: int
) -> Sequence[Payment]:
    """A customer's payments, newest first (ids sort by time), below `before`."""
    statement = select(Payment).where(Payment.customer_id == customer_id)
    if before is not None:
        statement = statement.where(Payment.id < before)
    return (await db.execute(statement.order_by(Payment.id.desc()).limit(limit))).scalars().all()


async def by_ref(db: AsyncSession, psp_ref: str) -> Payment | None:
    """The payment that the payment service knows by this reference."""
    statement = select(Payment).where(Payment.psp_ref == psp_ref).limit(1)
    return (await db.execute(statement)).scalar_one_or_none()


async def fresh(db: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment as it stands in the database, not as this session remembers it."""
    return await row_of(db, Payment, payment_id)


_SEEN: Final = ("id", "state", "want", "want_cents", "refunded_cents")
_AS_SEEN: Final = tuple(getattr(Payment, name) == bindparam(f"seen_{name}") for name in _SEEN)


async def move(db: AsyncSession, seen: Payment, now: datetime, **values: Any) -> Payment | None:
    """Change a payment that still is as it was seen: its state, what is wanted of it, what it has moved.

    `None` when somebody else moved it first.
    """
    given = {f"seen_{name}": getattr(seen, name) for name in _SEEN}
    rows = await change(db, Payment, _AS_SEEN, given, {**values, "updated_at": now})
    return rows[0] if rows else None


_ATTACH: Final = (
    update(Payment)
    .where(
        Payment.request_id == bindparam("request"),
        Payment.kind == "price",
        one_of(Payment.state, _LIVE),
        Payment.want == "hold",
    )
    .values(
        engagement_id=bindparam("engagement"), provider_id=bindparam("provider"), updated_at=bindparam("now")
    )
    .execution_options(synchronize_session=False)
)


async def attach(
    db: AsyncSession, request_id: UUID, *, engagement_id: UUID, provider_id: UUID, now: datetime
) -> None:
    """Tell the payment held for a request which engagement, and which provider, it is for.

    One that is on its way out (of an earlier engagement, or replaced by another means) stays as it was.
    """
    given = {"request": request_id, "engagement": engagement_id, "provider": provider_id, "now": now}
    await ask(db, _ATTACH, given)


# The ledger


async def write(
    db: AsyncSession,
    legs: Iterable[Leg],
    *,
    txn_id: UUID,
    ids: Iterable[UUID],
    kind: str,
    payment: Payment,
    at: datetime,
) -> None:
    """Append one transaction. The commit fails unless its legs sum to zero (trigger of migration 0001)."""
    rows = [
        {
            "id": entry_id,
            "txn_id": txn_id,
            "market_id": payment.market_id,
            "account": leg.account,
            "amount_cents": leg.cents,
            "currency": payment.currency,
            "kind": kind,
            "payment_id": payment.id,
            "engagement_id": payment.engagement_id,
            "at": at,
        }
        for leg, entry_id in zip(legs, ids, strict=False)
    ]
    await db.execute(insert(LedgerEntry), rows)


async def fee_taken(db: AsyncSession, payment_id: UUID) -> int:
    """What the platform took when the payment was captured, refunds left aside. Cents."""
    statement = select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0)).where(
        LedgerEntry.payment_id == payment_id, LedgerEntry.account == COMMISSION, LedgerEntry.kind != "refund"
    )
    return int((await db.execute(statement)).scalar_one())


async def entries_of(db: AsyncSession, engagement_id: UUID) -> Sequence[LedgerEntry]:
    """Every leg about an engagement, in order."""
    statement = (
        select(LedgerEntry)
        .where(LedgerEntry.engagement_id == engagement_id)
        .order_by(LedgerEntry.at, LedgerEntry.txn_id, LedgerEntry.id)
    )
    return (await db.execute(statement)).scalars().all()


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Three numbers that say whether money leaked: the last two are zero, always."""

    transactions: int
    nonzero: int
    total: int


async def check(db: AsyncSession) -> LedgerCheck:
    """Add the whole ledger up in SQL: by transaction and currency, and in all."""
    per_txn = (
        select(LedgerEntry.txn_id, func.sum(LedgerEntry.amount_cents).label("sum"))
        .group_by(LedgerEntry.txn_id, LedgerEntry.currency)
        .subquery()
    )
    statement = select(
        func.count(per_txn.c.txn_id.distinct()),
        func.count().filter(per_txn.c.sum != 0),
        func.coalesce(func.sum(per_txn.c.sum), 0),
    )
    transactions, nonzero, total = (await db.execute(statement)).one()
    return LedgerCheck(int(transactions), int(nonzero), int(total))
