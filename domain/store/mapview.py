"""What the ops map of one market shows, in one bundle of queries. Places are not here: they live in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, OfferOrigin, OfferState, RequestState
from domain.store.requests import stops_of
from domain.store.tables import Account, DutySession, Engagement, Market, Offer, Request, Service
from geo.points import LatLng

_ACTIVE = sorted(state.value for state in ACTIVE_ENGAGEMENT)


@dataclass(frozen=True, slots=True)
class OnDutyRow:
    """A provider on duty. `offered`: an offer of the engine awaits their answer."""

    id: UUID
    name: str
    services: Sequence[str]
    offered: bool


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request that is open, or matched and not yet being done, at its first stop."""

    id: UUID
    state: str
    service: str
    since: datetime  # it is looked for: later than it was made where it is for later, or is open again
    place: LatLng


@dataclass(frozen=True, slots=True)
class EngagementRow:
    """Work ahead or under way, with the places of its stops in order."""

    id: UUID
    state: str
    service: str
    provider_id: UUID
    request_id: UUID
    exclusive: bool
    start_at: datetime | None
    places: Sequence[LatLng]


@dataclass(frozen=True, slots=True)
class Figures:
    """The counters of the day. `completed`: by service. `median_wait_s`: of the matches of the last hour."""

    off: int
    completed: dict[str, int]
    median_wait_s: float | None


@dataclass(frozen=True, slots=True)
class MapRows:
    """One moment of a market."""

    providers: Sequence[OnDutyRow]
    requests: Sequence[RequestRow]
    engagements: Sequence[EngagementRow]
    figures: Figures


async def read(db: AsyncSession, market: str, *, now: datetime, hour_ago: datetime) -> MapRows:
    """Everything about a market's present that PostgreSQL knows."""
    engaged = await _engaged(db, market)
    ahead = [row.request_id for row in engaged if row.state != EngagementState.IN_PROGRESS]
    shown = await _shown(db, market, ahead)
    stops = await stops_of(db, [*(row.id for row in shown), *(row.request_id for row in engaged)])
    places = {key: [LatLng(stop.lat, stop.lon) for stop in of] for key, of in stops.items()}
    return MapRows(
        providers=await _on_duty(db, market),
        requests=[
            RequestRow(
                row.id, row.state, row.service_slug, max(row.created_at, row.due_at), places[row.id][0]
            )
            for row in shown
            if row.id in places
        ],
        engagements=[
            EngagementRow(
                id=row.id,
                state=row.state,
                service=row.service_slug,
                provider_id=row.provider_id,
                request_id=row.request_id,
                exclusive=row.exclusive,
                start_at=row.start_at,
                places=places.get(row.request_id, ()),
            )
            for row in engaged
        ],
        figures=await _figures(db, market, now, hour_ago),
    )


async def trades(db: AsyncSession, market: str) -> dict[str, str]:
    """The trade (ride, parcel, job) of each service a market ever had."""
    statement = select(Service.slug, Service.spec["trade"].astext).where(Service.market_id == market)
    return {row[0]: row[1] for row in await db.execute(statement.order_by(Service.version))}


async def profiles(db: AsyncSession, market: str) -> dict[str, str]:
    """How the providers of each service travel (drive, walk, cycle)."""
    statement = select(Service.slug, Service.spec["profile"].astext).where(Service.market_id == market)
    return {row[0]: row[1] for row in await db.execute(statement.order_by(Service.version))}


async def _on_duty(db: AsyncSession, market: str) -> list[OnDutyRow]:
    asked = (
        select(Offer.provider_id)
        .where(
            Offer.market_id == market,
            Offer.origin == OfferOrigin.DISPATCH,
            Offer.state == OfferState.PENDING,
        )
        .scalar_subquery()
    )
    statement = (
        select(
            DutySession.account_id,
            Account.name,
            DutySession.services,
            DutySession.account_id.in_(asked),
        )
        .join(Account, Account.id == DutySession.account_id)
        .where(DutySession.market_id == market, DutySession.off_at.is_(None))
        .order_by(DutySession.account_id)
    )
    return [OnDutyRow(*row) for row in await db.execute(statement)]


async def _engaged(db: AsyncSession, market: str) -> Sequence[Engagement]:
    statement = (
        select(Engagement)
        .where(Engagement.market_id == market, Engagement.state.in_(_ACTIVE))
        .order_by(Engagement.id)
    )
    return (await db.execute(statement)).scalars().all()


async def _shown(db: AsyncSession, market: str, matched: Sequence[UUID]) -> Sequence[Request]:
    """The open requests of a market, and some matched ones."""
    statement = (
        select(Request)
        .where(
            Request.market_id == market,
            (Request.state == RequestState.OPEN) | Request.id.in_(matched),
        )
        .order_by(Request.id)
    )
    return (await db.execute(statement)).scalars().all()


async def _figures(db: AsyncSession, market: str, now: datetime, hour_ago: datetime) -> Figures:
    """Today is the market's own: from its local midnight on."""
    midnight = (
        select(func.timezone(Market.timezone, func.date_trunc("day", func.timezone(Market.timezone, now))))
        .where(Market.id == market)
        .scalar_subquery()
    )
    on_now = select(DutySession.account_id).where(DutySession.off_at.is_(None)).scalar_subquery()
    off = select(func.count(func.distinct(DutySession.account_id))).where(
        DutySession.market_id == market,
        DutySession.off_at >= midnight,
        DutySession.account_id.not_in(on_now),
    )
    completed = (
        select(Engagement.service_slug, func.count())
        .where(
            Engagement.market_id == market,
            Engagement.state == EngagementState.COMPLETED,
            Engagement.ended_at >= midnight,
        )
        .group_by(Engagement.service_slug)
    )
    waited = func.extract("epoch", Request.matched_at - func.greatest(Request.created_at, Request.due_at))
    median = select(func.percentile_cont(0.5).within_group(waited)).where(
        Request.market_id == market, Request.matched_at >= hour_ago, Request.allocator == "dispatch"
    )
    wait = (await db.execute(median)).scalar_one_or_none()
    return Figures(
        off=(await db.execute(off)).scalar_one(),
        completed={row[0]: row[1] for row in await db.execute(completed)},
        median_wait_s=None if wait is None else float(wait),
    )
