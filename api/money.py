"""What one has paid, what one has made, and the payment service's messages."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field

from api.context import Anybody, SignedIn
from api.engagement_shapes import At, PaymentOut
from api.paging import Paging
from api.problems import problems
from api.schemas import Moment, Money, Out, Page
from domain.usecases import earnings, psp_webhook

router = APIRouter(prefix="/v1", tags=["money"])


class DayOut(Out):
    date: Annotated[str, Field(description="Of the market's own calendar.", examples=["2026-05-04"])]
    gross: Money
    fees: Money
    tips: Money
    net: Money


class EarningsOut(Out):
    """Money and hours of a span of time. `net` is gross less fees; tips are part of it."""

    since: Annotated[At, Field(alias="from")]
    until: Annotated[At, Field(alias="to")]
    engagements: int
    gross: Money
    fees: Money
    tips: Money
    net: Money
    activity_s: int
    connected_s: int
    net_per_connected_hour: Money | None
    days: list[DayOut]


class HeardOut(Out):
    heard: bool


@router.get("/me/payments", response_model=Page[PaymentOut])
async def my_payments(work: SignedIn, page: Paging) -> Mapping[str, Any]:
    """What one was asked to pay, newest first."""
    rows = await earnings.my_payments(work, before=page.before, limit=page.limit + 1)
    return page.of(rows, dict, lambda row: row["id"])


@router.get("/me/earnings", response_model=EarningsOut)
async def my_earnings(
    work: SignedIn,
    since: Annotated[
        Moment | None, Query(alias="from", description="The last seven days unless told.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Now unless told.")] = None,
) -> Mapping[str, Any]:
    """What one made in `[from, to)`, by day, and what an hour on duty came to."""
    return await earnings.my_earnings(work, since, until)


@router.post("/psp/webhook", status_code=202, response_model=HeardOut, responses=problems(404))
async def webhook(
    request: Request,
    work: Anybody,
    signature: Annotated[str, Header(alias="Psp-Signature", max_length=200)] = "",
) -> Mapping[str, Any]:
    """The payment service says that something happened; it is asked what. 404 without its signature."""
    await psp_webhook.hear(work, await request.body(), signature)
    return {"heard": True}
