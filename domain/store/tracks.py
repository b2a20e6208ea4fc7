"""The way driven on one engagement: kept only while it runs, then deleted, leaving a receipt."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Double, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables import Engagement, Erasure, TrackPoint
from geo.live import Fix


async def append(db: AsyncSession, engagement_id: UUID, market_id: str, fixes: Sequence[Fix]) -> None:
    """Keep the fixes of an engagement that were taken between setting off and the end; not one of another moment.

    Fixes are gathered for a second before they are kept: those of the last second come after the end, and
    belong to the way all the same, until it is erased. A fix of the same instant is kept once.
    """
    if not fixes:
        return
    moments = [datetime.fromtimestamp(fix.at, UTC) for fix in fixes]
    taken = select(
        func.unnest(bindparam("moments", moments, ARRAY(DateTime(timezone=True)))).label("at"),
        func.unnest(bindparam("lats", [fix.lat for fix in fixes], ARRAY(Double))).label("lat"),
        func.unnest(bindparam("lons", [fix.lon for fix in fixes], ARRAY(Double))).label("lon"),
    ).subquery()
    rows = (
        select(Engagement.id, taken.c.at, Engagement.market_id, taken.c.lat, taken.c.lon)
        .join(taken, taken.c.at >= Engagement.en_route_at)
        .where(
            Engagement.id == engagement_id,
            Engagement.market_id == market_id,
            Engagement.track_erased_at.is_(None),
            or_(Engagement.ended_at.is_(None), taken.c.at <= Engagement.ended_at),
        )
    )
    await db.execute(
        insert(TrackPoint)
        .from_select(["engagement_id", "at", "market_id", "lat", "lon"], rows)
        .on_conflict_do_nothing()
    )


async def points_of(db: AsyncSession, engagement_id: UUID) -> Sequence[TrackPoint]:
    """The track, in the order it was driven."""
    statement = select(TrackPoint).where(TrackPoint.engagement_id == engagement_id).order_by(TrackPoint.at)
    return (await db.execute(statement)).scalars().all()


async def erase(
    db: AsyncSession, erasure_id: UUID, engagement_id: UUID, market_id: str, now: datetime
) -> Erasure:
    """Delete a track and write what can be said of it afterwards: how many points, from when to when, a hash.

    The digest is SHA-256 over the lines `at,lat,lon` in order: someone who kept a copy can prove that it is the
    one that was deleted; nobody can draw the way from it.
    """
    gone = (
        await db.execute(
            delete(TrackPoint)
            .where(TrackPoint.engagement_id == engagement_id)
            .returning(TrackPoint.at, TrackPoint.lat, TrackPoint.lon)
        )
    ).all()
    points = sorted((at, lat, lon) for at, lat, lon in gone)
    lines = "\n".join(f"{at.astimezone(UTC).isoformat()},{lat!r},{lon!r}" for at, lat, lon in points)
    receipt = Erasure(
        id=erasure_id,
        market_id=market_id,
        engagement_id=engagement_id,
        kind="track",
        rows=len(points),
        first_at=points[0][0] if points else None,
        last_at=points[-1][0] if points else None,
        digest=hashlib.sha256(lines.encode()).hexdigest(),
        erased_at=now,
    )
    db.add(receipt)
    return receipt


async def receipts_of(db: AsyncSession, engagement_id: UUID) -> Sequence[Erasure]:
    """What has been deleted about an engagement, in order."""
    statement = select(Erasure).where(Erasure.engagement_id == engagement_id).order_by(Erasure.erased_at)
    return (await db.execute(statement)).scalars().all()
