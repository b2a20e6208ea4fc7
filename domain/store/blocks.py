"""Queries on blocked pairs: two who are not put in touch, whichever of them wished it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.prepared import named
from domain.store.tables import Block, Engagement, Offer


async def put(db: AsyncSession, blocker: UUID, blocked: UUID, now: datetime) -> None:
    """Block; doing it twice changes nothing."""
    row = insert(Block).values(blocker_id=blocker, blocked_id=blocked, created_at=now)
    await db.execute(row.on_conflict_do_nothing())


async def drop(db: AsyncSession, blocker: UUID, blocked: UUID) -> None:
    """Take a block back; nothing if there is none."""
    await db.execute(delete(Block).where(Block.blocker_id == blocker, Block.blocked_id == blocked))


async def of(db: AsyncSession, blocker: UUID, limit: int) -> Sequence[Block]:
    """Whom somebody has blocked, newest first."""
    statement = select(Block).where(Block.blocker_id == blocker)
    newest = statement.order_by(Block.created_at.desc(), Block.blocked_id).limit(limit)
    return (await db.execute(newest)).scalars().all()


async def have_met(db: AsyncSession, one: UUID, other: UUID) -> bool:
    """Whether an offer or work has ever joined two accounts."""

    def joins(table: type[Engagement] | type[Offer]) -> object:
        return exists().where(
            or_(
                (table.customer_id == one) & (table.provider_id == other),
                (table.customer_id == other) & (table.provider_id == one),
            )
        )

    return bool((await db.execute(select(or_(joins(Engagement), joins(Offer))))).scalar_one())  # type: ignore[arg-type]  # SQL


_AROUND: Final = select(Block.blocker_id, Block.blocked_id).where(
    or_(named(Block.blocker_id, "people"), named(Block.blocked_id, "people"))
)


async def around(db: AsyncSession, people: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """With whom each of these is not put in touch."""
    if not people:
        return {}
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for blocker, blocked in await ask(db, _AROUND, {"people": list(people)}):
        found[blocker].add(blocked)
        found[blocked].add(blocker)
    return {who: frozenset(found[who]) for who in people if who in found}
