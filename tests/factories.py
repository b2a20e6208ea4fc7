"""Builders of rows and tools for tests. Small, named after what they make; nothing here is shared state."""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from domain.rules.ids import uuid7
from domain.rules.money import Cents, Money
from domain.rules.places import Place
from domain.rules.ports import Psp, PspAnswer, PspOutcome
from domain.rules.states import OfferState
from domain.store.tables import Account, DutySession, Provider
from domain.usecases.dispatch import RoundReport, run_round
from domain.usecases.founding import found_market
from domain.usecases.offers import my_offers
from domain.usecases.requests import Wish, create_request
from domain.usecases.work import ENGINE, Actor, City, Knobs, Secrets, Tools, working
from geo.crow import CrowTravel
from geo.live import Fix, LiveIndex
from geo.points import LatLng
from geo.travel import Profile, Route, Travel

MONACO: dict[str, Any] = json.loads((Path(__file__).parent.parent / "app/demo/monaco.json").read_text())
PORT = LatLng(43.7348, 7.4206)
CASINO = LatLng(43.7392, 7.4277)
ROCK = LatLng(43.7305, 7.4222)
LARVOTTO = LatLng(43.7466, 7.4335)
HELSINKI = LatLng(60.1699, 24.9384)
DAWN = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)  # a Monday


@dataclass
class FakeClock:
    """A clock that tests move by hand; sleeping moves it too."""

    at: datetime = DAWN

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)


@dataclass
class RecordingBus:
    """A bus nobody listens to: it remembers what was published."""

    published: list[tuple[str, bytes]] = field(default_factory=list)

    async def publish(self, subject: str, payload: bytes) -> None:
        self.published.append((subject, payload))

    async def subscribe(self, pattern: str, deliver: Callable[[str, bytes], None]) -> Callable[[], Any]:
        async def end() -> None:
            return None

        return end

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None


class CrowRoads:
    """The travel port over straight lines: deterministic."""

    def __init__(self) -> None:
        self._crow = CrowTravel()

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        return self._crow.to_one(origins, destination, profile)

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        return self._crow.from_one(origin, destinations, profile)

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        return self._crow.route(origin, destination, profile)


@dataclass(frozen=True)
class PaperCity:
    """A city with straight roads and a few words."""

    travel: CrowRoads = field(default_factory=CrowRoads)

    def address(self, p: LatLng) -> str:
        return f"{p.lat:.4f} rue du Plan"

    def quarter(self, p: LatLng) -> str:
        return "La Condamine"


@dataclass
class TestMarkets:
    """Live indexes made on first use; a bit per service slug."""

    __test__ = False
    indexes: dict[str, LiveIndex] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)

    def of(self, market: str) -> LiveIndex:
        return self.indexes.setdefault(market, LiveIndex())

    def mask_of(self, services: Iterable[str]) -> int:
        mask = 0
        for slug in services:
            mask |= 1 << self.bits.setdefault(slug, len(self.bits))
        return mask


class GoodPsp:
    """Says yes to everything, at once."""

    async def authorise(self, key: str, amount: Money, *, method: str, meta: Mapping[str, Any]) -> PspAnswer:
        return PspAnswer(PspOutcome.DONE, f"auth-{key}")

    async def capture(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        return PspAnswer(PspOutcome.DONE, ref)

    async def release(self, key: str, ref: str) -> PspAnswer:
        return PspAnswer(PspOutcome.DONE, ref)

    async def refund(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        return PspAnswer(PspOutcome.DONE, ref)


def make_tools(
    engine: AsyncEngine, *, clock: FakeClock | None = None, psp: Psp | None = None, knobs: Knobs | None = None
) -> Tools:
    """Tools over a real database, a clock moved by hand, straight roads and a bus that only remembers."""
    the_clock = clock or FakeClock()
    monaco: City = PaperCity()
    order = itertools.count()  # ids of one frozen moment sort as they were made
    return Tools(
        sessions=async_sessionmaker(engine, expire_on_commit=False),
        clock=the_clock,
        new_id=lambda: uuid7(
            int(the_clock.now().timestamp() * 1000), next(order).to_bytes(5) + os.urandom(5)
        ),
        entropy=os.urandom,
        bus=RecordingBus(),
        psp=psp or GoodPsp(),
        cities={"monaco": monaco},
        live=TestMarkets(),
        secrets=Secrets(tokens=b"t" * 32, quotes=b"q" * 32, hashes=b"h" * 32),
        knobs=knobs or Knobs(),
        development=True,
    )


async def a_market(tools: Tools) -> str:
    """Monaco with its zones and five services; returns its slug."""
    async with working(tools, ENGINE) as work:
        await found_market(work, MONACO)
    return "monaco"


async def an_account(
    tools: Tools, phone: str | None = None, *, name: str = "Camille", is_ops: bool = False
) -> Actor:
    """Somebody with a phone."""
    account_id = tools.new_id()
    async with working(tools, ENGINE) as work:
        row = Account(
            id=account_id, phone=phone, name=name, language="fr", is_ops=is_ops, created_at=work.now
        )
        work.db.add(row)
    return Actor(account_id=account_id, is_ops=is_ops)


async def a_provider(
    tools: Tools,
    services: Sequence[str] = ("ride-vtc",),
    *,
    at: LatLng | None = PORT,
    on_duty: bool = True,
    name: str = "Dominique",
    max_travel_s: int | None = None,
) -> Actor:
    """A provider; on duty in Monaco with a fresh position unless told otherwise."""
    actor = await an_account(tools, name=name)
    async with working(tools, ENGINE) as work:
        work.db.add(
            Provider(
                account_id=actor.id,
                services=list(services),
                vehicle={"make": "Renault", "model": "Zoe", "color": "bleu", "plate": "AB-123-CD"},
                languages=["fr"],
                max_travel_s=max_travel_s,
                updated_at=work.now,
            )
        )
        if on_duty:
            work.db.add(
                DutySession(
                    id=work.new_id(),
                    market_id="monaco",
                    account_id=actor.id,
                    services=list(services),
                    on_at=work.now,
                )
            )
    if on_duty and at is not None:
        put_at(tools, actor.id, at, services)
    return actor


def put_at(tools: Tools, provider: UUID, at: LatLng, services: Sequence[str] = ("ride-vtc",)) -> None:
    """Have a provider on duty be at a place, as of the clock's now."""
    index, now = tools.live.of("monaco"), tools.clock.now().timestamp()
    index.put_on_duty(provider, tools.live.mask_of(services))
    refusal = index.report(provider, Fix(lat=at.lat, lon=at.lon, at=now), now)
    assert refusal is None, refusal


async def run_as(tools: Tools, actor: Actor, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """One use case in one transaction of its own, as an edge would run it."""
    async with working(tools, actor) as work:
        return await use_case(work, *args, **kwargs)


def at_present() -> FakeClock:
    """A clock that starts at the database's own now: answers to offers are judged by the database's clock."""
    return FakeClock(datetime.now(UTC))


async def a_ride(
    tools: Tools,
    customer: Actor,
    *,
    service: str = "ride-vtc",
    pickup: LatLng = PORT,
    drop: LatLng = CASINO,
    start_at: datetime | None = None,
) -> UUID:
    """An open, paid request for a ride; returns its id."""
    wish = Wish(service=service, places=(Place("pickup", pickup), Place("drop", drop)), start_at=start_at)
    request = await run_as(tools, customer, create_request, wish)
    return UUID(str(request.row.id))


async def a_posted_job(
    tools: Tools, customer: Actor, *, site: LatLng = PORT, start_at: datetime | None = None, **wish: Any
) -> UUID:
    """An open odd job that providers may propose on; returns its id."""
    asked = Wish(service="odd-job", places=(Place("site", site),), start_at=start_at, **wish)
    request = await run_as(tools, customer, create_request, asked)
    return UUID(str(request.row.id))


async def a_round(tools: Tools, market: str = "monaco") -> RoundReport:
    """One round of the market's dispatcher."""
    report: RoundReport = await run_as(tools, ENGINE, run_round, market)
    return report


async def the_offers_of(tools: Tools, provider: Actor) -> list[dict[str, Any]]:
    """What a provider has to answer now, as the API tells it."""
    pending: list[dict[str, Any]] = await run_as(
        tools, provider, my_offers, state=OfferState.PENDING, before=None, limit=20
    )
    return pending
