"""The HTTP application: every resource, and the layers around them.

Built by a function, never at import. The composition root adds what is not a resource (sockets, pages).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from api import (
    auth,
    blocks,
    catalogue,
    dev,
    engagements,
    events,
    health,
    me,
    money,
    offers,
    openapi,
    ops_calibration,
    ops_engagements,
    ops_rounds,
    ops_tours,
    positions,
    problems,
    profiles,
    quotes,
    requests,
    reviews,
    shares,
    suggestions,
    suspensions,
)
from api.cors import welcome_pages
from api.frame import BodyCap, Frame, Gzip, Heads
from api.limits import ACCOUNT, ADDRESS, CODES, STRANGER, CodeLimit, Limits, Rate
from api.metrics import Metrics
from api.patience import Patience
from domain.usecases.outages import ANSWER_WITHIN
from domain.usecases.readiness import Readiness
from domain.usecases.work import Tools

VERSION: Final = "1.0.0"

# Every resource, by noun. Append yours.
ROUTERS: Final[tuple[APIRouter, ...]] = (
    auth.router,
    blocks.router,
    catalogue.router,
    engagements.router,
    events.router,
    health.router,
    me.router,
    money.router,
    offers.router,
    ops_engagements.router,
    ops_calibration.router,
    ops_rounds.router,
    ops_tours.router,
    positions.router,
    profiles.router,
    quotes.router,
    requests.router,
    reviews.router,
    shares.router,
    suggestions.router,
    suspensions.router,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What an operator may set. Rates are tokens per second and a burst."""

    account: Rate = ACCOUNT
    stranger: Rate = STRANGER
    address: Rate = ADDRESS
    codes: Rate = CODES
    body_limit: int = 256 * 1024  # bytes
    body_within: float = 20.0  # s for a body to come whole; a phone in a tunnel comes back under the same key
    answer_within: float = ANSWER_WITHIN
    monotonic: Callable[[], float] = time.monotonic
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    readiness: Readiness | None = None  # None: whether database and bus answer
    origins: tuple[str, ...] = ()  # whose pages may call the API, besides our own


def create_api(tools: Tools, settings: ApiSettings) -> FastAPI:
    """The application over one house's means. `tools.development` adds the `dev` routes."""
    api = FastAPI(
        title="Coudmain",
        version=VERSION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the framework's page loads its scripts from the internet
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.tools = tools
    api.state.metrics = Metrics(settings.registry)
    api.state.registry = settings.registry
    api.state.readiness = settings.readiness or Readiness(tools)
    api.state.codes = CodeLimit(settings.codes, settings.monotonic, free=tools.development)
    problems.install(api)
    openapi.install(api)
    for router in (*ROUTERS, *((dev.router,) if tools.development else ())):
        # Not `include_router`: it analyses each route anew at the first request and matches each request twice.
        api.router.routes.extend(router.routes)
    # The last added is the outermost.
    api.add_middleware(Patience, within=settings.answer_within)
    api.add_middleware(Heads)
    api.add_middleware(Gzip)
    api.add_middleware(BodyCap, limit=settings.body_limit, within=settings.body_within)
    api.add_middleware(
        Limits,
        tools=tools,
        account=settings.account,
        stranger=settings.stranger,
        address=settings.address,
        monotonic=settings.monotonic,
    )
    api.add_middleware(Frame, new_id=tools.new_id, monotonic=settings.monotonic, metrics=api.state.metrics)
    welcome_pages(api, settings.origins)
    return api


def create_door(readiness: Readiness, registry: CollectorRegistry) -> FastAPI:
    """What a process without the API answers: whether it lives, whether it can do its part, its numbers."""
    door = FastAPI(title="Coudmain", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None)
    door.state.readiness, door.state.registry = readiness, registry
    problems.install(door)
    door.include_router(health.router)
    door.add_middleware(Heads)
    return door
