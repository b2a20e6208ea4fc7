"""What does not go as it should, read off the tables: each query is bounded and uses an index."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from domain.rules.states import ACTIVE_ENGAGEMENT, Allocator, EngagementState, PaymentState, RequestState
from domain.store.tables import Action, Engagement, Payment, Request, Timer

Markets = Collection[str] | None
"""The markets looked at; None: all."""

_ACTIVE = sorted(state.value for state in ACTIVE_ENGAGEMENT)


async def requests_waiting(
    db: AsyncSession, since: datetime, limit: int, markets: Markets = None
) -> Sequence[Request]:
    """Dispatch requests that have been open and due since before `since`, longest first."""
    statement = (
        select(Request)
        .where(
            Request.state == RequestState.OPEN,
            Request.allocator == Allocator.DISPATCH,
            Request.due_at <= since,
            _in(markets, Request.market_id),
        )
        .order_by(Request.due_at, Request.id)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def running(db: AsyncSession, limit: int, markets: Markets = None) -> Sequence[Engagement]:
    """Engagements that are ahead or under way, oldest first."""
    active = Engagement.state.in_(_ACTIVE) & _in(markets, Engagement.market_id)
    statement = select(Engagement).where(active).order_by(Engagement.id).limit(limit)
    return (await db.execute(statement)).scalars().all()


async def disputes(db: AsyncSession, limit: int, markets: Markets = None) -> Sequence[Engagement]:
    """Disputes no human has resolved yet, oldest first."""
    answered = exists().where(Action.engagement_id == Engagement.id, Action.verb == "refund")
    statement = (
        select(Engagement)
        .where(Engagement.state == EngagementState.DISPUTED, ~answered, _in(markets, Engagement.market_id))
        .order_by(Engagement.id)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def payments_failing(
    db: AsyncSession, since: datetime, limit: int, markets: Markets = None
) -> Sequence[Payment]:
    """Payments that failed and were not paid again, or that have not gone where the engine wants them since
    before `since`, while somebody still waits for them."""
    later = aliased(Payment)
    paid_again = exists().where(
        later.request_id == Payment.request_id, later.kind == Payment.kind, later.id > Payment.id
    )
    waited_for = exists().where(
        Request.id == Payment.request_id, Request.state.in_([RequestState.OPEN, RequestState.MATCHED])
    )
    failed = (Payment.state == PaymentState.FAILED) & waited_for & ~paid_again
    unmoved = (Payment.state == PaymentState.PENDING) | (
        (Payment.state == PaymentState.AUTHORISED) & Payment.want.in_(["capture", "release"])
    )
    stuck = unmoved & (Payment.updated_at <= since)
    refund = (Payment.state == PaymentState.CAPTURED) & (Payment.want == "refund")
    statement = (
        select(Payment)
        .where(failed | stuck | (refund & (Payment.updated_at <= since)), _in(markets, Payment.market_id))
        .order_by(Payment.updated_at, Payment.id)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def timers_failing(db: AsyncSession, attempts: int, limit: int) -> Sequence[Timer]:
    """Timers that were tried at least `attempts` times."""
    statement = (
        select(Timer).where(Timer.attempts >= attempts).order_by(Timer.attempts.desc(), Timer.id).limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


def _in(markets: Markets, market_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return true() if markets is None else market_id.in_(sorted(markets))
