"""Queries on markets, zones, services and quotes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Float,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.functions import Function

from domain.rules.errors import UnknownMarket, UnknownService
from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, RequestState
from domain.store.asking import ask, row_once
from domain.store.forgetting import forget
from domain.store.prepared import change
from domain.store.tables import DutySession, Engagement, Market, Quote, Request, Service, ZoneRow
from geo.points import LatLng


def _point(p: LatLng) -> Function[Geometry]:
    return func.ST_SetSRID(func.ST_MakePoint(p.lon, p.lat), 4326)


async def markets(db: AsyncSession) -> Sequence[Market]:
    """Every market, by slug."""
    return (await db.execute(select(Market).order_by(Market.id))).scalars().all()


async def busyness(db: AsyncSession, now: datetime) -> dict[str, tuple[int, int, int, int]]:
    """`(on duty, open requests, running, completed today)` of every market, in one statement, each by an index.

    Today began at the market's own midnight.
    """
    midnight = func.timezone(
        Market.timezone, func.date_trunc("day", func.timezone(Market.timezone, literal(now)))
    )

    def how_many(*where: ColumnElement[bool]) -> ScalarSelect[int]:
        return select(func.count()).where(*where).correlate(Market).scalar_subquery()

    statement = select(
        Market.id,
        how_many(DutySession.market_id == Market.id, DutySession.off_at.is_(None)),
        how_many(Request.market_id == Market.id, Request.state == RequestState.OPEN),
        how_many(Engagement.market_id == Market.id, Engagement.state.in_(sorted(ACTIVE_ENGAGEMENT))),
        how_many(
            Engagement.market_id == Market.id,
            Engagement.state == EngagementState.COMPLETED,
            Engagement.ended_at >= midnight,
        ),
    )
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in await db.execute(statement)}


async def market(db: AsyncSession, slug: str) -> Market:
    """One market, or `UnknownMarket`."""
    row = await row_once(db, Market, slug)
    if row is None:
        raise UnknownMarket(f"there is no market {slug[:60]!r}")
    return row


async def live_services(db: AsyncSession, market_id: str) -> Sequence[Service]:
    """The services a market offers today, by slug."""
    statement = select(Service).where(Service.market_id == market_id, Service.retired_at.is_(None))
    return (await db.execute(statement.order_by(Service.slug))).scalars().all()


_BY_SLUG: Final = select(Service).where(
    Service.market_id == bindparam("market"),
    Service.slug == bindparam("slug"),
    Service.retired_at.is_(None),
)


async def service_by_slug(db: AsyncSession, market_id: str, slug: str) -> Service:
    """The live version of a service, or `UnknownService`."""
    row = (await ask(db, _BY_SLUG, {"market": market_id, "slug": slug})).scalar_one_or_none()
    if row is None:
        raise UnknownService(f"there is no service {slug[:60]!r} in {market_id[:60]}")
    return row


async def known_slugs(db: AsyncSession, slugs: Sequence[str]) -> set[str]:
    """Which of these slugs are live services of some market."""
    statement = select(Service.slug).where(Service.slug.in_(slugs), Service.retired_at.is_(None)).distinct()
    return set((await db.execute(statement)).scalars())


def _market_of_point() -> Select[str]:
    here = func.ST_SetSRID(
        func.ST_MakePoint(bindparam("lon", type_=Double), bindparam("lat", type_=Double)), 4326
    )
    statement = select(ZoneRow.market_id).where(
        ZoneRow.kind == "service_area", func.ST_Covers(ZoneRow.area, here)
    )
    return statement.order_by(ZoneRow.market_id).limit(1)


_MARKET_OF_POINT: Final = _market_of_point()


async def market_of_point(db: AsyncSession, p: LatLng) -> str | None:
    """The market whose service area covers a point."""
    return (await ask(db, _MARKET_OF_POINT, {"lat": p.lat, "lon": p.lon})).scalar_one_or_none()


def _zones_at() -> Select[int, str, str]:
    degrees = [bindparam(name, type_=ARRAY(Double)) for name in ("lats", "lons")]
    place = func.unnest(*degrees).table_valued("lat", "lon", with_ordinality="nth").render_derived()
    here = func.ST_SetSRID(func.ST_MakePoint(place.c.lon, place.c.lat), 4326)
    return (
        select(place.c.nth, ZoneRow.slug, ZoneRow.kind)
        .join(ZoneRow, func.ST_Covers(ZoneRow.area, here))
        .where(ZoneRow.market_id == bindparam("market"))
        .order_by(place.c.nth, ZoneRow.slug)
    )


_ZONES_AT: Final = _zones_at()


async def zones_at(
    db: AsyncSession, market_id: str, points: Sequence[LatLng]
) -> Sequence[Sequence[tuple[str, str]]]:
    """Of each point the zones of a market that cover it, `(slug, kind)`."""
    asked = {"market": market_id, "lats": [p.lat for p in points], "lons": [p.lon for p in points]}
    found: list[list[tuple[str, str]]] = [[] for _ in points]
    for nth, slug, kind in await ask(db, _ZONES_AT, asked):
        found[nth - 1].append((slug, kind))
    return found


async def nearest_served(db: AsyncSession, market_id: str, p: LatLng) -> LatLng | None:
    """The nearest point inside the market's service area (a metre in, so that asking again succeeds)."""
    inside = func.ST_Buffer(ZoneRow.area, -0.00002)  # degrees: about 2 m
    nearest = func.ST_ClosestPoint(inside, _point(p))
    return await _lat_lon(db, nearest, market_id, "service_area", p)


async def nearest_allowed_pickup(db: AsyncSession, market_id: str, p: LatLng) -> LatLng | None:
    """The nearest point outside the no-pickup zone that covers `p`."""
    edge = func.ST_ClosestPoint(func.ST_ExteriorRing(func.ST_Buffer(ZoneRow.area, 0.00005)), _point(p))
    return await _lat_lon(db, edge, market_id, "no_pickup", p)


async def _lat_lon(
    db: AsyncSession, nearest: "Function[Geometry]", market_id: str, kind: str, p: LatLng
) -> LatLng | None:
    statement = (
        select(cast(func.ST_Y(nearest), Float), cast(func.ST_X(nearest), Float))
        .where(ZoneRow.market_id == market_id, ZoneRow.kind == kind)
        .order_by(func.ST_Distance(ZoneRow.area, _point(p)), ZoneRow.slug)
        .limit(1)
    )
    found = (await db.execute(statement)).first()
    return None if found is None else LatLng(round(found[0], 7), round(found[1], 7))


_USABLE: Final = (
    Quote.id == bindparam("this"),
    Quote.account_id == bindparam("owner"),
    Quote.used_at.is_(None),
    Quote.expires_at > bindparam("now"),
)


async def use_quote(db: AsyncSession, quote_id: UUID, owner: UUID, now: datetime) -> Quote | None:
    """Mark a quote of theirs used, once, before it expires: the second caller gets `None`."""
    given = {"this": quote_id, "owner": owner, "now": now}
    rows = await change(db, Quote, _USABLE, given, {"used_at": now})
    return rows[0] if rows else None


async def forget_quotes(db: AsyncSession, *, since: datetime, before: datetime, most: int) -> int:
    """Let go of quotes that expired in this time and that nobody took up. How many went."""
    over = and_(Quote.expires_at >= since, Quote.expires_at < before, Quote.used_at.is_(None))
    return await forget(db, Quote, over, most)


async def retire(db: AsyncSession, service_id: UUID, now: datetime) -> None:
    """Take a version of a service out of the catalogue; requests made with it go on."""
    await db.execute(update(Service).where(Service.id == service_id).values(retired_at=now))
