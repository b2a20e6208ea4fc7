"""Who may see which row: the only way from an id a client sent to a row of the store.

"Not yours" and "not there" raise the same `NotFound`. Every function says who passes.
"""

from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, exists, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from domain.rules.errors import Forbidden, NotFound, Unauthenticated
from domain.rules.states import Allocator, OfferOrigin, RequestState, Role
from domain.store import accounts
from domain.store.tables import Account, Decision, Engagement, Offer, Request
from domain.usecases.work import Actor, Work

Row = TypeVar("Row")

_REQUEST: Final = select(Request).where(Request.id == bindparam("id"))
_OFFER: Final = select(Offer).where(Offer.id == bindparam("id"))
_ENGAGEMENT: Final = select(Engagement).where(Engagement.id == bindparam("id"))


def require_account(actor: Actor) -> UUID:
    """Anybody signed in."""
    if actor.account_id is None:
        raise Unauthenticated
    return actor.account_id


def require_ops(actor: Actor) -> UUID:
    """Ops staff of any market. A role that never passes is told so: there is no row to hide."""
    account = require_account(actor)
    if not actor.is_ops:
        raise Forbidden("this is for ops staff")
    return account


def require_ops_of(actor: Actor, market: str) -> UUID:
    """Ops staff of this market. Markets are public: that there is one is no secret to hide."""
    account = require_ops(actor)
    if not actor.oversees(market):
        raise Forbidden("this is for the ops staff of that market")
    return account


def require_ops_of_all(actor: Actor) -> UUID:
    """Ops staff of every market: for what belongs to none of them."""
    account = require_ops(actor)
    if not actor.oversees_all:
        raise Forbidden("this is for the ops staff of every market")
    return account


def overseen(actor: Actor, market_id: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Rows of the markets that the actor oversees; none for whoever is not staff."""
    if not actor.is_ops:
        return false()
    return true() if actor.ops_markets is None else market_id.in_(sorted(actor.ops_markets))


async def account_overseen(work: Work, account_id: UUID, *, lock: bool = True) -> Account:
    """Ops staff of every market; staff of some, for whoever has been on duty, asked or worked in theirs and nowhere
    else: what is done to an account is felt everywhere it is used."""
    require_ops(work.actor)
    account = await accounts.account(work.db, account_id, lock=lock)
    if account is None:
        raise NotFound
    if work.actor.ops_markets is not None:
        known_in = await accounts.markets_of(work.db, account_id)
        if account.is_ops or not known_in or not known_in <= work.actor.ops_markets:
            raise NotFound
    return account


async def known_in(work: Work, account_id: UUID, market: str) -> bool:
    """Whether the actor may know of an account that something in this market is about."""
    return work.actor.oversees_all or market in await accounts.markets_of(work.db, account_id)


async def request_of_customer(work: Work, request_id: UUID, *, lock: bool = False) -> Request:
    """Its customer; ops of its market too."""
    account = require_account(work.actor)
    row = await _called(work.db, _REQUEST, request_id)
    if row.customer_id != account and not work.actor.oversees(row.market_id):
        raise NotFound
    return await _locked(work.db, _REQUEST, request_id) if lock else row


async def request_of_ops(work: Work, request_id: UUID) -> Request:
    """Ops of its market only."""
    require_ops(work.actor)
    row = await _called(work.db, _REQUEST, request_id)
    if not work.actor.oversees(row.market_id):
        raise NotFound
    return row


async def request_in_sight(work: Work, request_id: UUID) -> tuple[Request, Role]:
    """Its customer, ops of its market, and providers it was put to or who were considered for it (the coarse view)."""
    account = require_account(work.actor)
    row = await _called(work.db, _REQUEST, request_id)
    if row.customer_id == account:
        return row, Role.CUSTOMER
    if work.actor.oversees(row.market_id):
        return row, Role.OPS
    told = select(
        or_(
            exists().where(Offer.request_id == request_id, Offer.provider_id == account),
            exists().where(Decision.request_id == request_id, Decision.provider_id == account),
        )
    )
    if (await work.db.execute(told)).scalar_one():
        return row, Role.PROVIDER
    raise NotFound


async def open_call_for_provider(work: Work, request_id: UUID, *, lock: bool = False) -> Request:
    """Any provider account, as long as the posted job is open to proposals and not their own."""
    account = require_account(work.actor)
    statement = select(Request).where(
        Request.id == request_id,
        Request.allocator == Allocator.CALL,
        Request.customer_id != account,
        Request.state == RequestState.OPEN,
    )
    return await _one(work.db, statement, lock)


async def offer_of_party(work: Work, offer_id: UUID, *, lock: bool = False) -> tuple[Offer, Role]:
    """Its provider; the customer for what the two negotiate (never for an engine's offer to a provider); ops of
    its market."""
    account = require_account(work.actor)
    row = await _called(work.db, _OFFER, offer_id)
    if row.provider_id == account:
        role = Role.PROVIDER
    elif row.customer_id == account and row.origin != OfferOrigin.DISPATCH:
        role = Role.CUSTOMER
    elif work.actor.oversees(row.market_id):
        role = Role.OPS
    else:
        raise NotFound
    return (await _locked(work.db, _OFFER, offer_id) if lock else row), role


async def engagement_of_party(
    work: Work, engagement_id: UUID, *, lock: bool = False
) -> tuple[Engagement, Role]:
    """Its two parties, and ops of its market."""
    account = require_account(work.actor)
    row = await _called(work.db, _ENGAGEMENT, engagement_id)
    if row.customer_id == account:
        role = Role.CUSTOMER
    elif row.provider_id == account:
        role = Role.PROVIDER
    elif work.actor.oversees(row.market_id):
        role = Role.OPS
    else:
        raise NotFound
    return (await _locked(work.db, _ENGAGEMENT, engagement_id) if lock else row), role


async def _called(db: AsyncSession, statement: Select[Row], row_id: UUID) -> Row:
    row = (await db.execute(statement, {"id": row_id})).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


async def _locked(db: AsyncSession, statement: Select[Row], row_id: UUID) -> Row:
    """The same once it is known who asks: strangers lock nothing. Whose it is never changes."""
    return await _called(db, statement.with_for_update().execution_options(populate_existing=True), row_id)


async def _one(db: AsyncSession, statement: Select[Row], lock: bool) -> Row:
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = (await db.execute(statement)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row
