"""Queries on offers. Whether an answer came in time is said by the database's own clock, in the update itself."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, bindparam, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import OFFER_MOVES, OfferMove, OfferOrigin, OfferState, sources
from domain.store.asking import ask, row_of
from domain.store.prepared import among, change, from_and_to, table_of
from domain.store.tables import Decision, Offer

IS_OVER: Final = Offer.answer_by <= func.clock_timestamp()
"""A condition: the time to answer has passed, by the database's clock."""

IN_TIME: Final = Offer.answer_by > func.clock_timestamp()

HAS_LIVE: Final = exists().where(Offer.id == bindparam("offer"), Offer.state == OfferState.PENDING, IN_TIME)
"""A condition on other rows: the offer bound by this name is pending and its time is not over."""

ALL_OF: Final = Offer.request_id == bindparam("request")


_THIS: Final = Offer.id == bindparam("this")
_MOVES: Final = from_and_to(Offer.state, OFFER_MOVES)


async def put(db: AsyncSession, rows: Sequence[dict[str, Any]]) -> list[Offer]:
    """Insert offers; those that a guard refuses (one pending offer a provider, one a pair) are not among the
    returned, and nothing else happens to them."""
    if not rows:
        return []
    statement = insert(Offer).on_conflict_do_nothing().returning(Offer)
    return list((await db.execute(statement, rows)).scalars().all())


async def move(
    db: AsyncSession,
    offer_id: UUID,
    verb: OfferMove,
    *,
    only_if: ColumnElement[bool] | None = None,
    **values: Any,
) -> Offer | None:
    """Move one offer along its table; `None` when it was not there to be moved."""
    found = await move_all(db, _THIS, verb, {"this": offer_id}, only_if=only_if, **values)
    return found[0] if found else None


async def move_all(
    db: AsyncSession,
    which: ColumnElement[bool],
    verb: OfferMove,
    given: Mapping[str, Any],
    *,
    only_if: ColumnElement[bool] | None = None,
    **values: Any,
) -> list[Offer]:
    """Move every offer of a condition that can still be moved; returns those that were, by id. The conditions are
    constants, what they compare with is `given` by name."""
    seen, to = _MOVES[verb]
    where = (which, seen) if only_if is None else (which, seen, only_if)
    return sorted(await change(db, Offer, where, given, {"state": to, **values}), key=lambda offer: offer.id)


def _taking() -> Executable:
    table, won = table_of(Offer), Offer.id == bindparam("won")
    assert sources(OFFER_MOVES, OfferMove.ACCEPT) == sources(OFFER_MOVES, OfferMove.WITHDRAW)
    pending, accepted = _MOVES[OfferMove.ACCEPT]
    _, withdrawn = _MOVES[OfferMove.WITHDRAW]
    taken = (
        update(table)
        .where(ALL_OF, pending)
        .values(
            state=case((won, accepted.value), else_=withdrawn.value),
            ended_why=case((won, table.c.ended_why), else_=bindparam("why")),
            answered_at=bindparam("now"),
        )
        .returning(table)
    )
    return select(Offer).from_statement(taken).execution_options(populate_existing=True)


_TAKE: Final = _taking()


async def take(
    db: AsyncSession, request_id: UUID, offer_id: UUID, now: datetime, *, why: str
) -> tuple[Offer | None, list[Offer]]:
    """Accept one offer of a request and withdraw the others that are pending, `why`, in one statement: `(the one, the
    others by id)`. No one where it is pending no longer; the transaction must not stand then."""
    given = {"request": request_id, "won": offer_id, "now": now, "why": why}
    ended = {offer.id: offer for offer in (await ask(db, _TAKE, given)).scalars()}
    won = ended.pop(offer_id, None)
    return won, [ended[one] for one in sorted(ended)]


async def is_late(db: AsyncSession, offer_id: UUID) -> bool:
    """Whether the time to answer an offer has passed, by the database's clock."""
    return (await db.execute(select(exists().where(Offer.id == offer_id, IS_OVER)))).scalar_one()


async def fresh(db: AsyncSession, offer_id: UUID) -> Offer | None:
    """The offer as it is now, whatever this session has seen of it."""
    return await row_of(db, Offer, offer_id)


async def of_provider(
    db: AsyncSession, provider: UUID, *, state: OfferState | None, before: UUID | None, limit: int
) -> Sequence[Offer]:
    """What was put to a provider or proposed by them, newest first."""
    statement = select(Offer).where(Offer.provider_id == provider)
    if state is not None:
        statement = statement.where(Offer.state == state)
    if state is OfferState.PENDING:
        statement = statement.where(Offer.answer_by > func.clock_timestamp())
    if before is not None:
        statement = statement.where(Offer.id < before)
    return (await db.execute(statement.order_by(Offer.id.desc()).limit(limit))).scalars().all()


async def put_to_customer(db: AsyncSession, customer: UUID, limit: int) -> Sequence[Offer]:
    """The proposals that wait for a customer's answer, newest first."""
    statement = select(Offer).where(
        Offer.to_account == customer,
        Offer.provider_id != customer,
        Offer.state == OfferState.PENDING,
        Offer.answer_by > func.clock_timestamp(),
    )
    return (await db.execute(statement.order_by(Offer.id.desc()).limit(limit))).scalars().all()


async def negotiated(db: AsyncSession, request_id: UUID, limit: int) -> Sequence[Offer]:
    """The proposals and counters of a posted job, oldest first."""
    statement = (
        select(Offer)
        .where(Offer.request_id == request_id, Offer.origin != OfferOrigin.DISPATCH)
        .order_by(Offer.id)
        .limit(limit)
    )
    return (await db.execute(statement)).scalars().all()


_PUT_SO_FAR: Final = select(Offer.request_id, Offer.provider_id, Offer.state, Offer.wave).where(
    among(Offer.request_id, "requests"),
    Offer.origin == OfferOrigin.DISPATCH,
    Offer.state != OfferState.WITHDRAWN,
)


async def put_so_far(db: AsyncSession, requests: Iterable[UUID]) -> Sequence[tuple[UUID, UUID, str, int]]:
    """`(request, provider, state, wave)` of every offer the engine has made for these requests.

    Those that were withdrawn are left out: nobody had the time to answer them, so they may be made again.
    """
    found = await ask(db, _PUT_SO_FAR, {"requests": list(set(requests))})
    return [(request, provider, state, wave) for request, provider, state, wave in found]


async def countered(db: AsyncSession, request_id: UUID, provider: UUID) -> bool:
    """Whether the customer has already made this provider a counter-offer on this request."""
    statement = select(
        exists().where(
            Offer.request_id == request_id, Offer.provider_id == provider, Offer.origin == OfferOrigin.COUNTER
        )
    )
    return (await db.execute(statement)).scalar_one()


async def decision_of(db: AsyncSession, offer: Offer) -> Decision | None:
    """The decision that an offer came from; for a proposal, the one that told its provider of the job."""
    statement = (
        select(Decision)
        .where(
            or_(
                Decision.offer_id == offer.id,
                (Decision.request_id == offer.request_id)
                & (Decision.provider_id == offer.provider_id)
                & (Decision.outcome == "offered"),
            )
        )
        .order_by((Decision.offer_id == offer.id).desc().nulls_last(), Decision.id.desc())
        .limit(1)
    )
    return (await db.execute(statement)).scalar_one_or_none()
