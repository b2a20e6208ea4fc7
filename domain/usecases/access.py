"""Who may see which row: the only way from an id a client sent to a row of the store.

"Not yours" and "not there" raise the same `NotFound`. Every function says who passes.
"""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.errors import Forbidden, NotFound, Unauthenticated
from domain.rules.states import Allocator, RequestState, Role
from domain.store.tables import Decision, Engagement, Offer, Request
from domain.usecases.work import Actor, Work

Row = TypeVar("Row")


def require_account(actor: Actor) -> UUID:
    """Anybody signed in."""
    if actor.account_id is None:
        raise Unauthenticated
    return actor.account_id


def require_ops(actor: Actor) -> UUID:
    """Ops staff only. A role that never passes is told so: there is no row to hide."""
    account = require_account(actor)
    if not actor.is_ops:
        raise Forbidden("this is for ops staff")
    return account


async def request_of_customer(work: Work, request_id: UUID, *, lock: bool = False) -> Request:
    """Its customer; ops too."""
    statement = select(Request).where(Request.id == request_id)
    if not work.actor.is_ops:
        statement = statement.where(Request.customer_id == require_account(work.actor))
    return await _one(work.db, statement, lock)


async def request_in_sight(work: Work, request_id: UUID) -> tuple[Request, Role]:
    """Its customer, ops, and providers it was put to or who were considered for it (they see the coarse view)."""
    account = require_account(work.actor)
    row = await _one(work.db, select(Request).where(Request.id == request_id), lock=False)
    if row.customer_id == account:
        return row, Role.CUSTOMER
    if work.actor.is_ops:
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
    """Its provider; the customer for what the two negotiate (never for an engine's offer to a provider); ops."""
    account = require_account(work.actor)
    statement = select(Offer).where(Offer.id == offer_id)
    if not work.actor.is_ops:
        negotiated = and_(Offer.customer_id == account, Offer.origin != "dispatch")
        statement = statement.where(or_(Offer.provider_id == account, negotiated))
    row = await _one(work.db, statement, lock)
    if row.provider_id == account:
        return row, Role.PROVIDER
    if row.customer_id == account and row.origin != "dispatch":
        return row, Role.CUSTOMER
    return row, Role.OPS


async def engagement_of_party(
    work: Work, engagement_id: UUID, *, lock: bool = False
) -> tuple[Engagement, Role]:
    """Its two parties, and ops."""
    account = require_account(work.actor)
    statement = select(Engagement).where(Engagement.id == engagement_id)
    if not work.actor.is_ops:
        statement = statement.where(or_(Engagement.customer_id == account, Engagement.provider_id == account))
    row = await _one(work.db, statement, lock)
    if row.customer_id == account:
        return row, Role.CUSTOMER
    if row.provider_id == account:
        return row, Role.PROVIDER
    return row, Role.OPS


async def _one(db: AsyncSession, statement: Select[Row], lock: bool) -> Row:
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    row = (await db.execute(statement)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row
