"""Queries on requests and their stops. A request moves only by `move`, from a state it was seen in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from geoalchemy2 import WKTElement
from sqlalchemy import ColumnElement, bindparam, exists, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.errors import LostRace
from domain.rules.states import (
    REQUEST_MOVES,
    Allocator,
    OfferState,
    PaymentState,
    RequestMove,
    RequestState,
)
from domain.store.asking import ask, row_of
from domain.store.prepared import About, among, change, from_and_to
from domain.store.tables import Decision, Engagement, Offer, Payment, Request, Stop


def publish(db: AsyncSession, row: Request, stops: Sequence[Mapping[str, Any]]) -> list[Stop]:
    """Add a request with its stops, in their order."""
    placed = [
        Stop(
            request_id=row.id,
            seq=seq,
            market_id=row.market_id,
            kind=stop["kind"],
            lat=stop["lat"],
            lon=stop["lon"],
            point=WKTElement(f"POINT({stop['lon']} {stop['lat']})", srid=4326),
            cell=stop["cell"],
            label=stop["label"],
            address=stop["address"],
            note=stop.get("note", ""),
        )
        for seq, stop in enumerate(stops)
    ]
    db.add_all([row, *placed])
    return placed


_THIS: Final = Request.id == bindparam("this")
_MOVES: Final = from_and_to(Request.state, REQUEST_MOVES)
IS_OPEN: Final = Request.state == RequestState.OPEN


async def move(
    db: AsyncSession,
    request_id: UUID,
    verb: RequestMove,
    *,
    only_if: ColumnElement[bool] | None = None,
    given: Mapping[str, Any] | None = None,
    **values: Any,
) -> Request | None:
    """Move a request along its table in one conditional update; `None` when it was not there to be moved.

    Every source state of a verb leads to one state, so the update names both and reads nothing first. `only_if` is a
    constant, what it compares with is `given` by name.
    """
    seen, to = _MOVES[verb]
    where = (_THIS, seen) if only_if is None else (_THIS, seen, only_if)
    rows = await change(db, Request, where, {"this": request_id, **(given or {})}, {"state": to, **values})
    return rows[0] if rows else None


async def moved(db: AsyncSession, request_id: UUID, verb: RequestMove, **values: Any) -> Request:
    """The same where somebody else having been faster is the only way to fail: `LostRace`."""
    row = await move(db, request_id, verb, **values)
    if row is None:
        raise LostRace
    return row


async def lock(db: AsyncSession, request_id: UUID) -> Request:
    """The request as it is now, locked until the commit: the first lock of whoever also touches an engagement."""
    statement = (
        select(Request)
        .where(Request.id == request_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await db.execute(statement)).scalar_one()


async def fresh(db: AsyncSession, request_id: UUID) -> Request | None:
    """The request as it is now, whatever this session has seen of it."""
    return await row_of(db, Request, request_id)


_OPEN_COUNT: Final = select(func.count()).where(
    Request.customer_id == bindparam("customer"), Request.state == RequestState.OPEN
)


async def open_count(db: AsyncSession, customer: UUID) -> int:
    """How many requests of a customer are open."""
    return (await ask(db, _OPEN_COUNT, {"customer": customer})).scalar_one()


_STOPS: Final = About(
    Stop.request_id, lambda which: select(Stop).where(which).order_by(Stop.request_id, Stop.seq)
)


async def stops_of(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, list[Stop]]:
    """The stops of each request, in order."""
    found: dict[UUID, list[Stop]] = {}
    for stop in (await _STOPS.ask(db, requests)).scalars():
        found.setdefault(stop.request_id, []).append(stop)
    return found


_IN_MARKET: Final = select(Request).where(
    among(Request.id, "requests"), Request.market_id == bindparam("market")
)


async def in_market(db: AsyncSession, market: str, requests: Iterable[UUID]) -> dict[UUID, Request]:
    """Those of these requests that are of one market."""
    rows = await ask(db, _IN_MARKET, {"requests": list(set(requests)), "market": market})
    return {row.id: row for row in rows.scalars()}


async def of_customer(
    db: AsyncSession, customer: UUID, *, state: RequestState | None, before: UUID | None, limit: int
) -> Sequence[Request]:
    """A customer's requests, newest first (ids sort by time), those older than `before`."""
    statement = select(Request).where(Request.customer_id == customer)
    if state is not None:
        statement = statement.where(Request.state == state)
    if before is not None:
        statement = statement.where(Request.id < before)
    return (await db.execute(statement.order_by(Request.id.desc()).limit(limit))).scalars().all()


def is_funded() -> ColumnElement[bool]:
    """A condition: the price of a request is authorised and still held for it, or there is none."""
    held = exists().where(
        Payment.request_id == Request.id,
        Payment.kind == "price",
        Payment.state == PaymentState.AUTHORISED,
        Payment.want == "hold",
    )
    return held | (Request.price_cents == 0)


_TO_MATCH: Final = (
    select(Request)
    .where(
        Request.market_id == bindparam("market"),
        Request.allocator == Allocator.DISPATCH,
        IS_OPEN,
        Request.due_at <= bindparam("now"),
        Request.expires_at > bindparam("now"),
        is_funded(),
    )
    .order_by(Request.due_at, Request.id)
    .limit(bindparam("most"))
)


async def to_match(db: AsyncSession, market: str, now: datetime, limit: int) -> Sequence[Request]:
    """Open dispatch requests that are due, still patient and paid for, oldest first. Nothing is locked."""
    return (await ask(db, _TO_MATCH, {"market": market, "now": now, "most": limit})).scalars().all()


_STILL_OPEN: Final = (
    select(Request)
    .where(among(Request.id, "requests"), IS_OPEN)
    .order_by(Request.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


async def still_open(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, Request]:
    """Lock those of the requests that are open (in id order), so that none is taken before offers go out."""
    rows = await ask(db, _STILL_OPEN, {"requests": list(set(requests))})
    return {row.id: row for row in rows.scalars()}


async def open_calls(
    db: AsyncSession, market: str, now: datetime, limit: int, after: UUID | None = None
) -> Sequence[Request]:
    """Posted jobs that are open to proposals, oldest first; those after one."""
    statement = (
        select(Request)
        .where(
            Request.market_id == market,
            Request.allocator == Allocator.CALL,
            Request.state == RequestState.OPEN,
            Request.expires_at > now,
            true() if after is None else Request.id > after,
        )
        .order_by(Request.id)  # of their making, in order of time
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def calls_told(db: AsyncSession, provider: UUID, now: datetime, limit: int) -> Sequence[Request]:
    """Open posted jobs that a provider was told of and has not dropped, newest first."""
    told = exists().where(
        Decision.request_id == Request.id, Decision.provider_id == provider, Decision.outcome == "offered"
    )
    dropped = exists().where(Engagement.request_id == Request.id, Engagement.provider_id == provider)
    statement = (
        select(Request)
        .where(
            Request.allocator == Allocator.CALL,
            Request.state == RequestState.OPEN,
            Request.expires_at > now,
            told,
            ~dropped,
        )
        .order_by(Request.id.desc())
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


_TOLD: Final = (
    select(Decision.request_id, Decision.provider_id)
    .where(
        among(Decision.request_id, "requests"),
        Decision.outcome == "offered",
        Decision.provider_id.is_not(None),
    )
    .distinct()
)


async def told_of(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    """Who was told of each posted job."""
    found: dict[UUID, set[UUID]] = {}
    for request, provider in await ask(db, _TOLD, {"requests": list(set(requests))}):
        if provider is not None:
            found.setdefault(request, set()).add(provider)
    return found


_DROPPED: Final = select(Engagement.request_id, Engagement.provider_id).where(
    among(Engagement.request_id, "requests")
)


async def dropped_by(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, set[UUID]]:
    """Providers who have left an engagement of each request: they are not asked for it again."""
    found: dict[UUID, set[UUID]] = {}
    for request, provider in await ask(db, _DROPPED, {"requests": list(set(requests))}):
        found.setdefault(request, set()).add(provider)
    return found


_ENGAGEMENTS: Final = (
    select(Engagement).where(among(Engagement.request_id, "requests")).order_by(Engagement.id)
)


async def engagements_of(db: AsyncSession, requests: Iterable[UUID]) -> dict[UUID, Engagement]:
    """The newest engagement of each request (ids sort by time)."""
    rows = await ask(db, _ENGAGEMENTS, {"requests": list(set(requests))})
    return {row.request_id: row for row in rows.scalars()}


_OF_OFFER: Final = select(Engagement).where(Engagement.offer_id == bindparam("offer"))


async def engagement_of_offer(db: AsyncSession, offer_id: UUID) -> Engagement | None:
    """What came of an accepted offer."""
    return (await ask(db, _OF_OFFER, {"offer": offer_id})).scalar_one_or_none()


async def last_answer_by(db: AsyncSession, request_id: UUID) -> datetime | None:
    """Until when somebody may still accept."""
    statement = select(func.max(Offer.answer_by)).where(
        Offer.request_id == request_id, Offer.state == OfferState.PENDING
    )
    return (await db.execute(statement)).scalar_one_or_none()
