"""Finished approaches, for the calibration of travel times: an engagement's own clocks and what was promised."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import EngagementState
from domain.store.asking import ask
from domain.store.tables import Engagement, Market, Stop
from geo.calibration import Approach
from geo.cells import from_hex
from geo.points import LatLng


async def approaches(db: AsyncSession, market_id: str, since: datetime, limit: int) -> Sequence[Approach]:
    """The newest approaches of completed work that set off at once. Who made them is not read."""
    began = func.coalesce(Engagement.promoted_at, Engagement.confirmed_at)
    statement = (
        select(Engagement.promise, began, Engagement.arrived_at)
        .where(
            Engagement.market_id == market_id,
            Engagement.state == EngagementState.COMPLETED,
            Engagement.promise.is_not(None),
            Engagement.arrived_at.is_not(None),
            Engagement.confirmed_at >= since,
        )
        .order_by(Engagement.confirmed_at.desc(), Engagement.id)
        .limit(limit)
    )
    return [
        Approach(
            cell=from_hex(promise["cell"]),
            hour=promise["hour"],
            streets_s=promise["streets_s"],
            promised_p50_s=promise["p50_s"],
            promised_p90_s=promise["p90_s"],
            took_s=(arrived_at - began_at).total_seconds(),
        )
        for promise, began_at, arrived_at in await db.execute(statement)
        if promise is not None and arrived_at is not None  # as asked above; for the type checker
    ]


_PICKUP: Final = (
    select(Stop.lat, Stop.lon, Market.timezone)
    .join(Market, Market.id == Stop.market_id)
    .where(Stop.request_id == bindparam("request"), Stop.seq == 0)
)


async def pickup_of(db: AsyncSession, request_id: UUID) -> tuple[LatLng, str]:
    """Where a request begins, and the time zone there."""
    lat, lon, timezone = (await ask(db, _PICKUP, {"request": request_id})).one()
    return LatLng(lat, lon), timezone


async def timezone_of(db: AsyncSession, market_id: str) -> str | None:
    """The market's time zone; None when there is no such market."""
    return (await db.execute(select(Market.timezone).where(Market.id == market_id))).scalar_one_or_none()
