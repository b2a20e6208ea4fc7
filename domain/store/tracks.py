"""The way driven on one engagement: kept only while it runs, then deleted, leaving a receipt."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Double, Text, Uuid, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.prepared import table_of
from domain.store.tables import Engagement, Erasure, TrackPoint
from geo.live import Fix


def _append() -> Insert:
    taken = select(
        func.unnest(bindparam("engagements", type_=ARRAY(Uuid))).label("engagement_id"),
        func.unnest(bindparam("markets", type_=ARRAY(Text))).label("market_id"),
        func.unnest(bindparam("moments", type_=ARRAY(DateTime(timezone=True)))).label("at"),
        func.unnest(bindparam("lats", type_=ARRAY(Double))).label("lat"),
        func.unnest(bindparam("lons", type_=ARRAY(Double))).label("lon"),
    ).subquery()
    rows = (
        select(Engagement.id, taken.c.at, Engagement.market_id, taken.c.lat, taken.c.lon)
        .join(
            taken,
            (taken.c.engagement_id == Engagement.id)
            & (taken.c.market_id == Engagement.market_id)
            & (taken.c.at >= Engagement.en_route_at),
        )
        .where(
            Engagement.track_erased_at.is_(None),
            or_(Engagement.ended_at.is_(None), taken.c.at <= Engagement.ended_at),
        )
        .order_by(Engagement.id, taken.c.at)
    )
    columns = ["engagement_id", "at", "market_id", "lat", "lon"]
    return insert(table_of(TrackPoint)).from_select(columns, rows).on_conflict_do_nothing()


_APPEND: Final = _append()


async def append(db: AsyncSession, fixes: Mapping[tuple[UUID, str], Sequence[Fix]]) -> None:
    """Keep the fixes of engagements, by `(engagement, market)`, that were taken between setting off and the end; not
    one of another moment. One statement, whatever the number.

    Fixes are gathered for a second before they are kept: those of the last second come after the end, and
    belong to the way all the same, until it is erased. A fix of the same instant is kept once.
    """
    taken = [(whose, fix) for whose, several in fixes.items() for fix in several]
    if not taken:
        return
    given = {
        "engagements": [engagement for (engagement, _), _ in taken],
        "markets": [market for (_, market), _ in taken],
        "moments": [datetime.fromtimestamp(fix.at, UTC) for _, fix in taken],
        "lats": [fix.lat for _, fix in taken],
        "lons": [fix.lon for _, fix in taken],
    }
    await ask(db, _APPEND, given)


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
