"""Deleting what is over, a bounded number of rows at a time: a statement has ten seconds, a table may have millions."""

from sqlalchemy import ColumnElement, delete, func, inspect, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables.base import Base


async def forget(db: AsyncSession, kind: type[Base], over: ColumnElement[bool], most: int) -> int:
    """Delete at most `most` rows of a kind that are over; how many went. What somebody works with is left for later."""
    key = inspect(kind).primary_key
    picked = select(*key).where(over).limit(most).with_for_update(skip_locked=True)
    gone = delete(kind).where(tuple_(*key).in_(picked)).returning(*key).cte("gone")
    return (await db.execute(select(func.count()).select_from(gone))).scalar_one()
