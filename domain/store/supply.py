"""Who could be asked in a market at this moment: one query over duty, accounts, engagements, offers and agendas."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    Select,
    Text,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.types import NullType

from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, OfferOrigin, OfferState
from domain.store import blocks
from domain.store.asking import ask
from domain.store.prepared import named, one_of
from domain.store.tables import (
    Account,
    DutySession,
    Engagement,
    Hold,
    Offer,
    Provider,
    Request,
    Service,
    StationTurn,
    Stop,
)
from geo.points import LatLng


@dataclass(frozen=True, slots=True)
class Carrying:
    """A trip under way: somebody or something is on board, and is brought to `to`. Nothing waits for its end yet."""

    engagement_id: UUID
    to: LatLng
    vias: int  # stops between the first and the last
    started_at: datetime
    duration_s: int  # as planned, from the first stop to the last
    profile: str


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A provider on duty. Nothing here tells how they answered anything: no rank could read it if it wanted."""

    id: UUID
    services: frozenset[str]  # those of this session, of those they have registered for
    tags: frozenset[str]
    suspended: bool
    busy: bool
    pending_offer: bool
    max_travel_s: int | None
    next_hold_at: datetime | None  # when the next thing on their agenda starts
    free_at: datetime | None  # when what they are doing now should be over
    queue_zone: str | None = None  # the station in whose queue they wait
    queue_rank: int | None = None  # their place in it, from 1
    next_start_at: datetime | None = (
        None  # when the next thing on their agenda begins, the way there not counted
    )
    next_place: LatLng | None = None  # and where
    blocked: frozenset[UUID] = frozenset()  # whom they are not put in touch with, whoever wished it so
    towards: LatLng | None = None  # only work that brings them nearer to this place
    max_pickup_m: int | None = None
    heading: LatLng | None = None  # where the work they are at ends
    carrying: Carrying | None = None


class Box(NamedTuple):
    """Degrees."""

    south: float
    north: float
    west: float
    east: float


def _ending_in() -> Select[UUID]:
    degrees = (bindparam(side, type_=ARRAY(Double)) for side in Box._fields)
    box = func.unnest(*degrees).table_valued(*Box._fields).render_derived()
    return (
        select(Engagement.provider_id)
        .join(Stop, Stop.request_id == Engagement.request_id)
        .join(box, Stop.lat.between(box.c.south, box.c.north) & Stop.lon.between(box.c.west, box.c.east))
        .where(
            Engagement.market_id == bindparam("market"),
            Engagement.exclusive,
            Engagement.state == EngagementState.IN_PROGRESS,
            Stop.seq > 0,
        )
    )


_ENDING_IN: Final = _ending_in()


async def ending_in(db: AsyncSession, market: str, boxes: Sequence[Box]) -> set[UUID]:
    """Whose trip under way goes to, or by, a place in one of the boxes."""
    asked = dict(zip(Box._fields, map(list, zip(*boxes, strict=True)), strict=True))
    return set((await ask(db, _ENDING_IN, {**asked, "market": market})).scalars())


def _as_sent(names: InstrumentedAttribute[list[str]]) -> ColumnElement[Any]:
    """A list of texts as the driver gives it; the type of the column would go through each again."""
    return type_coerce(names, NullType())


def _on_duty(*, some: bool) -> Select[*tuple[Any, ...]]:
    """The statement behind `on_duty`, over everybody or over those whose ids are bound as `among`."""
    market, now = bindparam("market", type_=Text), bindparam("now", type_=DateTime(timezone=True))
    wanted = bindparam("services", type_=ARRAY(Text))
    held = (Hold.resource_id == DutySession.account_id) & (Hold.state == "held")
    active = one_of(Engagement.state, ACTIVE_ENGAGEMENT)
    waiting = exists().where(
        Engagement.provider_id == DutySession.account_id, Engagement.after_id.is_not(None), active
    )
    busy = exists().where(Engagement.provider_id == DutySession.account_id, Engagement.exclusive, active)
    at_work = exists().where(held, Hold.span.op("@>")(now))
    pending = exists().where(
        Offer.provider_id == DutySession.account_id,
        Offer.origin == OfferOrigin.DISPATCH,
        Offer.state == OfferState.PENDING,
    )
    ahead = (
        select(func.lower(Hold.span).label("from_at"), Engagement.start_at, Stop.lat, Stop.lon)
        .select_from(Hold)
        .outerjoin(Engagement, Engagement.id == Hold.engagement_id)
        .outerjoin(Stop, (Stop.request_id == Engagement.request_id) & (Stop.seq == 0))
        .where(held, func.lower(Hold.span) > now)
        .where(
            or_(Engagement.id.is_(None), ~(Engagement.exclusive & active))
        )  # what fills them now is not ahead
        .order_by(func.lower(Hold.span))
        .limit(1)
        .lateral()
    )
    free_at = select(func.max(func.upper(Hold.span))).where(held, Hold.span.op("@>")(now)).scalar_subquery()
    last_stop = aliased(Stop)
    bound_for = (
        select(
            last_stop.lat,
            last_stop.lon,
            last_stop.seq,
            Engagement.id,
            Engagement.state,
            Engagement.started_at,
            Request.duration_s,
            Service.spec["profile"].astext.label("profile"),
        )
        .select_from(Engagement)
        .join(Request, Request.id == Engagement.request_id)
        .join(Service, Service.id == Engagement.service_id)
        .join(last_stop, last_stop.request_id == Engagement.request_id)
        .where(Engagement.provider_id == DutySession.account_id, Engagement.exclusive, active)
        .order_by(last_stop.seq.desc())
        .limit(1)
        .lateral()
    )
    elsewhere = exists().where(
        held, Hold.span.op("@>")(now), Hold.engagement_id.is_distinct_from(bound_for.c.id)
    )
    in_line = func.row_number().over(
        partition_by=StationTurn.zone, order_by=(StationTurn.joined_at, StationTurn.provider_id)
    )
    queue = (
        select(StationTurn.provider_id, StationTurn.zone, in_line.label("rank"))
        .where(StationTurn.market_id == market)
        .subquery()
    )
    statement = (
        select(
            DutySession.account_id,
            _as_sent(DutySession.services),
            _as_sent(Provider.services),
            _as_sent(Provider.tags),
            Provider.vehicle,
            _as_sent(Provider.languages),
            Account.suspended_at.is_not(None),
            busy | at_work | waiting,
            pending,
            Provider.max_travel_s,
            ahead.c.from_at,
            free_at,
            queue.c.zone,
            queue.c.rank,
            ahead.c.start_at,
            ahead.c.lat,
            ahead.c.lon,
            DutySession.towards_lat,
            DutySession.towards_lon,
            Provider.max_pickup_m,
            bound_for.c.lat,
            bound_for.c.lon,
            case((waiting | elsewhere, null()), else_=bound_for.c.id),
            bound_for,
        )
        .join(Provider, Provider.account_id == DutySession.account_id)
        .join(Account, Account.id == DutySession.account_id)
        .outerjoin(ahead, true())
        .outerjoin(bound_for, true())
        .outerjoin(queue, queue.c.provider_id == DutySession.account_id)
        .where(
            DutySession.market_id == market,
            DutySession.off_at.is_(None),
            DutySession.services.overlap(wanted),
        )
        .order_by(DutySession.account_id)
    )
    return statement.where(named(DutySession.account_id, "among")) if some else statement


_EVERYBODY: Final = _on_duty(some=False)
_THOSE_NAMED: Final = _on_duty(some=True)


async def on_duty(
    db: AsyncSession,
    market: str,
    services: Iterable[str],
    now: datetime,
    *,
    among: Collection[UUID] | None = None,
) -> list[OnDuty]:
    """Everybody on duty in a market for any of these services, by id; of these people only, where some are named."""
    statement = _EVERYBODY if among is None else _THOSE_NAMED
    asked = {"market": market, "services": sorted(set(services)), "now": now, "among": list(among or ())}
    found = (await ask(db, statement, asked)).all()
    blocked = await blocks.around(db, [row[0] for row in found])
    return [
        OnDuty(
            id=row[0],
            services=frozenset(row[1]) & frozenset(row[2]),
            tags=tags_of(row[3], row[4], row[5]),
            suspended=row[6],
            busy=row[7],
            pending_offer=row[8],
            max_travel_s=row[9],
            next_hold_at=row[10],
            free_at=row[11],
            queue_zone=row[12],
            queue_rank=row[13],
            next_start_at=row[14],
            next_place=None if row[15] is None else LatLng(row[15], row[16]),
            towards=None if row[17] is None else LatLng(row[17], row[18]),
            max_pickup_m=row[19],
            heading=None if row[20] is None else LatLng(row[20], row[21]),
            carrying=_carrying(row[22:]),
            blocked=blocked.get(row[0], frozenset()),
        )
        for row in found
    ]


def _carrying(columns: Sequence[Any]) -> Carrying | None:
    """The columns of the work in hand, as a trip; `None` where it is none, or where its end is promised already."""
    unpromised, lat, lon, last_seq, _, state, started_at, duration_s, profile = columns
    if unpromised is None or state != EngagementState.IN_PROGRESS or started_at is None or last_seq == 0:
        return None
    return Carrying(
        engagement_id=unpromised,
        to=LatLng(lat, lon),
        vias=last_seq - 1,
        started_at=started_at,
        duration_s=duration_s,
        profile=profile,
    )


def tags_of(
    tags: Sequence[str], vehicle: dict[str, object] | None, languages: Sequence[str]
) -> frozenset[str]:
    """What a request may need of a provider: their tags, `lang:<code>`, `vehicle:<kind>`."""
    kind = (vehicle or {}).get("kind")
    return frozenset(tags) | {f"lang:{code}" for code in languages} | ({f"vehicle:{kind}"} if kind else set())


@dataclass(frozen=True, slots=True)
class Standing:
    """What others may know of a provider who proposes, besides their reviews."""

    account: Account
    jobs: int  # finished, of this service
    shown: int  # proposals made lately: how often customers have seen them


async def standings(
    db: AsyncSession, providers: Iterable[UUID], service_slug: str, since: datetime
) -> dict[UUID, Standing]:
    """The standing of each provider."""
    jobs = (
        select(func.count())
        .where(
            Engagement.provider_id == Account.id,
            Engagement.state == EngagementState.COMPLETED,
            Engagement.service_slug == service_slug,
        )
        .scalar_subquery()
    )
    shown = (
        select(func.count())
        .where(
            Offer.provider_id == Account.id, Offer.origin == OfferOrigin.PROPOSAL, Offer.created_at > since
        )
        .scalar_subquery()
    )
    statement = select(Account, jobs, shown).where(Account.id.in_(set(providers)))
    return {row[0].id: Standing(*row) for row in await db.execute(statement)}


async def one(db: AsyncSession, provider: UUID) -> OnDuty | None:
    """A provider as registered, on duty or not, as `on_duty` would tell them when free; `None`: not a provider."""
    statement = (
        select(Provider, Account.suspended_at.is_not(None))
        .join(Account, Account.id == Provider.account_id)
        .where(Provider.account_id == provider)
    )
    found = (await db.execute(statement)).first()
    if found is None:
        return None
    row, suspended = found
    return OnDuty(
        id=row.account_id,
        services=frozenset(row.services),
        tags=tags_of(row.tags, row.vehicle, row.languages),
        suspended=suspended,
        busy=False,
        pending_offer=False,
        max_travel_s=row.max_travel_s,
        next_hold_at=None,
        free_at=None,
        blocked=(await blocks.around(db, [provider])).get(provider, frozenset()),
    )
