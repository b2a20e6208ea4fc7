"""The engine put together: tools, edges and loops, started and stopped in one place.

One process runs all of it (`serve`, `up`); `api`, `dispatch` and `relay` run a part each and meet over NATS.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import Flag, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from api.app import VERSION, ApiSettings, create_api, create_door
from api.limits import Rate
from api.problems import refusal_body
from app import ground, migrate
from app.calibrator import Calibrator
from app.clock import SystemClock, new_id
from app.database import BESIDE, CONNECTIONS, LOOPS, open_database
from app.dispatcher import MarketDispatcher
from app.ground import Ground
from app.janitor import Janitor
from app.live import Markets
from app.loops import Loop, Loops
from app.pages import add_pages
from app.psp_sandbox import SandboxPsp
from app.pusher import Pusher
from app.relay import Relay
from app.settings import Settings, SettingsError, keys
from app.timekeeper import Timekeeper
from app.tours.planner import TourPlanner
from app.warming import Warmer
from app.watch import house
from app.watch.deeds import DeedSeries
from app.watch.errands import RelaySeries, TimerSeries
from app.watch.pool import pool_of
from app.watch.psp import CountedPsp
from app.watch.pulse import BacklogWatch, LoopPulse
from app.watch.rounds import RoundMetrics
from domain.rules.errors import Refusal
from domain.rules.ports import Bus, PushSender, TravelTimes
from domain.rules.traces import Traces
from domain.usecases.catalogue import list_markets
from domain.usecases.founding import found_market
from domain.usecases.positions import Positions
from domain.usecases.readiness import Readiness
from domain.usecases.timers import HANDLERS
from domain.usecases.work import ENGINE, Firebase, Tools, working
from notifications.console import ConsoleSender
from realtime.asyncapi import asyncapi_document
from realtime.bus_inproc import InProcBus
from realtime.endpoint import create_ws_router
from realtime.hub import Gateway
from realtime.wiretap import SocketTally, Wiretap

if TYPE_CHECKING:
    from app.watch.otlp import OtlpTraces
    from realtime.bus_nats import NatsBus

BUS_WITHIN: Final = 20.0  # s for the bus to be there: they may all start at once
DEMO: Final = Path(__file__).parent / "demo"


class Part(Flag):
    """What a process runs."""

    API = auto()
    DISPATCH = auto()
    RELAY = auto()  # events, timers, pushes
    ALL = API | DISPATCH | RELAY


@dataclass(frozen=True)
class Engine:
    """A running engine. `api` and `gateway` are there in processes that serve it; `door` is what the others answer."""

    tools: Tools
    api: FastAPI | None
    door: FastAPI
    gateway: Gateway | None
    readiness: Readiness

    async def drain(self) -> None:
        """Be ready no more, and send the sockets away, each to come back at its own moment. Before the server stops."""
        self.readiness.leaving = True
        if self.gateway is not None:
            await self.gateway.drain()


@asynccontextmanager
async def running(settings: Settings, database_url: str, parts: Part = Part.ALL) -> AsyncIterator[Engine]:
    """Start the parts over a database that is migrated first; stop them in the reverse order."""
    async with AsyncExitStack() as stack:
        database = _database(stack, database_url, CONNECTIONS)
        bus = await _bus(settings)
        stack.push_async_callback(bus.close)
        cities: dict[str, Ground] = {}
        firebase, fcm = _firebase(settings)
        registry = CollectorRegistry()
        traces = _traces(settings, parts, stack)
        planner = TourPlanner() if Part.API in parts else None
        if planner is not None:
            stack.callback(planner.close)
        beside = _database(stack, database_url, BESIDE)
        tools = _tools(settings, database, beside, bus, cities, firebase, registry, traces, planner)
        await migrate.to_head(database)
        osrm = _osrm(settings, stack)
        await _found(tools, cities, osrm)
        aside = _database(stack, database_url, LOOPS + len(cities))  # a market's lease keeps one of them
        looping = replace(tools, sessions=async_sessionmaker(aside, expire_on_commit=False))
        running_loops = Loops(registry)
        loops: list[Loop] = [LoopPulse(registry).run]
        api: FastAPI | None = None
        gateway: Gateway | None = None
        positions = Positions(tools, node=str(new_id()))
        house.watch(registry, house.of_pool(lambda: pool_of(database)), house.of_bus(bus.tally))
        readiness = Readiness(tools, migrate.revisions(), relays=Part.RELAY in parts)
        if parts & (Part.API | Part.DISPATCH):
            warmer = Warmer(tools, streets=any(known.streets is not None for known in cities.values()))
            loops += [positions.run, Calibrator(looping, cities).run, warmer.run]
        if Part.API in parts:
            gateway = Gateway(tools, positions, problem_of=_problem)
            api = _api(settings, tools, gateway, positions, registry, readiness)
            if traces is not None:
                traces.watch(api)
            loops.append(gateway.run)
        if Part.DISPATCH in parts:
            metrics = RoundMetrics(registry)
            loops += [MarketDispatcher(looping, market, metrics).run for market in sorted(cities)]
        if Part.RELAY in parts:
            sender = fcm or ConsoleSender(looping)
            stack.push_async_callback(sender.close)
            pusher = Pusher(looping, sender, registry)
            timekeeper = Timekeeper(looping, HANDLERS, TimerSeries(registry))
            relay = Relay(looping, RelaySeries(registry))
            loops += [relay.run, timekeeper.run, pusher.run, Janitor(looping).run]
            loops.append(BacklogWatch(looping, registry).run)
        running_loops.begin(loops)
        stack.push_async_callback(running_loops.end)
        yield Engine(tools, api, create_door(readiness, registry), gateway, readiness)


def _database(stack: AsyncExitStack, url: str, connections: int) -> AsyncEngine:
    """Connections to the database, let go with the stack."""
    database = open_database(url, connections)
    stack.push_async_callback(database.dispose)
    return database


def _tools(
    settings: Settings,
    database: AsyncEngine,
    beside: AsyncEngine,
    bus: Bus,
    cities: Mapping[str, Ground],
    firebase: Firebase | None,
    registry: CollectorRegistry,
    traces: Traces | None,
    planner: TourPlanner | None,
) -> Tools:
    own = keys(settings)
    return Tools(
        sessions=async_sessionmaker(database, expire_on_commit=False),
        clock=SystemClock(),
        new_id=new_id,
        entropy=secrets.token_bytes,
        bus=bus,
        psp=CountedPsp(SandboxPsp(own.hashes), registry),
        cities=cities,
        live=Markets(fastest_mps=settings.fastest_mps),
        secrets=own,
        knobs=settings.knobs,
        development=settings.development,
        firebase=firebase,
        witness=DeedSeries(registry),
        traces=traces,
        pressed=lambda: pool_of(database).waited_s,
        planner=planner,
        beside=async_sessionmaker(beside, expire_on_commit=False),
    )


def _api(
    settings: Settings,
    tools: Tools,
    gateway: Gateway,
    positions: Positions,
    registry: CollectorRegistry,
    readiness: Readiness,
) -> FastAPI:
    """HTTP, the socket, its document, and the pages."""
    rates = ApiSettings(
        account=Rate(settings.account_per_s, settings.account_burst),
        stranger=Rate(settings.address_per_s, settings.address_burst),
        registry=registry,
        readiness=readiness,
        origins=settings.origins,
    )
    api = create_api(tools, rates)
    sockets = SocketTally()
    at_the_sockets = house.of_sockets(gateway.roster, gateway.doorstep, sockets)
    house.watch(registry, at_the_sockets, house.of_positions(positions.tally))
    api.add_middleware(Wiretap, tally=sockets)
    api.state.positions = positions
    api.include_router(create_ws_router(gateway, settings.origins))

    @api.get("/v1/asyncapi.json", include_in_schema=False)
    async def asyncapi() -> dict[str, Any]:
        return asyncapi_document()

    add_pages(api)
    return api


def _problem(refusal: Refusal, language: str) -> Mapping[str, Any]:
    """A refused command on the socket answers as the HTTP API does."""
    return refusal_body(refusal, "", language)


async def _bus(settings: Settings) -> "InProcBus | NatsBus":
    if settings.nats_url is None:
        return InProcBus()
    from realtime.bus_nats import NatsBus  # noqa: PLC0415 - one process of its own never needs it

    try:
        async with asyncio.timeout(BUS_WITHIN):
            return await NatsBus.connected(settings.nats_url)
    except TimeoutError:
        raise SettingsError(f"no NATS server answers at {settings.nats_url} (COUDMAIN_NATS_URL)") from None


def _osrm(settings: Settings, stack: AsyncExitStack) -> TravelTimes | None:
    """OSRM where one is configured; closed with the rest."""
    if settings.osrm_url is None:
        return None
    from app.osrm import OsrmTravelTimes  # noqa: PLC0415 - an HTTP client takes a tenth of a second to import

    osrm = OsrmTravelTimes(settings.osrm_url)
    stack.push_async_callback(osrm.close)
    return osrm


async def _found(tools: Tools, cities: dict[str, Ground], osrm: TravelTimes | None) -> None:
    """The demo market where there is room for one, and the ground of every market."""
    async with working(tools, ENGINE) as work:
        if tools.development:
            for demo in sorted(DEMO.glob("*.json")):
                await found_market(work, json.loads(demo.read_text()))
        zones = {market.id: market.timezone for market in await list_markets(work)}
    for slug, zone in zones.items():
        cities[slug] = await asyncio.to_thread(ground.load, slug, osrm, timezone=zone, clock=tools.clock)


def _traces(settings: Settings, parts: Part, stack: AsyncExitStack) -> "OtlpTraces | None":
    """Who records traces, where a collector is configured; the last to be stopped."""
    if settings.otlp is None:
        return None
    from app.watch.otlp import OtlpTraces  # noqa: PLC0415 - the SDK is nothing to those who do not record

    told = {"service.name": "coudmain", "service.version": VERSION, "service.instance.id": str(new_id())}
    kinds = [part.name.lower() for part in parts if part.name is not None]
    told["coudmain.parts"] = ",".join(kinds)
    traces = OtlpTraces(settings.otlp, share=settings.otlp_share, resource=told)
    stack.push_async_callback(traces.close)
    return traces


def _firebase(settings: Settings) -> tuple[Firebase | None, PushSender | None]:
    """Firebase where credentials are configured: ID tokens and pushes."""
    if settings.firebase_credentials is None:
        return None, None
    from app.firebase import FirebaseTokens, firebase_pushes, open_firebase  # noqa: PLC0415 - a second to import

    wired = open_firebase(settings.firebase_credentials)
    return FirebaseTokens(wired), firebase_pushes(wired, SystemClock(), settings.fcm_url)
