"""The per-account numbered log: append in the transaction of the change, read after a number, claim to send."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Executable,
    Label,
    Text,
    Uuid,
    bindparam,
    delete,
    false,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from domain.rules.events import Event
from domain.store.asking import ask, row_of
from domain.store.prepared import table_of
from domain.store.tables import Account, EventRow, Stream, TokenFamily


def _append() -> Insert:
    def column(name: str, type_: TypeEngine[Any]) -> Label[Any]:
        return func.unnest(bindparam(f"{name}s", type_=ARRAY(type_))).label(name)

    given = select(
        column("account", Uuid()),
        column("later", BigInteger()),
        column("type", Text()),
        column("datum", JSONB()),
        column("end", DateTime(timezone=True)),
    ).cte("given")
    streams, events = table_of(Stream), table_of(EventRow)
    steps = (
        select(given.c.account, bindparam("epoch", type_=Text), func.count(), literal(1))
        .group_by(given.c.account)
        .order_by(given.c.account)
    )
    begun = insert(streams).from_select(["account_id", "epoch", "seq", "kept_from"], steps)
    moved = (
        begun.on_conflict_do_update(
            index_elements=[streams.c.account_id], set_={"seq": streams.c.seq + begun.excluded.seq}
        )
        .returning(streams.c.account_id, streams.c.seq)
        .cte("moved")
    )
    rows = select(
        given.c.account,
        moved.c.seq - given.c.later,
        given.c.type,
        given.c.datum,
        bindparam("now", type_=DateTime(timezone=True)),
        given.c.end,
        false(),
    ).join(moved, moved.c.account_id == given.c.account)
    columns = ["account_id", "seq", "type", "data", "at", "not_after", "sent"]
    return insert(events).from_select(columns, rows)


_APPEND: Final = _append()


async def append(db: AsyncSession, events: Iterable[Event], *, now: datetime, epoch: str) -> None:
    """Number and store events, in one statement. The streams' rows stay locked until the commit.

    Accounts are locked in id order, so that two transactions telling the same people never dead-lock;
    the order of one account's events is kept.
    """
    told: dict[UUID, list[Event]] = {}
    for event in events:
        told.setdefault(event.account_id, []).append(event)
    given = [
        (account, later, event)
        for account, mine in told.items()
        for later, event in zip(reversed(range(len(mine))), mine, strict=True)
    ]
    if given:
        lists = {
            "accounts": [account for account, _, _ in given],
            "laters": [later for _, later, _ in given],
            "types": [event.type.value for _, _, event in given],
            "datums": [dict(event.data) for _, _, event in given],
            "ends": [event.not_after for _, _, event in given],
        }
        await ask(db, _APPEND, {**lists, "epoch": epoch, "now": now})


async def head(db: AsyncSession, account: UUID) -> Stream | None:
    """The account's stream row: its last number, its epoch, the oldest number kept."""
    return await row_of(db, Stream, account)


async def heads(
    db: AsyncSession, sign_ins: Iterable[tuple[UUID, UUID | None]], now: datetime
) -> dict[tuple[UUID, UUID | None], Stream]:
    """The stream rows of `(account, family)`, in one statement: of those whose sign-in has not ended (a family of
    None is not asked about), whose account is not suspended, and that have a stream."""
    asked = list(sign_ins)
    given = select(
        func.unnest(bindparam("accounts", [account for account, _ in asked], ARRAY(Uuid))).label("account"),
        func.unnest(bindparam("families", [family for _, family in asked], ARRAY(Uuid))).label("family"),
    ).subquery()
    lives = TokenFamily.revoked_at.is_(None) & (TokenFamily.expires_at > now)
    statement = (
        select(given.c.account, given.c.family, Stream)
        .join(Stream, Stream.account_id == given.c.account)
        .join(Account, Account.id == given.c.account)
        .outerjoin(
            TokenFamily,
            (TokenFamily.id == given.c.family) & (TokenFamily.account_id == given.c.account) & lives,
        )
        .where(Account.suspended_at.is_(None), given.c.family.is_(None) | TokenFamily.id.is_not(None))
        .execution_options(populate_existing=True)
    )
    return {(account, family): row for account, family, row in await db.execute(statement)}


async def ensure(db: AsyncSession, account: UUID, epoch: str) -> Stream:
    """The account's stream row, begun now if nothing has happened to it yet: a number needs an epoch."""
    begun = insert(Stream).values(account_id=account, epoch=epoch, seq=0, kept_from=1)
    await db.execute(begun.on_conflict_do_nothing())
    return await db.get_one(Stream, account, populate_existing=True)


async def read_after(db: AsyncSession, account: UUID, after: int, limit: int) -> Sequence[EventRow]:
    """At most `limit` events with a number above `after`, in order."""
    statement = (
        select(EventRow)
        .where(EventRow.account_id == account, EventRow.seq > after)
        .order_by(EventRow.seq)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


def _claim_unsent() -> Executable:
    picked = (
        select(EventRow.account_id, EventRow.seq)
        .where(EventRow.sent.is_(False))
        .order_by(EventRow.at, EventRow.account_id, EventRow.seq)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    claimed = (
        update(table_of(EventRow))
        .where(EventRow.account_id == picked.c.account_id, EventRow.seq == picked.c.seq)
        .values(sent=True)
        .returning(table_of(EventRow))
    )
    return select(EventRow).from_statement(claimed).execution_options(populate_existing=True)


_CLAIM_UNSENT: Final = _claim_unsent()


async def claim_unsent(db: AsyncSession, limit: int) -> Sequence[EventRow]:
    """Claim events for sending, skipping those another relay holds, and mark them sent.

    Publish them after the commit: the bus may lose one, the log fills the gap.
    """
    rows = (await ask(db, _CLAIM_UNSENT, {"most": limit})).scalars().all()
    return sorted(rows, key=lambda row: (row.account_id, row.seq))


async def trim(db: AsyncSession, before: datetime, limit: int) -> int:
    """Forget at most about `limit` events told before a moment, the oldest first; how many were found to forget.

    `kept_from` moves in the same statement, so that a client asking for what is gone is told to start afresh.
    """
    picked = (
        select(EventRow.account_id, EventRow.seq)
        .where(EventRow.at < before, EventRow.sent)
        .order_by(EventRow.at)
        .limit(limit)
        .cte("picked")
    )
    old = (
        select(picked.c.account_id, func.max(picked.c.seq).label("last"))
        .group_by(picked.c.account_id)
        .subquery()
    )
    locked = (
        select(Stream.account_id, old.c.last)
        .join(old, old.c.account_id == Stream.account_id)
        .order_by(Stream.account_id)
        .with_for_update(of=Stream, skip_locked=True)
        .cte("locked")
    )
    moved = (
        update(Stream)
        .where(Stream.account_id == locked.c.account_id)
        .values(kept_from=locked.c.last + 1)
        .returning(Stream.account_id, Stream.kept_from)
        .cte("moved")
    )
    gone = (
        delete(EventRow)
        .where(EventRow.account_id == moved.c.account_id, EventRow.seq < moved.c.kept_from)
        .returning(EventRow.seq)
        .cte("gone")
    )
    return (await db.execute(select(func.count()).select_from(picked).add_cte(gone))).scalar_one()
