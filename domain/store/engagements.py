"""Engagements in SQL: inserted under the exclusive guard, moved only from the state that was seen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, exists, null, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from domain.rules.errors import AlreadyBusy
from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState
from domain.store.asking import ask
from domain.store.prepared import change, columns, one_of, put, rows_into, table_of
from domain.store.tables import Action, Engagement, EventRow, Message, Share

_ACTIVE = sorted(state.value for state in ACTIVE_ENGAGEMENT)


async def add(db: AsyncSession, values: Mapping[str, Any]) -> Engagement | None:
    """Insert an engagement; `None` when a guard of the schema says no (see `busy_with`)."""
    return await put(db, Engagement, values)


_LOCK: Final = (
    select(Engagement)
    .where(Engagement.id == bindparam("this"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


async def lock(db: AsyncSession, engagement_id: UUID) -> Engagement:
    """The engagement as it is now, locked until the commit. Lock its request first."""
    return (await ask(db, _LOCK, {"this": engagement_id})).scalar_one()


async def hold_running(db: AsyncSession, engagement_id: UUID, provider_id: UUID) -> Engagement | None:
    """A provider's exclusive engagement, locked so that it does not end before the commit; `None` when it has ended."""
    statement = (
        select(Engagement)
        .where(
            Engagement.id == engagement_id,
            Engagement.provider_id == provider_id,
            Engagement.exclusive,
            Engagement.state.in_(_ACTIVE),
        )
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def what_waits_for(db: AsyncSession, after_id: UUID) -> Engagement | None:
    """The engagement that waits for the end of this one, if any. Not locked."""
    statement = select(Engagement).where(
        Engagement.after_id == after_id, Engagement.state == EngagementState.CONFIRMED
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def promote(
    db: AsyncSession, after_id: UUID, now: datetime, promise: Mapping[str, Any] | None
) -> Engagement | None:
    """Give what waits for this engagement its provider's whole attention; `None` when nothing waits for it, or
    something else has that attention.

    In one statement: a second one on a row that its own transaction has changed asks its foreign keys again, and
    would wait for a request that somebody cancels, who waits for this row.
    """
    other = aliased(Engagement)
    taken = exists().where(
        other.provider_id == Engagement.provider_id, other.exclusive, other.state.in_(_ACTIVE)
    )
    statement = (
        update(Engagement)
        .where(
            Engagement.after_id == after_id,
            Engagement.state == EngagementState.CONFIRMED,
            ~taken,
        )
        .values(
            after_id=None, promoted_at=now, exclusive=True, promise=null() if promise is None else promise
        )
        .returning(Engagement)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def waiting_of(db: AsyncSession, provider_id: UUID) -> UUID | None:
    """The engagement of a provider that waits for the end of another, if any."""
    statement = select(Engagement.id).where(
        Engagement.provider_id == provider_id,
        Engagement.after_id.is_not(None),
        Engagement.state == EngagementState.CONFIRMED,
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def busy_with(db: AsyncSession, provider_id: UUID) -> UUID | None:
    """The engagement that fills a provider's whole attention now, if any."""
    statement = select(Engagement.id).where(
        Engagement.provider_id == provider_id, Engagement.exclusive, Engagement.state.in_(_ACTIVE)
    )
    return (await db.execute(statement)).scalar_one_or_none()


_AS_SEEN: Final = (Engagement.id == bindparam("this"), Engagement.state == bindparam("seen"))


async def move(
    db: AsyncSession, engagement_id: UUID, *, seen: EngagementState, values: Mapping[str, Any]
) -> Engagement | None:
    """Change an engagement that is still in the state that was seen; `None` when it no longer is."""
    rows = await change(db, Engagement, _AS_SEEN, {"this": engagement_id, "seen": seen}, values)
    return rows[0] if rows else None


def _busy_otherwise() -> ColumnElement[bool]:
    other = aliased(Engagement)
    return exists().where(
        other.provider_id == Engagement.provider_id,
        other.id != Engagement.id,
        other.exclusive,
        one_of(other.state, _ACTIVE),
    )


_FREE_TO_GO: Final = (*_AS_SEEN, ~_busy_otherwise())


async def set_off(db: AsyncSession, engagement_id: UUID, now: datetime) -> Engagement | None:
    """From confirmed to en route, exclusive from here on; `None` when it is no longer confirmed, or when
    something else fills the provider's attention (`busy_with`). What commits at the same moment is seen by the
    unique index: `AlreadyBusy`, and the transaction is over."""
    given = {"this": engagement_id, "seen": EngagementState.CONFIRMED}
    values = {"state": EngagementState.EN_ROUTE, "en_route_at": now, "exclusive": True}
    try:
        rows = await change(db, Engagement, _FREE_TO_GO, given, values)
    except IntegrityError as error:
        raise AlreadyBusy from error
    return rows[0] if rows else None


_UNCONFIRMED: Final = (*_AS_SEEN, Engagement.customer_confirmed_at.is_(None))


async def confirm_once(db: AsyncSession, engagement_id: UUID, now: datetime) -> Engagement | None:
    """Note that the work is accepted as done; `None` when it was before, or is no longer just completed."""
    given = {"this": engagement_id, "seen": EngagementState.COMPLETED}
    rows = await change(db, Engagement, _UNCONFIRMED, given, {"customer_confirmed_at": now})
    return rows[0] if rows else None


async def take_pin_try(
    db: AsyncSession, engagement_id: UUID, now: datetime, *, most: int, lock: timedelta
) -> int | None:
    """Count one more try at the PIN before looking at it, and lock on the last; `None` while locked.

    Counting first means that a thousand guesses at once are still only `most` guesses.
    """
    tries = case((Engagement.pin_tries >= most, 1), else_=Engagement.pin_tries + 1)
    statement = (
        update(Engagement)
        .where(
            Engagement.id == engagement_id,
            or_(Engagement.pin_locked_until.is_(None), Engagement.pin_locked_until <= now),
        )
        .values(pin_tries=tries, pin_locked_until=case((tries >= most, now + lock), else_=None))
        .returning(Engagement.pin_tries)
        .execution_options(synchronize_session=False)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def pin_locked_until(db: AsyncSession, engagement_id: UUID) -> datetime | None:
    """Until when no try at the PIN is taken, as it is stored."""
    statement = select(Engagement.pin_locked_until).where(Engagement.id == engagement_id)
    return (await db.execute(statement)).scalar_one()


async def of_account(
    db: AsyncSession,
    account_id: UUID,
    *,
    states: Iterable[EngagementState] | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Engagement]:
    """The engagements of an account on either side, newest first, below `before`."""
    statement = select(Engagement).where(
        or_(Engagement.customer_id == account_id, Engagement.provider_id == account_id)
    )
    return await _page(db, statement, states, before, limit)


async def in_states(
    db: AsyncSession,
    *,
    states: Iterable[EngagementState] | None,
    markets: Collection[str] | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Engagement]:
    """Everybody's engagements in some markets (None: in all), newest first, below `before` (ops)."""
    statement = select(Engagement)
    if markets is not None:
        statement = statement.where(Engagement.market_id.in_(sorted(markets)))
    return await _page(db, statement, states, before, limit)


async def _page(
    db: AsyncSession,
    statement: Any,
    states: Iterable[EngagementState] | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Engagement]:
    if states is not None:
        statement = statement.where(Engagement.state.in_(sorted(state.value for state in states)))
    if before is not None:
        statement = statement.where(Engagement.id < before)
    rows: Sequence[Engagement] = (
        (await db.execute(statement.order_by(Engagement.id.desc()).limit(limit))).scalars().all()
    )
    return rows


# Deeds and words


@dataclass(frozen=True, slots=True)
class Noted:
    """An authenticated deed, to be appended. No actor: the engine."""

    id: UUID
    actor_id: UUID | None
    role: str
    verb: str
    at: datetime
    detail: Mapping[str, Any]


_NOTED: Final = ("id", "market_id", "engagement_id", "actor_id", "role", "verb", "at", "detail")
_NOTE: Final = rows_into(table_of(Action), _NOTED)


async def note(db: AsyncSession, engagement: Engagement, *deeds: Noted) -> None:
    """Append deeds on an engagement. One statement."""
    of = {"market_id": engagement.market_id, "engagement_id": engagement.id}
    await ask(db, _NOTE, columns(_NOTED, [asdict(deed) | of for deed in deeds]))


async def actions_of(db: AsyncSession, engagement_id: UUID) -> Sequence[Action]:
    """Every deed on an engagement, in order."""
    statement = select(Action).where(Action.engagement_id == engagement_id).order_by(Action.at, Action.id)
    return (await db.execute(statement)).scalars().all()


async def messages_of(
    db: AsyncSession, engagement_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Message]:
    """What the parties wrote, oldest first, above `after`."""
    statement = select(Message).where(Message.engagement_id == engagement_id)
    if after is not None:
        statement = statement.where(Message.id > after)
    return (await db.execute(statement.order_by(Message.id).limit(limit))).scalars().all()


async def events_about(
    db: AsyncSession, account_id: UUID, engagement_id: UUID, limit: int
) -> Sequence[EventRow]:
    """What an account's stream says of an engagement, in order, as far back as the log is kept."""
    statement = (
        select(EventRow)
        .where(
            EventRow.account_id == account_id,
            EventRow.data["engagement_id"].as_string() == str(engagement_id),
        )
        .order_by(EventRow.seq)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


async def shared(db: AsyncSession, token_hash: str) -> Engagement | None:
    """The engagement that a public link follows."""
    statement = select(Engagement).join(Share, Share.engagement_id == Engagement.id)
    return (await db.execute(statement.where(Share.token_hash == token_hash))).scalar_one_or_none()
