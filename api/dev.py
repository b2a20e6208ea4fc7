"""What only a development installation answers: the console sender's outbox, and becoming ops."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.auth import CodeAsked
from api.context import Anybody
from api.schemas import NO_NUL, Out, Slug
from domain.usecases import development
from domain.usecases.views.accounts import sent_view

router = APIRouter(tags=["development"])

To = Annotated[
    str | None, Query(max_length=40, pattern=NO_NUL, description="A phone number.", examples=["+33612345678"])
]


class Sent(Out):
    """One message the console sender sent. A code stands in `data.code`."""

    to: str
    kind: Literal["otp", "push"]
    body: str
    data: dict[str, Any]
    at: str


class Outbox(Out):
    """Newest first."""

    items: list[Sent]


class OpsAsked(CodeAsked):
    """`markets`: slugs; null makes staff of every market."""

    markets: Annotated[list[Slug], Field(max_length=100)] | None = None


class MadeOps(Out):
    account_id: UUID
    is_ops: bool
    markets: list[str] | None


@router.get("/v1/dev/outbox", response_model=Outbox)
async def outbox(work: Anybody, to: To = None) -> Mapping[str, Any]:
    """What was sent to a phone, newest first, at most a hundred."""
    rows = await development.outbox(work, to)
    return {"items": [sent_view(row) for row in rows]}


@router.post("/v1/dev/ops", response_model=MadeOps)
async def make_ops(body: OpsAsked, work: Anybody) -> Mapping[str, Any]:
    """Make the account of a phone ops staff, of some markets or (without `markets`) of all."""
    account = await development.make_ops(work, body.phone, body.markets)
    return {"account_id": account.id, "is_ops": account.is_ops, "markets": account.ops_markets}
