"""Queries on sessions on duty, and on the offers that end with them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import OFFER_MOVES, OfferMove, OfferOrigin, sources
from domain.store.asking import ask
from domain.store.prepared import named
from domain.store.tables import DutySession, Offer


async def open_session(db: AsyncSession, account_id: UUID) -> DutySession | None:
    """The account's open session, locked; at most one exists."""
    statement = (
        select(DutySession)
        .where(DutySession.account_id == account_id, DutySession.off_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def current_session(db: AsyncSession, account_id: UUID) -> DutySession | None:
    """The same, to look at only."""
    return (await current_sessions(db, [account_id])).get(account_id)


_CURRENT: Final = select(DutySession).where(
    named(DutySession.account_id, "accounts"), DutySession.off_at.is_(None)
)


async def current_sessions(db: AsyncSession, accounts: Collection[UUID]) -> dict[UUID, DutySession]:
    """The sessions of those of them who are on duty."""
    if not accounts:
        return {}
    found = (await ask(db, _CURRENT, {"accounts": list(accounts)})).scalars()
    return {session.account_id: session for session in found}


async def was_on_duty_for(
    db: AsyncSession, account_id: UUID, market_id: str, service: str, at: datetime
) -> bool:
    """Whether somebody was on duty in a market for a service at a moment."""
    session = exists().where(
        DutySession.account_id == account_id,
        DutySession.market_id == market_id,
        DutySession.services.contains([service]),
        DutySession.on_at <= at,
        or_(DutySession.off_at.is_(None), DutySession.off_at > at),
    )
    return bool((await db.execute(select(session))).scalar_one())


async def begin(
    db: AsyncSession,
    *,
    row_id: UUID,
    account_id: UUID,
    market_id: str,
    services: Sequence[str],
    now: datetime,
) -> DutySession | None:
    """Open a session; `None` when another transaction has just opened one."""
    statement = (
        insert(DutySession)
        .values(id=row_id, market_id=market_id, account_id=account_id, services=list(services), on_at=now)
        .on_conflict_do_nothing()
        .returning(DutySession)
    )
    return (await db.execute(statement)).scalar_one_or_none()


async def withdraw_offers(
    db: AsyncSession, provider_id: UUID, *, why: str, now: datetime, dispatched_only: bool
) -> Sequence[Offer]:
    """Withdraw a provider's pending offers: those of the engine, or proposals and counters too."""
    statement = update(Offer).where(
        Offer.provider_id == provider_id,
        Offer.state.in_([state.value for state in sources(OFFER_MOVES, OfferMove.WITHDRAW)]),
    )
    if dispatched_only:
        statement = statement.where(Offer.origin == OfferOrigin.DISPATCH)
    to = OFFER_MOVES[next(iter(sources(OFFER_MOVES, OfferMove.WITHDRAW)))][OfferMove.WITHDRAW]
    moved = statement.values(state=to.value, ended_why=why, answered_at=now).returning(Offer)
    return (await db.execute(moved, execution_options={"populate_existing": True})).scalars().all()
