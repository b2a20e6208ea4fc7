"""How often people ask for work on their way home: a count a day, never the place."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Date, cast, delete, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables import HomewardUse


async def use(db: AsyncSession, provider: UUID, timezone: str, now: datetime, most: int) -> bool:
    """Count one more use on the market's calendar day; False when there were `most` already. Two at once count two."""
    if most < 1:
        return False
    day = cast(func.timezone(timezone, now), Date)
    statement = (
        insert(HomewardUse)
        .values(provider_id=provider, day=day, uses=literal(1))
        .on_conflict_do_update(
            index_elements=["provider_id", "day"],
            set_={"uses": HomewardUse.uses + 1},
            where=HomewardUse.uses < most,
        )
        .returning(HomewardUse.uses)
    )
    return (await db.execute(statement)).scalar_one_or_none() is not None


async def forget_before(db: AsyncSession, before: datetime) -> None:
    """Forget the counts of days gone by."""
    await db.execute(delete(HomewardUse).where(HomewardUse.day < before.date()))
