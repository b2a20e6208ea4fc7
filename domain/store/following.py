"""What somebody who follows an engagement needs to know of it: its state, its stops, how its provider travels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT
from domain.store.asking import ask
from domain.store.prepared import among, one_of
from domain.store.requests import stops_of
from domain.store.tables import Engagement, Service
from geo.points import LatLng

_ACTIVE: Final = (
    select(Engagement, Service.spec)
    .join(Service, Service.id == Engagement.service_id)
    .where(among(Engagement.id, "engagements"), one_of(Engagement.state, ACTIVE_ENGAGEMENT))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class ActiveWork:
    """An engagement that is ahead or under way, with the places of its stops in order."""

    engagement_id: UUID
    market: str
    customer_id: UUID
    provider_id: UUID
    state: str
    spec: dict[str, Any]
    places: Sequence[LatLng]


async def active(db: AsyncSession, engagements: Collection[UUID]) -> dict[UUID, ActiveWork]:
    """Those of the engagements that are not over."""
    if not engagements:
        return {}
    rows = (await ask(db, _ACTIVE, {"engagements": list(engagements)})).all()
    stops = await stops_of(db, {row.request_id for row, _ in rows})
    return {
        row.id: ActiveWork(
            engagement_id=row.id,
            market=row.market_id,
            customer_id=row.customer_id,
            provider_id=row.provider_id,
            state=row.state,
            spec=spec,
            places=[LatLng(stop.lat, stop.lon) for stop in stops.get(row.request_id, [])],
        )
        for row, spec in rows
    }
