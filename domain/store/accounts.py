"""Queries on accounts, providers, devices, and the proofs of a sign-in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, delete, func, or_, select, text, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.asking import ask, row_of, row_once
from domain.store.forgetting import forget
from domain.store.prepared import row_into, table_of
from domain.store.tables import (
    Account,
    Challenge,
    Device,
    DutySession,
    Engagement,
    Provider,
    Request,
    SentMessage,
    TokenFamily,
    WsTicket,
)

_OF_SESSION: Final = (
    select(Account)
    .join(TokenFamily, TokenFamily.account_id == Account.id)
    .where(
        Account.id == bindparam("account_id"),
        TokenFamily.id == bindparam("family_id"),
        TokenFamily.revoked_at.is_(None),
        TokenFamily.expires_at > bindparam("now"),
    )
)  # built once: every request that is signed in asks it


async def account_of_session(
    db: AsyncSession, account_id: UUID, family_id: UUID, now: datetime
) -> Account | None:
    """The account of a sign-in that has not ended: one indexed query for every authenticated request."""
    asked = {"account_id": account_id, "family_id": family_id, "now": now}
    return (await ask(db, _OF_SESSION, asked)).scalar_one_or_none()


_MADE: Final = row_into(table_of(Account), "id", "phone", "language", "created_at").on_conflict_do_nothing(
    index_elements=["phone"]
)
_WITH_PHONE: Final = select(Account).where(Account.phone == bindparam("number"))


async def account_with_phone(
    db: AsyncSession, *, new_id: UUID, phone: str, language: str, now: datetime
) -> Account:
    """The account of a phone number, made on first sight. Two first sign-ins at once make one."""
    await ask(db, _MADE, {"id": new_id, "phone": phone, "language": language, "created_at": now})
    return (await ask(db, _WITH_PHONE, {"number": phone})).scalar_one()


async def account_of_firebase(db: AsyncSession, uid: str) -> Account | None:
    """The account a Firebase user signed into before."""
    return (await db.execute(select(Account).where(Account.firebase_uid == uid))).scalar_one_or_none()


async def account_with_firebase(
    db: AsyncSession, *, new_id: UUID, uid: str, language: str, now: datetime
) -> Account:
    """The account of a Firebase user without a phone number, made on first sight."""
    made = (
        insert(Account)
        .values(id=new_id, firebase_uid=uid, language=language, created_at=now)
        .on_conflict_do_nothing(index_elements=[Account.firebase_uid])
    )
    await db.execute(made)
    return (await db.execute(select(Account).where(Account.firebase_uid == uid))).scalar_one()


_LOCK: Final = (
    select(Account)
    .where(Account.id == bindparam("account"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


async def account(db: AsyncSession, account_id: UUID, *, lock: bool = False) -> Account | None:
    """One account: with `lock` as the database has it now, else as this transaction has read it before, if it has."""
    if lock:
        return (await ask(db, _LOCK, {"account": account_id})).scalar_one_or_none()
    return await row_once(db, Account, account_id)


# One-time codes


async def ops_among(db: AsyncSession, accounts: Collection[UUID], market: str) -> set[UUID]:
    """Those of these accounts that are ops of a market now, and not suspended."""
    found = select(Account.id).where(
        Account.id.in_(accounts),
        Account.is_ops.is_(True),
        or_(Account.ops_markets.is_(None), Account.ops_markets.contains([market])),
        Account.suspended_at.is_(None),
    )
    return set(await db.scalars(found))


_LOCK_PHONE: Final = select(
    func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key", type_=Text), 0))
)


async def lock_phone(db: AsyncSession, phone: str) -> None:
    """One transaction at a time counts and sends codes for a number."""
    await ask(db, _LOCK_PHONE, {"key": "otp:" + phone})


_CHALLENGES: Final = (
    select(Challenge.created_at)
    .where(Challenge.phone == bindparam("phone"), Challenge.created_at > bindparam("since"))
    .order_by(Challenge.created_at)
)


async def challenges_since(db: AsyncSession, phone: str, since: datetime) -> Sequence[datetime]:
    """When codes were sent to a number, oldest first."""
    return (await ask(db, _CHALLENGES, {"phone": phone, "since": since})).scalars().all()


_TAKE_TRY: Final = (
    select(Challenge)
    .from_statement(
        update(table_of(Challenge))
        .where(
            Challenge.id == bindparam("challenge"),
            Challenge.used_at.is_(None),
            Challenge.expires_at > bindparam("now"),
            Challenge.tries < bindparam("most"),
        )
        .values(tries=Challenge.tries + 1)
        .returning(table_of(Challenge))
    )
    .execution_options(populate_existing=True)
)


async def take_try(db: AsyncSession, challenge_id: UUID, *, most: int, now: datetime) -> Challenge | None:
    """Count one try of a live challenge; `None` once it is used, late, or out of tries."""
    given = {"challenge": challenge_id, "now": now, "most": most}
    return (await ask(db, _TAKE_TRY, given)).scalar_one_or_none()


_USE: Final = (
    update(Challenge)
    .where(Challenge.id == bindparam("challenge"), Challenge.used_at.is_(None))
    .values(used_at=bindparam("now"))
    .returning(Challenge.id)
    .execution_options(synchronize_session=False)
)


async def use_challenge(db: AsyncSession, challenge_id: UUID, now: datetime) -> bool:
    """Spend a challenge, once: of two right codes at the same time one comes second."""
    given = {"challenge": challenge_id, "now": now}
    return (await ask(db, _USE, given)).scalar_one_or_none() is not None


_SENT: Final = table_of(SentMessage)
_FORGET_SENT: Final = delete(_SENT).where(_SENT.c.to == bindparam("whose"), _SENT.c.at < bindparam("before"))


async def forget_sent(db: AsyncSession, to: str, before: datetime) -> None:
    """Trim the development outbox of one number."""
    await ask(db, _FORGET_SENT, {"whose": to, "before": before})


async def sent_to(db: AsyncSession, to: str | None, limit: int) -> Sequence[SentMessage]:
    """The development outbox, newest first."""
    statement = select(SentMessage).order_by(SentMessage.at.desc(), SentMessage.id.desc()).limit(limit)
    if to is not None:
        statement = statement.where(SentMessage.to == to)
    return (await db.execute(statement)).scalars().all()


# Families of refresh tokens, tickets


async def rotate(
    db: AsyncSession, family_id: UUID, *, seen: str, new: str, now: datetime, expires_at: datetime
) -> UUID | None:
    """Replace a family's newest token; the account, or `None` when `seen` is not the newest or all is over."""
    statement = (
        update(TokenFamily)
        .where(
            TokenFamily.id == family_id,
            TokenFamily.current_hash == seen,
            TokenFamily.revoked_at.is_(None),
            TokenFamily.expires_at > now,
        )
        .values(current_hash=new, expires_at=expires_at)
        .returning(TokenFamily.account_id)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def family(db: AsyncSession, family_id: UUID) -> TokenFamily | None:
    """A family as the database has it now."""
    return await row_of(db, TokenFamily, family_id)


async def end_family(db: AsyncSession, family_id: UUID, *, why: str, now: datetime) -> None:
    """End one sign-in: its access tokens stop at the next request."""
    statement = update(TokenFamily).where(TokenFamily.id == family_id, TokenFamily.revoked_at.is_(None))
    await db.execute(statement.values(revoked_at=now, revoked_why=why))


async def end_families(db: AsyncSession, account_id: UUID, *, why: str, now: datetime) -> None:
    """End every sign-in of an account."""
    statement = update(TokenFamily).where(
        TokenFamily.account_id == account_id, TokenFamily.revoked_at.is_(None)
    )
    await db.execute(statement.values(revoked_at=now, revoked_why=why))


async def take_ticket(db: AsyncSession, ticket_hash: str) -> tuple[UUID, UUID, datetime] | None:
    """Spend a socket ticket: `(account, family, expiry)`, once."""
    statement = (
        delete(WsTicket)
        .where(WsTicket.ticket_hash == ticket_hash)
        .returning(WsTicket.account_id, WsTicket.family_id, WsTicket.expires_at)
    )
    found = (await db.execute(statement)).one_or_none()
    return None if found is None else (found.account_id, found.family_id, found.expires_at)


async def forget_expired(
    db: AsyncSession, *, tickets: datetime, challenges: datetime, families: datetime, most: int
) -> int:
    """Let go of proofs that ended before these moments. How many went of the kind of which most did."""
    return max(
        await forget(db, WsTicket, WsTicket.expires_at < tickets, most),
        await forget(db, Challenge, Challenge.expires_at < challenges, most),
        await forget(db, TokenFamily, TokenFamily.expires_at < families, most),
    )


# Providers and devices


async def provider(db: AsyncSession, account_id: UUID) -> Provider | None:
    """What an account provides, if anything."""
    return await row_of(db, Provider, account_id)


async def put_provider(db: AsyncSession, account_id: UUID, values: Mapping[str, Any]) -> Provider:
    """Write what an account provides, whole."""
    statement = (
        insert(Provider)
        .values(account_id=account_id, **values)
        .on_conflict_do_update(index_elements=[Provider.account_id], set_=dict(values))
        .returning(Provider)
    )
    return (await db.execute(statement, execution_options={"populate_existing": True})).scalar_one()


async def put_device(db: AsyncSession, account_id: UUID, device_id: str, values: Mapping[str, Any]) -> Device:
    """Write a device. A push token is one installation's: whoever held it before has left the phone."""
    await db.execute(
        delete(Device).where(Device.push_token == values["push_token"], Device.account_id != account_id)
    )
    statement = (
        insert(Device)
        .values(account_id=account_id, device_id=device_id, **values)
        .on_conflict_do_update(index_elements=[Device.account_id, Device.device_id], set_=dict(values))
        .returning(Device)
    )
    return (await db.execute(statement, execution_options={"populate_existing": True})).scalar_one()


async def keep_newest_devices(db: AsyncSession, account_id: UUID, most: int) -> None:
    """Forget all but an account's newest devices."""
    kept = (
        select(Device.device_id)
        .where(Device.account_id == account_id)
        .order_by(Device.updated_at.desc(), Device.device_id)
        .limit(most)
    )
    await db.execute(delete(Device).where(Device.account_id == account_id, Device.device_id.not_in(kept)))


async def drop_device(db: AsyncSession, account_id: UUID, device_id: str) -> None:
    """Forget a device."""
    await db.execute(delete(Device).where(Device.account_id == account_id, Device.device_id == device_id))


async def knows_timezone(db: AsyncSession, name: str) -> bool:
    """Whether the database, which does the reckoning, knows a time zone by this name."""
    statement = text("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = :name)")
    return bool((await db.execute(statement, {"name": name})).scalar_one())


async def markets_of(db: AsyncSession, account_id: UUID) -> frozenset[str]:
    """Where an account has been on duty, asked for something, or agreed to work."""
    seen = union(
        select(DutySession.market_id).where(DutySession.account_id == account_id),
        select(Request.market_id).where(Request.customer_id == account_id),
        select(Engagement.market_id).where(Engagement.provider_id == account_id),
    )
    return frozenset((await db.execute(seen)).scalars())
