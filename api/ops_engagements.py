"""For ops staff: agreed work, its exceptions, its books."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.context import OpsOnly
from api.engagement_shapes import At, EngagementOut, PaymentOut
from api.engagements import States, states_of
from api.idempotency import Once
from api.paging import Paging
from api.problems import problems
from api.schemas import NO_NUL, Flag, In, Money, Out, Page, RowId, Slug
from domain.rules.money import MOST_CENTS
from domain.usecases import exceptions, ops

router = APIRouter(prefix="/v1/ops", tags=["ops"])

Reason = Annotated[
    str, Field(strict=True, min_length=1, max_length=500, pattern=NO_NUL, examples=["an hour late"])
]


class ReassignIn(In):
    """`preview` only tells what would change."""

    provider: UUID
    preview: Flag = True


class FromOut(Out):
    account_id: UUID
    name: str
    loses: Money


class ToOut(Out):
    account_id: UUID
    name: str
    eta_s: int | None
    approach_m: int | None
    net: Money
    net_per_hour: Money


class PayerOut(Out):
    account_id: UUID
    pays: Money


class ReassignOut(Out):
    preview: bool
    engagement_id: UUID
    was: FromOut
    becomes: ToOut
    customer: PayerOut
    new_engagement_id: UUID | None


class RefundIn(In):
    """Cents to give back, and why. On a disputed engagement 0 pays the provider in full."""

    amount: Annotated[int, Field(strict=True, ge=0, le=MOST_CENTS)]
    reason: Reason


class ExceptionOut(Out):
    """Something out of order: `subject` is request, engagement, payment or timer, `id` its id."""

    kind: str
    severity: str
    since: At
    subject: str
    id: UUID
    market: str | None
    words: str
    detail: str


class ExceptionsOut(Out):
    items: list[ExceptionOut]
    next_cursor: str | None = None


class EntryOut(Out):
    id: UUID
    txn_id: UUID
    account: str
    amount: Money
    kind: str
    payment_id: UUID | None
    engagement_id: UUID | None
    at: At


class LedgerOut(Out):
    items: list[EntryOut]
    next_cursor: str | None = None
    sum: Money


class LedgerCheckOut(Out):
    """`nonzero` and `total` are 0, or money has leaked."""

    sound: bool
    transactions: int
    nonzero: int
    total: int


@router.get("/engagements", response_model=Page[EngagementOut])
async def list_engagements(
    work: OpsOnly, page: Paging, state: States = None, market: Annotated[Slug | None, Query()] = None
) -> Mapping[str, Any]:
    """Everybody's engagements, newest first."""
    rows = await ops.engagements_in(
        work, states=states_of(state), market=market, before=page.before, limit=page.limit + 1
    )
    return page.of(rows, dict, lambda row: row["id"])


@router.post(
    "/engagements/{engagement_id}/reassign", response_model=ReassignOut, responses=problems(403, 404, 409)
)
async def reassign(engagement_id: RowId, body: ReassignIn, work: OpsOnly, once: Once) -> Response:
    """Hand work that has not begun to another provider, or see what that would change."""

    async def run() -> Mapping[str, Any]:
        if body.preview:
            return await ops.preview_reassignment(work, engagement_id, body.provider)
        return await ops.reassign(work, engagement_id, body.provider)

    return await once(ReassignOut, run)


@router.post("/engagements/{engagement_id}/refund", response_model=PaymentOut, responses=problems(404, 409))
async def refund(engagement_id: RowId, body: RefundIn, work: OpsOnly, once: Once) -> Response:
    """Give money back, with a reason; also how a dispute is resolved."""

    async def run() -> Mapping[str, Any]:
        return await ops.refund(work, engagement_id, body.amount, body.reason)

    return await once(PaymentOut, run)


@router.get("/exceptions", response_model=ExceptionsOut)
async def list_exceptions(work: OpsOnly) -> Mapping[str, Any]:
    """What to look at now, the gravest first."""
    return {"items": await exceptions.exceptions(work)}


@router.get("/ledger", response_model=LedgerOut, responses=problems(404))
async def ledger(work: OpsOnly, engagement_id: UUID) -> Mapping[str, Any]:
    """What was booked for one engagement; it sums to zero."""
    return await ops.ledger_of(work, engagement_id)


@router.get("/ledger/check", response_model=LedgerCheckOut)
async def ledger_check(work: OpsOnly) -> Mapping[str, Any]:
    """The whole ledger added up in SQL."""
    return await ops.ledger_check(work)
