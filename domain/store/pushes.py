"""Queries on pushes: put them in line once, claim those due, settle each. A push is one event for one device."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
    values,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.prepared import table_of
from domain.store.tables import Account, Device, Engagement, Market, PushRow, Request, SentMessage

WAITING = "waiting"
FIELDS = 10  # of a row; asyncpg binds at most 32,767 values in one statement
ROWS_A_STATEMENT = 32_767 // FIELDS
MOST_ALERTS = 100  # counted: beyond that it is clear that something is wrong


async def devices_of(
    db: AsyncSession, accounts: Collection[UUID], *, seen_since: datetime
) -> dict[UUID, list[tuple[str, str]]]:
    """`(device, platform)` of each account that has any: those whose app was started since `seen_since`."""
    statement = select(Device.account_id, Device.device_id, Device.platform).where(
        Device.account_id.in_(accounts), Device.updated_at > seen_since
    )
    found: dict[UUID, list[tuple[str, str]]] = {}
    for account, device, platform in await db.execute(
        statement.order_by(Device.account_id, Device.device_id)
    ):
        found.setdefault(account, []).append((device, platform))
    return found


async def with_a_phone(db: AsyncSession, accounts: Collection[UUID]) -> set[UUID]:
    """Those of the accounts that have a phone number."""
    statement = select(Account.id).where(Account.id.in_(accounts), Account.phone.is_not(None))
    return set((await db.execute(statement)).scalars())


async def markets_of(
    db: AsyncSession, *, engagements: Collection[UUID], requests: Collection[UUID]
) -> dict[UUID, str]:
    """The market of each engagement and request, by its id."""
    found: dict[UUID, str] = {}
    if engagements:
        of_engagements = select(Engagement.id, Engagement.market_id).where(Engagement.id.in_(engagements))
        found.update((row.id, row.market_id) for row in await db.execute(of_engagements))
    if requests:
        of_requests = select(Request.id, Request.market_id).where(Request.id.in_(requests))
        found.update((row.id, row.market_id) for row in await db.execute(of_requests))
    return found


async def put(db: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> int:
    """Put pushes in line; one already there for the same device and number stays as it is. How many are new."""
    new = 0
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        statement = (
            insert(PushRow)
            .values([dict(row) for row in rows[start : start + ROWS_A_STATEMENT]])
            .on_conflict_do_nothing(index_elements=["account_id", "device_id", "seq"])
            .returning(PushRow.id)
        )
        new += len((await db.execute(statement)).all())
    return new


async def replace(db: AsyncSession, newest: Mapping[tuple[UUID, str], int]) -> int:
    """Drop what still waits about each `(account, topic)` from before its newest number. How many went."""
    if not newest:
        return 0
    said = (
        values(column("account_id", Uuid), column("topic", Text), column("seq", BigInteger), name="said")
        .data([(account, topic, seq) for (account, topic), seq in sorted(newest.items())])
        .alias("said")
    )
    older = and_(
        PushRow.account_id == said.c.account_id, PushRow.topic == said.c.topic, PushRow.seq < said.c.seq
    )
    return await _end_waiting(db, select(PushRow.id).join(said, older), "replaced")


async def told_of(db: AsyncSession, about: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str, str]]:
    """`(account, topic, device)` where a push about the topic was sent, or may be on its way."""
    if not about:
        return set()
    statement = select(PushRow.account_id, PushRow.topic, PushRow.device_id).where(
        tuple_(PushRow.account_id, PushRow.topic).in_(about),
        or_(PushRow.state == "sent", and_(_waiting(), PushRow.attempts > 0)),
    )
    return {(row.account_id, row.topic, row.device_id) for row in await db.execute(statement)}


async def ack(db: AsyncSession, taken_in: Mapping[UUID, int]) -> int:
    """Each account's app has taken in everything up to that number: nothing of it need be pushed. How many went."""
    heard = (
        func.unnest(cast(list(taken_in), ARRAY(Uuid())), cast(list(taken_in.values()), ARRAY(BigInteger())))
        .table_valued(column("account", Uuid()), column("seq", BigInteger()), name="heard")
        .render_derived()
    )
    taken = select(PushRow.id).join(
        heard, (PushRow.account_id == heard.c.account) & (PushRow.seq <= heard.c.seq)
    )
    return await _end_waiting(db, taken, "acked")


async def end_late(db: AsyncSession, now: datetime, limit: int) -> int:
    """Mark pushes whose time is over, skipping those somebody else settles. How many."""
    picked = _picked(and_(PushRow.not_after <= now, PushRow.next_at <= now), limit)
    statement = (
        update(PushRow)
        .where(PushRow.id.in_(picked))
        .values(state="late", detail="its time was over")
        .returning(PushRow.id)
    )
    return len((await db.execute(statement)).all())


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed push with what decides about it, by the database's own time zones."""

    row: PushRow
    device: Device | None  # None: the phone itself, or gone
    account: Account
    hour: float | None  # of the market's day, 0-24; None where no market is known
    minute: int | None  # of the account's own day; None where it has chosen no quiet hours
    quiet_ends: datetime | None  # when its quiet hours end next


async def claim_due(db: AsyncSession, now: datetime, *, until: datetime, limit: int) -> list[Claimed]:
    """Claim due pushes, the shortest-lived first, by moving their next time to `until`.

    A pusher that dies on the way loses nothing: the claim runs out.
    """
    picked = _picked(and_(PushRow.next_at <= now, PushRow.not_after > now), limit)
    claimed = (
        update(PushRow)
        .where(PushRow.id.in_(picked))
        .values(next_at=until, attempts=PushRow.attempts + 1)
        .returning(PushRow.id)
    )
    ids = (await db.execute(claimed)).scalars().all()
    if not ids:
        return []
    local = func.timezone(Market.timezone, now)
    hour = func.extract("hour", local) + func.extract("minute", local) / 60.0
    own = func.timezone(Account.timezone, now)
    minute = func.extract("hour", own) * 60 + func.extract("minute", own)
    tonight = func.date_trunc("day", own) + func.make_interval(0, 0, 0, 0, 0, Account.quiet_until)
    ends = case((tonight > own, tonight), else_=tonight + timedelta(days=1))
    statement = (
        select(PushRow, Device, Account, hour, minute, func.timezone(Account.timezone, ends))
        .join(Account, Account.id == PushRow.account_id)
        .outerjoin(
            Device, and_(Device.account_id == PushRow.account_id, Device.device_id == PushRow.device_id)
        )
        .outerjoin(Market, Market.id == PushRow.data["market"].astext)
        .where(PushRow.id.in_(ids))
        .order_by(PushRow.not_after, PushRow.id)
        .execution_options(populate_existing=True)
    )
    found = await db.execute(statement)
    return [
        Claimed(
            row=push,
            device=device,
            account=account,
            hour=None if hour is None else float(hour),
            minute=None if minute is None else int(minute),
            quiet_ends=quiet_ends,
        )
        for push, device, account, hour, minute, quiet_ends in found
    ]


async def end(db: AsyncSession, push_id: UUID, state: str, detail: str | None) -> bool:
    """Settle a push that still waits; False when it was acknowledged or replaced on the way."""
    statement = (
        update(PushRow)
        .where(PushRow.id == push_id, _waiting())
        .values(state=state, detail=detail)
        .returning(PushRow.id)
    )
    return (await db.execute(statement)).scalar_one_or_none() is not None


async def postpone(db: AsyncSession, push_id: UUID, next_at: datetime, detail: str) -> None:
    """Have a push that still waits tried again."""
    statement = update(PushRow).where(PushRow.id == push_id, _waiting())
    await db.execute(statement.values(next_at=next_at, detail=detail))


async def sleep(db: AsyncSession, push_id: UUID, until: datetime) -> None:
    """Let a claimed push wait for the end of the quiet hours: it was not tried."""
    statement = update(PushRow).where(PushRow.id == push_id, _waiting())
    await db.execute(
        statement.values(
            next_at=until, attempts=PushRow.attempts - 1, detail="quiet hours"
        ).execution_options(synchronize_session=False)
    )


async def alerts_since(db: AsyncSession, since: datetime) -> tuple[int, datetime | None, str]:
    """How many pushes met a carrier that a human must look at since a moment; the first of them, and its words."""
    statement = (
        select(PushRow.next_at, PushRow.detail)
        .where(PushRow.state == "alert", PushRow.next_at >= since)
        .order_by(PushRow.next_at)
        .limit(MOST_ALERTS)
    )
    rows = (await db.execute(statement)).all()
    return len(rows), rows[0].next_at if rows else None, (rows[-1].detail or "") if rows else ""


async def forget_device(db: AsyncSession, account: UUID, device_id: str, push_token: str) -> bool:
    """Forget a device whose registration is gone; not if it has registered anew meanwhile."""
    statement = (
        delete(Device)
        .where(Device.account_id == account, Device.device_id == device_id, Device.push_token == push_token)
        .returning(Device.device_id)
    )
    return (await db.execute(statement)).scalar_one_or_none() is not None


async def purge(db: AsyncSession, before: datetime, limit: int) -> int:
    """Delete pushes whose time ended before `before`; how many."""
    old = select(PushRow.id).where(PushRow.not_after < before).limit(limit)
    statement = delete(PushRow).where(PushRow.id.in_(old)).returning(PushRow.id)
    return len((await db.execute(statement)).all())


def _keep_sent() -> Delete:
    table = table_of(SentMessage)
    columns = ("id", "to", "kind", "body", "data", "at")
    added = insert(table).values({name: bindparam(name) for name in columns}).cte("added")
    same = (table.c.to == bindparam("whose"), table.c.kind == bindparam("what"))
    newest = (
        select(table.c.id)
        .where(*same)
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(bindparam("others"))
    )  # without the new one: a statement does not see what it writes
    return delete(table).where(*same, table.c.id.not_in(newest)).add_cte(added)


_KEEP_SENT: Final = _keep_sent()


async def keep_sent(db: AsyncSession, sent: Mapping[str, Any], kept: int) -> None:
    """Add to the development outbox what the console sent, and keep the newest `kept` of that number and kind."""
    await db.execute(_KEEP_SENT, {**sent, "others": kept - 1, "whose": sent["to"], "what": sent["kind"]})


def ids_in(values: Iterable[str | None]) -> set[UUID]:
    """The ids among some optional strings."""
    return {UUID(value) for value in values if value}


async def _end_waiting(db: AsyncSession, which: Select[UUID], state: str) -> int:
    """End what still waits among some; rows are locked in id order, so that two who end the same never dead-lock."""
    locked = which.where(_waiting()).order_by(PushRow.id).with_for_update(of=PushRow).scalar_subquery()
    statement = update(PushRow).where(PushRow.id.in_(locked)).values(state=state).returning(PushRow.id)
    return len((await db.execute(statement)).all())


def _waiting() -> ColumnElement[bool]:
    return PushRow.state == WAITING


def _picked(where: ColumnElement[bool], limit: int) -> Any:
    return (
        select(PushRow.id)
        .where(_waiting(), where)
        .order_by(PushRow.not_after, PushRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
