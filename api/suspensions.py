"""Suspension: a human's act. The engine may propose one, never do it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.context import OpsOnly
from api.idempotency import Once
from api.problems import problems
from api.schemas import NO_NUL, In, Out, RowId, Time
from domain.usecases import suspension
from domain.usecases.views.accounts import suspension_view

router = APIRouter(prefix="/v1/ops/accounts", tags=["operations"])


class SuspensionIn(In):
    reason: Annotated[
        str, Field(strict=True, min_length=1, max_length=2_000, pattern=NO_NUL, examples=["Forged licence"])
    ]


class SuspensionOut(Out):
    account_id: UUID
    suspended: bool
    reason: str | None
    by: UUID | None
    at: Time | None


@router.post("/{account_id}/suspend", response_model=SuspensionOut, responses=problems(404, 409))
async def suspend(account_id: RowId, body: SuspensionIn, work: OpsOnly, once: Once) -> Response:
    """Sign the account out everywhere, take it off duty and withdraw its pending offers. Engagements go on."""

    async def run() -> Mapping[str, Any]:
        return suspension_view(await suspension.suspend(work, account_id, body.reason))

    return await once(SuspensionOut, run)


@router.post("/{account_id}/unsuspend", response_model=SuspensionOut, responses=problems(404, 409))
async def unsuspend(account_id: RowId, work: OpsOnly, once: Once) -> Response:
    """Let the account sign in again."""

    async def run() -> Mapping[str, Any]:
        return suspension_view(await suspension.unsuspend(work, account_id))

    return await once(SuspensionOut, run)
