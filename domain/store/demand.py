"""What was asked for in the past, counted by cell and quarter-hour. No customer, no provider, no exact place."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Date, Integer, cast, extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import Allocator
from domain.store.tables import Request, Stop

SATURDAY = 6  # ISO: Monday is 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests whose first stop lies in a cell (H3 resolution 9), in one quarter-hour of the day, over all the
    days looked at."""

    cell: int
    slot: int
    requests: int


@dataclass(frozen=True, slots=True)
class Worth:
    """What requests of a service came to."""

    service: str
    requests: int
    mean_price_cents: float


async def asked_around(
    db: AsyncSession,
    market: str,
    *,
    services: Iterable[str],
    timezone: str,
    since: datetime,
    until: datetime,
    slots: Iterable[int],
    weekend: bool,
) -> list[Asked]:
    """Dispatched requests wanted within `[since, until)`, on days of the week or of the weekend, in some
    quarter-hours of the market's own clock; by cell, then slot."""
    local = func.timezone(timezone, Request.due_at)
    slot = cast(extract("hour", local) * 4 + func.floor(extract("minute", local) / 15), Integer)
    free_day = extract("isodow", local) >= SATURDAY
    statement = (
        select(Stop.cell, slot, func.count())
        .join(Stop, (Stop.request_id == Request.id) & (Stop.seq == 0))
        .where(
            Request.market_id == market,
            Request.allocator == Allocator.DISPATCH,
            Request.service_slug.in_(sorted(set(services))),
            Request.due_at >= since,
            Request.due_at < until,
            slot.in_(sorted(set(slots))),
            free_day if weekend else ~free_day,
        )
        .group_by(Stop.cell, slot)
        .order_by(Stop.cell, slot)
    )
    return [Asked(*row) for row in await db.execute(statement)]


async def worth(
    db: AsyncSession, market: str, *, services: Iterable[str], since: datetime, until: datetime
) -> list[Worth]:
    """The mean price of each service's dispatched requests in the interval, by service."""
    statement = (
        select(Request.service_slug, func.count(), func.avg(Request.price_cents))
        .where(
            Request.market_id == market,
            Request.allocator == Allocator.DISPATCH,
            Request.service_slug.in_(sorted(set(services))),
            Request.due_at >= since,
            Request.due_at < until,
            Request.price_cents.is_not(None),
        )
        .group_by(Request.service_slug)
        .order_by(Request.service_slug)
    )
    return [Worth(slug, count, float(mean)) for slug, count, mean in await db.execute(statement)]


async def first_day(db: AsyncSession, market: str, timezone: str, since: datetime) -> str | None:
    """The market's first local day with a request not before `since`, as YYYY-MM-DD; None: there was none."""
    first = select(func.min(Request.due_at)).where(Request.market_id == market, Request.due_at >= since)
    day = select(cast(func.timezone(timezone, first.scalar_subquery()), Date))
    found = (await db.execute(day)).scalar_one_or_none()
    return None if found is None else found.isoformat()
