"""Queries on pushes: put them in line once, claim those due, settle each. A push is one event for one device."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Delete,
    ScalarSelect,
    Select,
    TableValuedAlias,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.types import TypeEngine

from domain.store.asking import ask
from domain.store.forgetting import forget
from domain.store.prepared import among, columns, one_of, row_into, rows_into, table_of
from domain.store.tables import Account, Device, Engagement, Market, PushRow, Request, SentMessage

WAITING = "waiting"
MOST_ALERTS = 100  # counted: beyond that it is clear that something is wrong


_DEVICES: Final = (
    select(Device.account_id, Device.device_id, Device.platform)
    .where(among(Device.account_id, "accounts"), Device.updated_at > bindparam("since"))
    .order_by(Device.account_id, Device.device_id)
)


async def devices_of(
    db: AsyncSession, accounts: Collection[UUID], *, seen_since: datetime
) -> dict[UUID, list[tuple[str, str]]]:
    """`(device, platform)` of each account that has any: those whose app was started since `seen_since`."""
    found: dict[UUID, list[tuple[str, str]]] = {}
    asked = {"accounts": list(accounts), "since": seen_since}
    for account, device, platform in await ask(db, _DEVICES, asked):
        found.setdefault(account, []).append((device, platform))
    return found


_WITH_A_PHONE: Final = select(Account.id).where(among(Account.id, "accounts"), Account.phone.is_not(None))


async def with_a_phone(db: AsyncSession, accounts: Collection[UUID]) -> set[UUID]:
    """Those of the accounts that have a phone number."""
    return set((await ask(db, _WITH_A_PHONE, {"accounts": list(accounts)})).scalars())


_OF_ENGAGEMENTS: Final = select(Engagement.id, Engagement.market_id).where(among(Engagement.id, "ids"))
_OF_REQUESTS: Final = select(Request.id, Request.market_id).where(among(Request.id, "ids"))


async def markets_of(
    db: AsyncSession, *, engagements: Collection[UUID], requests: Collection[UUID]
) -> dict[UUID, str]:
    """The market of each engagement and request, by its id."""
    found: dict[UUID, str] = {}
    for statement, ids in ((_OF_ENGAGEMENTS, engagements), (_OF_REQUESTS, requests)):
        if ids:
            found.update((one, market) for one, market in await db.execute(statement, {"ids": list(ids)}))
    return found


_LINE: Final = (
    "id",
    "account_id",
    "device_id",
    "seq",
    "type",
    "topic",
    "data",
    "not_after",
    "next_at",
    "state",
)
_PUT: Final = (
    rows_into(table_of(PushRow), _LINE)
    .on_conflict_do_nothing(index_elements=["account_id", "device_id", "seq"])
    .returning(table_of(PushRow).c.id)
)


async def put(db: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> int:
    """Put pushes in line; one already there for the same device and number stays as it is. How many are new."""
    return len((await ask(db, _PUT, columns(_LINE, rows))).all()) if rows else 0


def _waiting() -> ColumnElement[bool]:
    return one_of(PushRow.state, [WAITING])


def _given(**types: type[TypeEngine[Any]]) -> TableValuedAlias:
    """A table of the lists bound by these names."""
    lists = (bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in types.items())
    named = [column(name, kind) for name, kind in types.items()]
    return func.unnest(*lists).table_valued(*named, name="given").render_derived()


def _ending(which: Select[UUID], state: str) -> ReturningUpdate[UUID]:
    """End what still waits among some; rows are locked in id order, so that two who end the same never dead-lock."""
    table = table_of(PushRow)
    locked = which.where(_waiting()).order_by(PushRow.id).with_for_update(of=PushRow).scalar_subquery()
    return update(table).where(table.c.id.in_(locked)).values(state=state).returning(table.c.id)


def _replace() -> ReturningUpdate[UUID]:
    said = _given(account=Uuid, topic=Text, seq=BigInteger)
    older = and_(
        PushRow.account_id == said.c.account, PushRow.topic == said.c.topic, PushRow.seq < said.c.seq
    )
    return _ending(select(PushRow.id).join(said, older), "replaced")


_REPLACE: Final = _replace()


async def replace(db: AsyncSession, newest: Mapping[tuple[UUID, str], int]) -> int:
    """Drop what still waits about each `(account, topic)` from before its newest number. How many went."""
    if not newest:
        return 0
    given = {
        "accounts": [account for account, _ in newest],
        "topics": [topic for _, topic in newest],
        "seqs": list(newest.values()),
    }
    return len((await ask(db, _REPLACE, given)).all())


def _told() -> Select[UUID, str, str]:
    about = _given(account=Uuid, topic=Text)
    return (
        select(PushRow.account_id, PushRow.topic, PushRow.device_id)
        .join(about, (PushRow.account_id == about.c.account) & (PushRow.topic == about.c.topic))
        .where(or_(PushRow.state == "sent", and_(_waiting(), PushRow.attempts > 0)))
    )


_TOLD: Final = _told()


async def told_of(db: AsyncSession, about: Collection[tuple[UUID, str]]) -> set[tuple[UUID, str, str]]:
    """`(account, topic, device)` where a push about the topic was sent, or may be on its way."""
    if not about:
        return set()
    given = {"accounts": [account for account, _ in about], "topics": [topic for _, topic in about]}
    return {(account, topic, device) for account, topic, device in await ask(db, _TOLD, given)}


def _ack() -> ReturningUpdate[UUID]:
    heard = _given(account=Uuid, seq=BigInteger)
    until = (PushRow.account_id == heard.c.account) & (PushRow.seq <= heard.c.seq)
    return _ending(select(PushRow.id).join(heard, until), "acked")


_ACK: Final = _ack()


async def ack(db: AsyncSession, taken_in: Mapping[UUID, int]) -> int:
    """Each account's app has taken in everything up to that number: nothing of it need be pushed. How many went."""
    given = {"accounts": list(taken_in), "seqs": list(taken_in.values())}
    return len((await ask(db, _ACK, given)).all())


def _picked(where: ColumnElement[bool]) -> ScalarSelect[UUID]:
    return (
        select(PushRow.id)
        .where(_waiting(), where)
        .order_by(PushRow.not_after, PushRow.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


_TABLE: Final = table_of(PushRow)
_END_LATE: Final = (
    update(_TABLE)
    .where(
        _TABLE.c.id.in_(
            _picked(and_(PushRow.not_after <= bindparam("now"), PushRow.next_at <= bindparam("now")))
        )
    )
    .values(state="late", detail="its time was over")
    .returning(_TABLE.c.id)
)


async def end_late(db: AsyncSession, now: datetime, limit: int) -> int:
    """Mark pushes whose time is over, skipping those somebody else settles. How many."""
    return len((await ask(db, _END_LATE, {"now": now, "most": limit})).all())


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed push with what decides about it, by the database's own time zones."""

    row: PushRow
    device: Device | None  # None: the phone itself, or gone
    account: Account
    hour: float | None  # of the market's day, 0-24; None where no market is known
    minute: int | None  # of the account's own day; None where it has chosen no quiet hours
    quiet_ends: datetime | None  # when its quiet hours end next


_CLAIM: Final = (
    update(_TABLE)
    .where(
        _TABLE.c.id.in_(
            _picked(and_(PushRow.next_at <= bindparam("now"), PushRow.not_after > bindparam("now")))
        )
    )
    .values(next_at=bindparam("until"), attempts=_TABLE.c.attempts + 1)
    .returning(_TABLE.c.id)
)


def _claimed() -> Select[*tuple[Any, ...]]:
    now = bindparam("now", type_=DateTime(timezone=True))
    local = func.timezone(Market.timezone, now)
    hour = func.extract("hour", local) + func.extract("minute", local) / 60.0
    own = func.timezone(Account.timezone, now)
    minute = func.extract("hour", own) * 60 + func.extract("minute", own)
    tonight = func.date_trunc("day", own) + func.make_interval(0, 0, 0, 0, 0, Account.quiet_until)
    ends = case((tonight > own, tonight), else_=tonight + timedelta(days=1))
    return (
        select(PushRow, Device, Account, hour, minute, func.timezone(Account.timezone, ends))
        .join(Account, Account.id == PushRow.account_id)
        .outerjoin(
            Device, and_(Device.account_id == PushRow.account_id, Device.device_id == PushRow.device_id)
        )
        .outerjoin(Market, Market.id == PushRow.data["market"].astext)
        .where(among(PushRow.id, "ids"))
        .order_by(PushRow.not_after, PushRow.id)
        .execution_options(populate_existing=True)
    )


_CLAIMED: Final = _claimed()


async def claim_due(db: AsyncSession, now: datetime, *, until: datetime, limit: int) -> list[Claimed]:
    """Claim due pushes, the shortest-lived first, by moving their next time to `until`.

    A pusher that dies on the way loses nothing: the claim runs out.
    """
    ids = (await ask(db, _CLAIM, {"now": now, "until": until, "most": limit})).scalars().all()
    if not ids:
        return []
    found = await ask(db, _CLAIMED, {"ids": list(ids), "now": now})
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


_END: Final = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("this"), _waiting())
    .values(state=bindparam("to_state"), detail=bindparam("why"))
    .returning(_TABLE.c.id)
)


async def end(db: AsyncSession, push_id: UUID, state: str, detail: str | None) -> bool:
    """Settle a push that still waits; False when it was acknowledged or replaced on the way."""
    given = {"this": push_id, "to_state": state, "why": detail}
    return (await ask(db, _END, given)).scalar_one_or_none() is not None


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
    return await forget(db, PushRow, PushRow.not_after < before, limit)


def _keep_sent() -> Delete:
    table = table_of(SentMessage)
    added = row_into(table, "id", "to", "kind", "body", "data", "at").cte("added")
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
    await ask(db, _KEEP_SENT, {**sent, "others": kept - 1, "whose": sent["to"], "what": sent["kind"]})


def ids_in(values: Iterable[str | None]) -> set[UUID]:
    """The ids among some optional strings."""
    return {UUID(value) for value in values if value}
