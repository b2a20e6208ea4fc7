"""What can be asked and where: markets and services; ops add services at run time."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, JsonValue, model_validator

from api.context import Anybody, OpsOnly
from api.etags import UNCHANGED, answer_with_etag
from api.idempotency import Once
from api.problems import problems
from api.schemas import FreeForm, In, Out, Place, Slug, plain
from domain.usecases import catalogue
from domain.usecases.views.catalogue import market_view, service_view

router = APIRouter(tags=["catalogue"])

RIDE: Final[dict[str, JsonValue]] = {
    "slug": "ride-night",
    "name": {"fr": "VTC de nuit", "en": "Night ride"},
    "allocator": "dispatch",
    "geo": "a_to_b",
    "trade": "ride",
    "inventory": {"kind": "calendar"},
    "price_rule": {
        "kind": "tariff",
        "base": 500,
        "per_km": 220,
        "per_min": 50,
        "minimum": 1600,
        "commission_bp": 2000,
    },
    "completion": {"kind": "pin", "pin": True},
    "regimes": ["fr_vtc"],
    "form": [],
}


class NowOut(Out):
    """How busy a market is: counts rounded down to fives, null below five, so that nobody is seen come or go."""

    on_duty: int | None
    open_requests: int | None
    running: int | None
    completed_today: int | None


class MarketOut(Out):
    """A city: the unit of configuration and of scale."""

    slug: str
    name: str
    currency: str
    timezone: str
    center: Place
    now: NowOut


class Markets(Out):
    items: list[MarketOut]
    next_cursor: str | None = None


class ServiceOut(Out):
    """A catalogue row. Post it back to `/v1/ops/services` with another slug to make one like it."""

    slug: str
    name: str
    names: dict[str, str]
    allocator: str
    inventory: dict[str, Any]
    price_rule: dict[str, Any]
    completion: dict[str, Any]
    regimes: list[str]
    form: list[dict[str, Any]]
    geo: str
    profile: str
    trade: str
    needs: list[str]
    duration_s: int
    max_trip_m: int
    dispatch: dict[str, Any]
    call: dict[str, Any]
    cancellation: dict[str, Any]


class Services(Out):
    items: list[ServiceOut]
    next_cursor: str | None = None


class ServiceIn(In):
    """A service as pure data. What is left out gets the defaults of its allocator."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [RIDE]})

    market: Slug = "monaco"
    slug: Annotated[str, Field(strict=True, max_length=200)]
    name: Annotated[str, Field(strict=True, max_length=200)] | dict[str, str]
    allocator: Annotated[str, Field(strict=True, max_length=200)]
    price_rule: FreeForm

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, data: Any) -> Any:
        """The members that only the catalogue reads are as bounded, finite and storable as the named ones."""
        return plain(data)


@router.get("/v1/markets", response_model=Markets, responses=UNCHANGED)
async def list_markets(work: Anybody, request: Request) -> Response:
    """Every market, and roughly how busy it is. Anybody may read it; ask with `If-None-Match`."""
    busy = await catalogue.busyness(work)
    items = [market_view(row, busy[row.id]) for row in await catalogue.list_markets(work)]
    return answer_with_etag(request, Markets.model_validate({"items": items}))


@router.get("/v1/services", response_model=Services, responses=UNCHANGED)
async def list_services(
    work: Anybody, request: Request, market: Annotated[Slug, Query(description="A market's slug.")] = "monaco"
) -> Response:
    """What a market offers. Anybody may read it; it rarely changes, so ask with `If-None-Match`."""
    specs = await catalogue.list_services(work, market)
    items = [service_view(spec, work.actor.language) for spec in specs]
    return answer_with_etag(request, Services.model_validate({"items": items}))


@router.post("/v1/ops/services", status_code=201, response_model=ServiceOut, responses=problems(409))
async def add_service(body: ServiceIn, work: OpsOnly, once: Once) -> Response:
    """Add a service to a market. It can be quoted, asked, done and reviewed at once: no code, no restart."""

    async def run() -> Mapping[str, Any]:
        data = body.model_dump(exclude={"market"}, exclude_unset=True)
        return service_view(await catalogue.add_service(work, body.market, data), work.actor.language)

    return await once(ServiceOut, run, status=201)


@router.put("/v1/ops/services/{slug}", response_model=ServiceOut, responses=problems(404, 409))
async def replace_service(slug: str, body: ServiceIn, work: OpsOnly) -> Mapping[str, Any]:
    """A new version of a service. Quotes and requests made before keep the version they were made with."""
    data = {**body.model_dump(exclude={"market"}, exclude_unset=True), "slug": slug}
    spec = await catalogue.add_service(work, body.market, data, replace=True)
    return service_view(spec, work.actor.language)
