"""Queries on the queues of stations. One row a provider: nobody waits in two places."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import shapely
from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Select, bindparam, cast, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from domain.rules.states import ACTIVE_ENGAGEMENT
from domain.rules.stations import Turn
from domain.store.asking import ask
from domain.store.prepared import among, named, one_of, table_of
from domain.store.tables import DutySession, Engagement, StationTurn, Stop, ZoneRow
from geo.zones import Zone, ZoneKind, Zones


@dataclass(frozen=True, slots=True)
class Place:
    """A provider's place in a queue: their rank, from 1, among those who wait for work that they do too."""

    zone: str
    rank: int
    waiting: int


async def zones(db: AsyncSession, market: str) -> Zones:
    """The market's stations."""
    statement = select(ZoneRow.slug, func.ST_AsBinary(ZoneRow.area)).where(
        ZoneRow.market_id == market, ZoneRow.kind == ZoneKind.QUEUE
    )
    return Zones(
        Zone(slug, ZoneKind.QUEUE, shapely.from_wkb(bytes(area)))
        for slug, area in await db.execute(statement)
    )


_ZONE_OF_PICKUPS: Final = (
    select(Stop.request_id, func.min(ZoneRow.slug))
    .join(ZoneRow, func.ST_Covers(ZoneRow.area, cast(Stop.point, Geometry)))
    .where(
        among(Stop.request_id, "requests"),
        Stop.seq == 0,
        ZoneRow.market_id == bindparam("market"),
        ZoneRow.kind == ZoneKind.QUEUE,
    )
    .group_by(Stop.request_id)
)


async def zone_of_pickups(db: AsyncSession, market: str, requests: Iterable[UUID]) -> dict[UUID, str]:
    """The station that each request's first stop lies at, of those that lie at one; the first by slug."""
    found = await ask(db, _ZONE_OF_PICKUPS, {"requests": list(set(requests)), "market": market})
    return {request: zone for request, zone in found}  # noqa: C416  a Result has keys()


_session, _work = aliased(DutySession), aliased(Engagement)


def _may_wait(provider: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """A condition: on duty in the market bound by that name, and not taken up by work."""
    on_duty = exists().where(
        _session.account_id == provider,
        _session.market_id == bindparam("market"),
        _session.off_at.is_(None),
    )
    at_work = exists().where(
        _work.provider_id == provider, _work.exclusive, one_of(_work.state, ACTIVE_ENGAGEMENT)
    )
    return on_duty & ~at_work


_TURNS: Final = (
    select(
        StationTurn.provider_id,
        StationTurn.zone,
        StationTurn.joined_at,
        _may_wait(StationTurn.provider_id),
    )
    .where(StationTurn.market_id == bindparam("market"))
    .order_by(StationTurn.zone, StationTurn.joined_at, StationTurn.provider_id)
)


async def turns(db: AsyncSession, market: str) -> list[Turn]:
    """Everybody's place in the market's queues, in order."""
    return [
        Turn(provider, zone, joined_at.timestamp(), entitled)
        for provider, zone, joined_at, entitled in await ask(db, _TURNS, {"market": market})
    ]


async def waiting_at(db: AsyncSession, market: str, zones: Collection[str]) -> set[UUID]:
    """Everybody with a place in the queue of one of these stations."""
    if not zones:
        return set()
    statement = select(StationTurn.provider_id).where(
        StationTurn.market_id == market, StationTurn.zone.in_(zones)
    )
    return set((await db.execute(statement)).scalars())


_FREE: Final = select(DutySession.account_id).where(
    among(DutySession.account_id, "providers"), _may_wait(DutySession.account_id)
)


async def free_of(db: AsyncSession, market: str, providers: Collection[UUID]) -> set[UUID]:
    """Those who may wait in a queue: on duty in the market, and not taken up by work."""
    if not providers:
        return set()
    asked = {"market": market, "providers": list(providers)}
    return set((await ask(db, _FREE, asked)).scalars())


async def join(db: AsyncSession, market: str, joined: Sequence[Turn]) -> list[Turn]:
    """Write those who join; returns those who had no place before."""
    if not joined:
        return []
    rows = [
        {
            "provider_id": turn.provider,
            "market_id": market,
            "zone": turn.zone,
            "joined_at": datetime.fromtimestamp(turn.joined_at, UTC),
        }
        for turn in joined
    ]
    statement = insert(StationTurn).on_conflict_do_nothing().returning(StationTurn.provider_id)
    written = set((await db.execute(statement, rows)).scalars())
    return [turn for turn in joined if turn.provider in written]


_LEAVE: Final = delete(table_of(StationTurn)).where(among(StationTurn.provider_id, "providers"))


async def leave(db: AsyncSession, providers: Collection[UUID]) -> None:
    """Give up whatever places these have."""
    if providers:
        await ask(db, _LEAVE, {"providers": list(providers)})


def _places_of() -> Select[UUID, str, int, int]:
    mine, theirs = aliased(DutySession), aliased(DutySession)
    own, other = aliased(StationTurn), aliased(StationTurn)
    ahead = (other.joined_at < own.joined_at) | (
        (other.joined_at == own.joined_at) & (other.provider_id <= own.provider_id)
    )
    return (
        select(own.provider_id, own.zone, func.count().filter(ahead), func.count())
        .join(mine, (mine.account_id == own.provider_id) & mine.off_at.is_(None))
        .join(other, (other.market_id == own.market_id) & (other.zone == own.zone))
        .join(theirs, (theirs.account_id == other.provider_id) & theirs.off_at.is_(None))
        .where(named(own.provider_id, "providers"), theirs.services.overlap(mine.services))
        .group_by(own.provider_id, own.zone)
    )


_PLACES_OF: Final = _places_of()  # built once: four aliases cost more than the query


async def places_of(db: AsyncSession, providers: Collection[UUID]) -> dict[UUID, Place]:
    """The place of each of them who waits somewhere."""
    if not providers:
        return {}
    found = await ask(db, _PLACES_OF, {"providers": list(providers)})
    return {provider: Place(zone, rank, waiting) for provider, zone, rank, waiting in found}
