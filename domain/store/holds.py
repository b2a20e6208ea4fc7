"""Claims on a person's agenda. Two that overlap cannot be held: the exclusion rule says so, whoever asks."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.prepared import row_into, table_of
from domain.store.tables import Hold, agenda_span

HELD, RELEASED = "held", "released"

_HOLDS: Final = table_of(Hold)
_TAKE: Final = (
    row_into(_HOLDS, "id", "market_id", "resource_id", "span", "state", "engagement_id")
    .on_conflict_do_nothing()
    .returning(_HOLDS.c.id)
)


async def take(
    db: AsyncSession,
    hold_id: UUID,
    *,
    market_id: str,
    provider_id: UUID,
    engagement_id: UUID,
    span: tuple[datetime, datetime],
) -> bool:
    """Claim `[from, to)` of a provider's agenda; False when something already stands there.

    `ON CONFLICT DO NOTHING`, because plain inserts dead-lock on an exclusion rule under races
    (notes/realtime.md 4: 75 of 4,800).
    """
    row = {
        "id": hold_id,
        "market_id": market_id,
        "resource_id": provider_id,
        "span": agenda_span(*span),
        "state": HELD,
        "engagement_id": engagement_id,
    }
    return (await ask(db, _TAKE, row)).scalar_one_or_none() is not None


async def end_by(db: AsyncSession, engagement_id: UUID, at: datetime) -> None:
    """Let what an engagement claims of an agenda end at `at` where it reaches further: other work begins then."""
    began = func.least(func.lower(Hold.span), at)
    await db.execute(
        update(Hold)
        .where(Hold.engagement_id == engagement_id, Hold.state == HELD, func.upper(Hold.span) > at)
        .values(span=func.tstzrange(began, at, "[)"))
        .execution_options(synchronize_session=False)
    )


_RELEASE: Final = (
    update(Hold)
    .where(Hold.engagement_id == bindparam("engagement"), Hold.state == HELD)
    .values(state=RELEASED)
    .execution_options(synchronize_session=False)
)


async def release(db: AsyncSession, engagement_id: UUID) -> None:
    """Give the agenda back what an engagement had claimed."""
    await ask(db, _RELEASE, {"engagement": engagement_id})


async def is_free(db: AsyncSession, provider_id: UUID, span: tuple[datetime, datetime]) -> bool:
    """Whether nothing stands in `[from, to)` now; only `take` makes sure."""
    statement = select(Hold.id).where(
        Hold.resource_id == provider_id, Hold.state == HELD, Hold.span.op("&&")(agenda_span(*span))
    )
    return (await db.execute(statement.limit(1))).scalar_one_or_none() is None
