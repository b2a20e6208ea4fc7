"""How often the engine's pick-up promises held, for ops."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from api.context import OpsOnly
from api.problems import problems
from api.schemas import Out, Slug
from domain.usecases import calibration

router = APIRouter(prefix="/v1/ops", tags=["ops"])


class KeptOut(Out):
    """Of `count` finished approaches, the share that took no longer than promised: half and nine in ten are right.

    `median_ratio` is the time taken over the P50 promised.
    """

    count: int
    within_p50: float
    within_p90: float
    median_ratio: float


class HourOut(KeptOut):
    """The same for one hour of the day, local."""

    hour: int


class CalibrationOut(Out):
    """Promises and factors of the last `days`; `version` is on every answer the factors touch, "none" at first."""

    market: str
    version: str
    observed: int
    days: int
    factor_p50: float
    factor_p90: float
    overall: KeptOut | None
    hours: list[HourOut]


@router.get("/markets/{slug}/calibration", response_model=CalibrationOut, responses=problems(404))
async def calibration_of(slug: Slug, work: OpsOnly) -> Mapping[str, Any]:
    """How often pick-up promises held, overall and by hour, and the factors learnt from it."""
    return await calibration.report(work, slug)
