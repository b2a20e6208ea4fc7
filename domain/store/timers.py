"""Durable timers: rows claimed with SKIP LOCKED when they are due. A late timer delays a message, never a winner."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables import Timer


class TimerKind(StrEnum):
    """What there is to do when a timer is due; `ref` is the row it is about."""

    OFFER_EXPIRES = "offer_expires"  # offer
    REQUEST_EXPIRES = "request_expires"  # request
    MONEY = "money"  # payment: make the PSP do what the engine wants
    AUTO_CONFIRM = "auto_confirm"  # engagement: the customer said nothing for long enough
    REVIEWS_PUBLISH = "reviews_publish"  # engagement: the window has ended
    TRACK_ERASE = "track_erase"  # engagement: the kept time is over
    PLACES_FADE = "places_fade"  # request: work or an offer of it is over, so are its exact places
    ENGAGEMENT_REMIND = "engagement_remind"  # engagement: a scheduled start is near


async def schedule(db: AsyncSession, timer_id: UUID, kind: TimerKind, ref: UUID, due_at: datetime) -> None:
    """Have `kind` done for `ref` at `due_at` (or as soon after as somebody is there to do it)."""
    await db.execute(insert(Timer).values(id=timer_id, kind=kind.value, ref=ref, due_at=due_at, attempts=0))


async def forget(db: AsyncSession, kind: TimerKind, ref: UUID) -> None:
    """The matter is settled: its timer need not ring.

    One that is ringing just now is left to whoever works on it: waiting for it, with the rows it is about
    locked here, would dead-lock. Its use case finds the matter settled.
    """
    silent = (
        select(Timer.id)
        .where(Timer.kind == kind.value, Timer.ref == ref)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    await db.execute(delete(Timer).where(Timer.id.in_(silent)).execution_options(synchronize_session=False))


async def claim_due(db: AsyncSession, now: datetime, limit: int) -> Sequence[Timer]:
    """Lock due timers for this transaction, oldest first, skipping those somebody else works on."""
    statement = (
        select(Timer)
        .where(Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await db.execute(statement)).scalars().all()


async def done(db: AsyncSession, timer: Timer) -> None:
    """The timer has been acted on in this transaction."""
    await db.execute(delete(Timer).where(Timer.id == timer.id))


def postpone(timer: Timer, now: datetime, error: str) -> None:
    """Try again later: 1, 2, 4 … seconds, at most five minutes apart."""
    timer.attempts += 1
    timer.last_error = error[:500]
    timer.due_at = now + timedelta(seconds=min(2 ** (timer.attempts - 1), 300))


async def next_due(db: AsyncSession) -> datetime | None:
    """When the next timer rings, if any."""
    return (await db.execute(select(func.min(Timer.due_at)))).scalar_one_or_none()
