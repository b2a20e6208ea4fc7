"""Where people go anyway, and how often they ask for work on their way home: a count a day, never the place."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Date, cast, func, literal, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT
from domain.store.forgetting import forget
from domain.store.tables import DutySession, Engagement, HomewardUse, Stop
from geo.points import LatLng


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


async def forget_before(db: AsyncSession, before: datetime, most: int) -> int:
    """Forget the counts of days gone by. How many went."""
    return await forget(db, HomewardUse, HomewardUse.day < before.date(), most)


async def bound_for(db: AsyncSession, provider: UUID) -> LatLng | None:
    """Where somebody on duty goes anyway: the way home they asked for, else where the work they are at ends."""
    end = (
        select(Stop.lat, Stop.lon)
        .join(Engagement, Engagement.request_id == Stop.request_id)
        .where(
            Engagement.provider_id == DutySession.account_id,
            Engagement.exclusive,
            Engagement.state.in_(sorted(ACTIVE_ENGAGEMENT)),
        )
        .order_by(Stop.seq.desc())
        .limit(1)
        .lateral()
    )
    statement = (
        select(
            func.coalesce(DutySession.towards_lat, end.c.lat),
            func.coalesce(DutySession.towards_lon, end.c.lon),
        )
        .outerjoin(end, true())
        .where(DutySession.account_id == provider, DutySession.off_at.is_(None))
    )
    row = (await db.execute(statement)).first()
    return None if row is None or row[0] is None else LatLng(row[0], row[1])
