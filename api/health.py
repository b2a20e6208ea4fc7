"""Whether the process lives, whether it can serve, and its numbers."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import Field
from starlette.responses import PlainTextResponse

from api.metrics import CONTENT_TYPE
from api.problems import problems
from api.schemas import Out
from domain.usecases.readiness import Readiness

router = APIRouter(tags=["operations"])


class Health(Out):
    """`ok`, or the answer is a problem."""

    status: str


class Ready(Health):
    """`schema` is the database's version; `relay_lag_s` the age of the oldest event not yet told, seconds."""

    schema_version: str | None = Field(serialization_alias="schema")
    relay_lag_s: float


@router.get("/healthz", response_model=Health)
async def healthz() -> Health:
    """The process runs. Says nothing of what it depends on: restarting would not help those."""
    return Health(status="ok")


@router.get("/readyz", response_model=Ready, responses=problems(503))
async def readyz(request: Request) -> Ready:
    """The database answers with a schema this version can use, the bus carries, and (where this process relays them)
    events are told in time; 503 `unavailable` otherwise, which says what does not hold."""
    readiness: Readiness = request.app.state.readiness
    found = await readiness.check()
    return Ready(status="ok", schema_version=found.schema, relay_lag_s=round(found.relay_lag_s, 3))


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """The Prometheus exposition format."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})
