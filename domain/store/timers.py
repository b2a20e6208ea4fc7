"""Durable timers: rows claimed with SKIP LOCKED when they are due. A late timer delays a message, never a winner."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Delete, Text, Uuid, bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.prepared import columns, rows_into, table_of
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


class Due(NamedTuple):
    """Have `kind` done for `ref` at `at` (or as soon after as somebody is there to do it)."""

    timer_id: UUID
    kind: TimerKind
    ref: UUID
    at: datetime


_COLUMNS: Final = ("id", "kind", "ref", "due_at")
_SCHEDULE: Final = rows_into(table_of(Timer), _COLUMNS)


async def schedule(db: AsyncSession, due: Sequence[Due]) -> None:
    """Set timers. One statement, none for none."""
    if due:
        await ask(db, _SCHEDULE, columns(_COLUMNS, [dict(zip(_COLUMNS, one, strict=True)) for one in due]))


def _forget() -> Delete:
    settled = select(
        func.unnest(bindparam("kinds", type_=ARRAY(Text))).label("kind"),
        func.unnest(bindparam("refs", type_=ARRAY(Uuid))).label("ref"),
    ).subquery()
    silent = (
        select(Timer.id)
        .join(settled, (settled.c.kind == Timer.kind) & (settled.c.ref == Timer.ref))
        .with_for_update(of=Timer, skip_locked=True)
        .scalar_subquery()
    )
    table = table_of(Timer)
    return delete(table).where(table.c.id.in_(silent))


_FORGET: Final = _forget()


async def forget(db: AsyncSession, settled: Sequence[tuple[TimerKind, UUID]]) -> None:
    """These matters, `(kind, ref)`, are settled: their timers need not ring. One statement, none for none.

    One that is ringing just now is left to whoever works on it: waiting for it, with the rows it is about
    locked here, would dead-lock. Its use case finds the matter settled.
    """
    if settled:
        given = {"kinds": [kind.value for kind, _ in settled], "refs": [ref for _, ref in settled]}
        await ask(db, _FORGET, given)


_CLAIM: Final = (
    select(Timer)
    .where(Timer.due_at <= bindparam("now"))
    .order_by(Timer.due_at, Timer.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


async def claim_due(db: AsyncSession, now: datetime, limit: int) -> Sequence[Timer]:
    """Lock due timers for this transaction, oldest first, skipping those somebody else works on."""
    return (await ask(db, _CLAIM, {"now": now, "most": limit})).scalars().all()


async def done(db: AsyncSession, timer: Timer) -> None:
    """The timer has been acted on in this transaction."""
    await db.execute(delete(Timer).where(Timer.id == timer.id))


def postpone(timer: Timer, now: datetime, error: str) -> None:
    """Try again later: 1, 2, 4 … seconds, at most five minutes apart."""
    timer.attempts += 1
    timer.last_error = error[:500]
    timer.due_at = now + timedelta(seconds=min(2 ** (timer.attempts - 1), 300))


_NEXT: Final = select(func.min(Timer.due_at))


async def next_due(db: AsyncSession) -> datetime | None:
    """When the next timer rings, if any."""
    return (await ask(db, _NEXT)).scalar_one_or_none()
