"""The town's own process: drivers, jobbers and customers, each a phone, until told to stop."""

import asyncio
import contextlib
import json
import signal
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import httpx
import numpy as np

from app import ground, memory
from app.ground import Ground
from app.town.customers import Customer
from app.town.drivers import Driver
from app.town.jobbers import Jobber
from app.town.people import person
from app.town.phone import Phone
from app.town.tally import Tally
from app.town.ways import Walker, near, on_a_street, somewhere
from app.town.work import Voices
from geo.points import LatLng, crow_m
from geo.travel import Profile

T = TypeVar("T")

LINES: Final = httpx.Limits(max_connections=4, max_keepalive_connections=4)  # of one phone
PATIENCE_S: Final = 15.0  # of a phone for one answer
ARRIVING_S: Final = 20.0  # real seconds over which the town wakes up: nine sign-ins a second are no stampede
COURIERS_IN: Final = 6  # one driver in six rides a bicycle
AREA_M: Final = 2_600.0  # of the market's middle: where most of life happens
VISITED: Final = (
    "station",
    "hotel",
    "casino",
    "hospital",
    "restaurant",
    "museum",
    "supermarket",
    "beach_resort",
    "park",
)


@dataclass(frozen=True, slots=True)
class TownPlan:
    """How large a town, how fast, how long (`None`: for ever), and where the engine answers."""

    base: str
    market: str = "monaco"
    drivers: int = 60
    jobbers: int = 40
    customers: int = 80
    speed: float = 1.0
    seconds: float | None = None
    seed: int = 1
    json_file: Path | None = None


class Inhabitant(Protocol):
    """A driver, a jobber or a customer."""

    async def live(self) -> None: ...


async def live(plan: TownPlan) -> Tally:
    """Run the town; returns what its inhabitants saw."""
    city = ground.load(plan.market)
    if city.streets is None:
        raise RuntimeError(f"the town needs the streets of {plan.market}: ./coudmain up fetches them")
    tally, voices = Tally(), Voices()
    async with contextlib.AsyncExitStack() as lines:
        inhabitants = _inhabitants(plan, city, tally, voices)
        for somebody in inhabitants:
            await lines.enter_async_context(somebody.phone.http)
        memory.settle()
        tasks = [
            asyncio.create_task(arrive(somebody, ARRIVING_S * share, tally))
            for share, somebody in in_step(inhabitants)
        ]
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(plan.seconds):
                await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if plan.json_file is not None:
        plan.json_file.write_text(json.dumps(tally.as_json(), ensure_ascii=False, indent=2))
    return tally


def in_step(inhabitants: Sequence[T]) -> Iterator[tuple[float, T]]:
    """Everybody, and the share of the arrivals that comes before them: each kind in step with the others, so that the
    first to ask find the first who drive."""
    kinds: dict[type, list[T]] = {}
    for somebody in inhabitants:
        kinds.setdefault(type(somebody), []).append(somebody)
    for several in kinds.values():
        for index, somebody in enumerate(several):
            yield index / len(several), somebody


def _inhabitants(
    plan: TownPlan, city: Ground, tally: Tally, voices: Voices
) -> Sequence[Driver | Jobber | Customer]:
    assert city.streets is not None
    middle, visited = _places(plan.market)
    trusted = ssl.create_default_context()

    def phone_of(number: int, kind: int) -> Phone:
        # A client each: a shared one looks through all of its connections whenever one is wanted or given back.
        http = httpx.AsyncClient(limits=LINES, timeout=PATIENCE_S, trust_env=False, verify=trusted)
        return Phone(person(number, kind, plan.seed), http, plan.base, handle=_unheard)

    found: list[Driver | Jobber | Customer] = []
    for number in range(plan.drivers):
        phone = phone_of(number, 0)
        courier = number % COURIERS_IN == COURIERS_IN - 1
        profile = Profile.CYCLE if courier else Profile.DRIVE
        start = _within(city, phone.person.rng, profile, middle)
        services = ("parcel",) if courier else ("ride-vtc", "ride-eco")
        walker = Walker(phone, city, start, profile, plan.speed)
        found.append(Driver(phone, walker, tally, voices, market=plan.market, services=services))
    for number in range(plan.jobbers):
        phone = phone_of(number, 1)
        start = near(visited[number % len(visited)], phone.person.rng, 300.0)
        start = on_a_street(city.streets, start, Profile.WALK)
        walker = Walker(phone, city, start, Profile.WALK, plan.speed)
        found.append(Jobber(phone, walker, tally, voices, market=plan.market))
    for number in range(plan.customers):
        phone = phone_of(number, 2)
        found.append(Customer(phone, tally, voices, visited, market=plan.market, speed=plan.speed))
    return found


def _within(city: Ground, rng: np.random.Generator, profile: Profile, middle: LatLng) -> LatLng:
    """A place on the streets, in the busy part of the market."""
    assert city.streets is not None
    for _ in range(200):
        place = somewhere(city.streets, rng, profile)
        if crow_m(place, middle) < AREA_M:
            return place
    return middle


def _places(market: str) -> tuple[LatLng, list[LatLng]]:
    """The middle of the busy part, and the places people visit, the most central kinds first."""
    named = [(kind, LatLng(lat, lon)) for _, kind, lat, lon in ground.places(market)]
    cores = [place for kind, place in named if kind in {"suburb", "city"}] or [place for _, place in named]
    middle = LatLng(float(np.median([p.lat for p in cores])), float(np.median([p.lon for p in cores])))
    visited = [
        place for kind in VISITED for k, place in named if k == kind and crow_m(place, middle) < AREA_M
    ]
    order = np.random.default_rng(0).permutation(len(visited))
    return middle, [visited[index] for index in order] or [middle]


async def arrive(somebody: Inhabitant, after: float, tally: Tally) -> None:
    """A life that begins after so many seconds: who is called off before has none to leave."""
    await asyncio.sleep(after)
    try:
        await somebody.live()
    except Exception as lost:  # noqa: BLE001 - one inhabitant's end is told, the town lives on
        tally.surprised("somebody", repr(lost))


def _unheard(event: dict[str, Any]) -> None:
    """Replaced by its owner."""
