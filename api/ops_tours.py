"""Tours of several stops, for ops: planned, looked at, and kept nowhere."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from api.context import OpsOnly
from api.problems import problems
from api.tour_shapes import ToursIn, ToursOut
from domain.usecases import tours

router = APIRouter(prefix="/v1/ops", tags=["ops"])


@router.post("/tours", response_model=ToursOut, responses=problems(404))
async def plan_tours(body: ToursIn, work: OpsOnly) -> Mapping[str, Any]:
    """Plan who carries what, in which order. It changes nothing and offers nothing to anybody; asked again, it plans
    again (no `Idempotency-Key`). Large questions take seconds, a process's first one too."""
    return await tours.plan_tours(work, body.asked())
