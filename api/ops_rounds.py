"""Rounds for ops: who was looked at for a request, what became of them, and why."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api.context import OpsOnly
from api.engagement_shapes import At
from api.paging import Paging
from api.problems import problems
from api.schemas import Out, Page, RowId, Slug
from domain.usecases import why

router = APIRouter(prefix="/v1/ops", tags=["ops"])


class CandidateOut(Out):
    """One provider in a round. `words` is what they are told; `terms` are the seconds of their cost by name."""

    provider_id: UUID
    name: str
    offer_id: UUID | None
    outcome: str
    reason: str
    words: str
    rank: int | None
    eta_s: float | None
    meters: float | None
    terms: dict[str, float]


class FairnessOut(Out):
    """What fairness cost a round: seconds of approach more than without it, offers that it moved, and the most that
    one offer's approach may grow by."""

    extra_pickup_s: float
    moved: int
    most_s: float


class MeasuresOut(Out):
    """How scarce supply was in a round, and what followed from it."""

    requests: int
    idle: int
    candidates: int
    window_s: float
    at_once: bool
    fairness: FairnessOut | None


class RoundOut(Out):
    """One run of the matcher. `seed` is a text: it has more digits than a JavaScript number keeps."""

    id: UUID
    at: At
    policy_version: str
    seed: str
    objective: float
    solve_ms: float
    travel_source: str
    measures: MeasuresOut | None
    candidates: list[CandidateOut]
    unserved: str | None


class Rounds(Out):
    items: list[RoundOut]
    next_cursor: str | None = None


class RoundLine(Out):
    """One run of the matcher in a list of them; `requests` are those it was about, and have the rest."""

    id: UUID
    market: str
    at: At
    policy_version: str
    seed: str
    objective: float
    solve_ms: float
    travel_source: str
    measures: MeasuresOut | None
    requests: list[UUID]


@router.get("/rounds", response_model=Page[RoundLine])
async def latest(
    work: OpsOnly, page: Paging, market: Annotated[Slug | None, Query()] = None
) -> Mapping[str, Any]:
    """The latest rounds, newest first."""
    rows = await why.latest_rounds(work, market=market, before=page.before, limit=page.limit + 1)
    return page.of(rows, dict, lambda row: row["id"])


@router.get("/requests/{request_id}/rounds", response_model=Rounds, responses=problems(404))
async def rounds_of(request_id: RowId, work: OpsOnly) -> Mapping[str, Any]:
    """Every stored round of a request, newest first; each can be replayed from what is stored."""
    return {"items": await why.rounds_of(work, request_id), "next_cursor": None}
