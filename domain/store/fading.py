"""Stored events about one request, to be faded when what they tell of is over. Their numbers stay as they are."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.fading import places_in
from domain.store.tables import Engagement, Erasure, EventRow, Offer

PLACES = "places"  # the kind of an erasure's receipt


async def offers_of(db: AsyncSession, request_id: UUID) -> Sequence[Offer]:
    """Every offer of a request."""
    return (await db.execute(select(Offer).where(Offer.request_id == request_id))).scalars().all()


async def engagements_of(db: AsyncSession, request_id: UUID) -> Sequence[Engagement]:
    """Every engagement of a request, oldest first."""
    statement = select(Engagement).where(Engagement.request_id == request_id).order_by(Engagement.id)
    return (await db.execute(statement)).scalars().all()


async def events_about(
    db: AsyncSession, request_id: UUID, accounts: Collection[UUID], since: datetime
) -> Sequence[EventRow]:
    """What these accounts were told of a request since it was made, locked, in one order for everybody."""
    statement = (
        select(EventRow)
        .where(
            EventRow.account_id.in_(accounts),
            EventRow.at >= since,
            EventRow.data["request_id"].astext == str(request_id),
        )
        .order_by(EventRow.account_id, EventRow.seq)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await db.execute(statement)).scalars().all()


async def rewrite(db: AsyncSession, row: EventRow, data: dict[str, Any]) -> None:
    """Replace what an event says; its number, type and moment stay."""
    statement = update(EventRow).where(EventRow.account_id == row.account_id, EventRow.seq == row.seq)
    await db.execute(statement.values(data=data).execution_options(synchronize_session=False))


async def faded_before(db: AsyncSession, engagements: Collection[UUID]) -> set[UUID]:
    """Those of the engagements that have their receipt."""
    statement = select(Erasure.engagement_id).where(
        Erasure.engagement_id.in_(engagements), Erasure.kind == PLACES
    )
    return {found for found in (await db.execute(statement)).scalars() if found is not None}


def receipt(erasure_id: UUID, engagement: Engagement, changed: Iterable[EventRow], now: datetime) -> Erasure:
    """What can be said of places that are gone: how many events held them, from when to when, a hash.

    The digest is SHA-256 over the lines `at,lat,lon` in order of account and number, as of a track.
    """
    rows = list(changed)
    moments = [row.at for row in rows]
    lines = "\n".join(
        f"{row.at.astimezone(UTC).isoformat()},{lat!r},{lon!r}"
        for row in rows
        for lat, lon in places_in(row.data)
    )
    return Erasure(
        id=erasure_id,
        market_id=engagement.market_id,
        engagement_id=engagement.id,
        kind=PLACES,
        rows=len(rows),
        first_at=min(moments, default=None),
        last_at=max(moments, default=None),
        digest=hashlib.sha256(lines.encode()).hexdigest(),
        erased_at=now,
    )
