"""Queries on rounds and decisions."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSONPATH, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask
from domain.store.forgetting import forget
from domain.store.prepared import columns, rows_into, table_of
from domain.store.tables import Account, Decision, Round

_DECIDED: Final = tuple(table_of(Decision).c.keys())
_DECIDE: Final = rows_into(table_of(Decision), _DECIDED)


async def decide(db: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Store what a round decided: rows that name every column. One statement, whatever the number."""
    if rows:
        await ask(db, _DECIDE, columns(_DECIDED, rows))


async def last_verdicts(
    db: AsyncSession, requests: Iterable[UUID]
) -> dict[UUID, frozenset[tuple[UUID | None, str]]]:
    """`(provider, reason)` of each request's latest stored round."""
    latest = (
        select(Decision.request_id, Decision.round_id)
        .where(Decision.request_id.in_(set(requests)))
        .ext(distinct_on(Decision.request_id))
        .order_by(Decision.request_id, Decision.at.desc(), Decision.id.desc())
        .subquery()
    )
    statement = select(Decision.request_id, Decision.provider_id, Decision.reason).join(
        latest, (latest.c.request_id == Decision.request_id) & (latest.c.round_id == Decision.round_id)
    )
    found: dict[UUID, set[tuple[UUID | None, str]]] = {}
    for request, provider, reason in await db.execute(statement):
        found.setdefault(request, set()).add((provider, reason))
    return {request: frozenset(verdicts) for request, verdicts in found.items()}


async def of_request(db: AsyncSession, request_id: UUID, limit: int) -> Sequence[Round]:
    """The stored rounds that a request was part of, newest first."""
    mine = select(Decision.round_id).where(Decision.request_id == request_id)
    statement = (
        select(Round).where(Round.id.in_(mine)).order_by(Round.at.desc(), Round.id.desc()).limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def newest(
    db: AsyncSession, where: ColumnElement[bool], *, before: UUID | None, limit: int
) -> Sequence[RowMapping]:
    """The newest rounds that a condition holds of, below `before`: what each was and which requests it was about,
    without the rest of its problem, which is large."""
    asked = func.jsonb_path_query_array(Round.problem, cast("$.asks[*].id", JSONPATH)).label("requests")
    statement = select(
        Round.id,
        Round.market_id,
        Round.at,
        Round.policy_version,
        Round.seed,
        Round.objective,
        Round.solve_ms,
        Round.travel_source,
        Round.measures,
        asked,
    ).where(where)
    if before is not None:
        statement = statement.where(Round.id < before)
    return (await db.execute(statement.order_by(Round.id.desc()).limit(limit))).mappings().all()


async def decisions_of(
    db: AsyncSession, request_id: UUID, rounds: Iterable[UUID]
) -> Sequence[tuple[Decision, str | None]]:
    """What these rounds decided about one request, with the providers' names: by rank, then by id."""
    statement = (
        select(Decision, Account.name)
        .outerjoin(Account, Account.id == Decision.provider_id)
        .where(Decision.request_id == request_id, Decision.round_id.in_(set(rounds)))
        .order_by(Decision.rank.asc().nulls_last(), Decision.eta_s.asc().nulls_last(), Decision.provider_id)
    )
    return [(decision, name) for decision, name in await db.execute(statement)]


async def of_day(
    db: AsyncSession, market: str, since: datetime, until: datetime, limit: int
) -> AsyncIterator[Round]:
    """A market's stored rounds in order of time, read in pages of `limit` so that a busy day fits in memory."""
    last: tuple[datetime, UUID] | None = None
    while True:
        statement = select(Round).where(Round.market_id == market, Round.at >= since, Round.at < until)
        if last is not None:
            statement = statement.where(tuple_(Round.at, Round.id) > last)
        page = (await db.execute(statement.order_by(Round.at, Round.id).limit(limit))).scalars().all()
        for row in page:
            yield row
        if len(page) < limit:
            return
        last = (page[-1].at, page[-1].id)
        db.expunge_all()


async def forget_before(db: AsyncSession, before: datetime, most: int) -> int:
    """Forget rounds, and their decisions with them. How many rounds went."""
    return await forget(db, Round, Round.at < before, most)
