"""Whom one is not put in touch with."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from api.context import SignedIn
from api.problems import problems
from api.schemas import Out, RowId, Time
from domain.rules.wire import moment
from domain.usecases import blocks

router = APIRouter(prefix="/v1/me/blocks", tags=["oneself"])


class BlockOut(Out):
    account_id: UUID
    since: Time


class Blocks(Out):
    items: list[BlockOut]
    next_cursor: str | None = None


@router.get("", response_model=Blocks)
async def my_blocks(work: SignedIn) -> Mapping[str, Any]:
    """Whom one has blocked, newest first, at most 200. Who has blocked oneself is told to nobody."""
    rows = await blocks.my_blocks(work)
    return {
        "items": [{"account_id": str(row.blocked_id), "since": moment(row.created_at)} for row in rows],
        "next_cursor": None,
    }


@router.put("/{account_id}", status_code=204, response_class=Response, responses=problems(404))
async def block(account_id: RowId, work: SignedIn) -> None:
    """Be put in touch with somebody no more, on either side. 404 for whoever one has never dealt with."""
    await blocks.block(work, account_id)


@router.delete("/{account_id}", status_code=204, response_class=Response)
async def unblock(account_id: RowId, work: SignedIn) -> None:
    """Take it back. Saying it twice is no harm."""
    await blocks.unblock(work, account_id)
