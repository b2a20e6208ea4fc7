"""Whether the process lives, whether it can serve, and its numbers."""

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse

from api.context import ToolsOf
from api.metrics import CONTENT_TYPE, Metrics
from api.problems import problems
from api.schemas import Out
from domain.usecases.readiness import check_readiness

router = APIRouter(tags=["operations"])


class Health(Out):
    """`ok`, or the answer is a problem."""

    status: str


@router.get("/healthz", response_model=Health)
async def healthz() -> Health:
    """The process runs. Says nothing of what it depends on: restarting would not help those."""
    return Health(status="ok")


@router.get("/readyz", response_model=Health, responses=problems(503))
async def readyz(tools: ToolsOf) -> Health:
    """The database answers and the bus carries; 503 `unavailable` otherwise."""
    await check_readiness(tools)
    return Health(status="ok")


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """The Prometheus exposition format."""
    numbers: Metrics = request.app.state.metrics
    return Response(numbers.text(), headers={"Content-Type": CONTENT_TYPE})
