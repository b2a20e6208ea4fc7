"""Queries on blocked pairs: two who are not put in touch, whichever of them wished it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Uuid, delete, exists, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables import Block, DutySession, Engagement, Offer


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


async def around(db: AsyncSession, account: UUID) -> frozenset[UUID]:
    """With whom somebody is not put in touch."""
    return (await _among(db, select(literal(account, Uuid)))).get(account, frozenset())


async def around_on_duty(db: AsyncSession, market: str) -> Mapping[UUID, frozenset[UUID]]:
    """The same of each who is on duty in a market, and of those whom they or who blocked them. Named by a query: a
    list of five thousand costs more to spell than to answer."""
    on_duty = select(DutySession.account_id).where(
        DutySession.market_id == market, DutySession.off_at.is_(None)
    )
    return await _among(db, on_duty)


async def _among(db: AsyncSession, people: Select[UUID]) -> Mapping[UUID, frozenset[UUID]]:
    pairs = select(Block.blocker_id, Block.blocked_id).where(
        or_(Block.blocker_id.in_(people), Block.blocked_id.in_(people))
    )
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for blocker, blocked in await db.execute(pairs):
        found[blocker].add(blocked)
        found[blocked].add(blocker)
    return {who: frozenset(others) for who, others in found.items()}
