"""What a use case is given: one transaction, one actor, the moment, and the tools of the house."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from domain.rules.catalogue import ServiceSpec
from domain.rules.deeds import Counted, Deed
from domain.rules.events import Event, EventType
from domain.rules.ports import Bus, Clock, Psp, TravelTimes
from domain.rules.traces import Traces, requests_of
from domain.store import streams, timers
from domain.store.engagement_facts import EngagementFacts
from domain.store.timers import Due, TimerKind
from geo.live import LiveIndex
from geo.points import LatLng
from matching.forecast import Forecast
from matching.tours.answer import Tours
from matching.tours.problem import TourProblem


class City(Protocol):
    """What the engine knows of a market's ground: travel times, and words for a place."""

    @property
    def travel(self) -> TravelTimes:
        """Road travel times."""
        ...

    def address(self, p: LatLng) -> str:
        """Exact words: the street. Empty when unknown."""
        ...

    def quarter(self, p: LatLng) -> str:
        """Coarse words: the quarter. Empty when unknown."""
        ...


class LiveMarkets(Protocol):
    """The live index of each market: positions in memory only."""

    def of(self, market: str) -> LiveIndex:
        """The index of one market; made on first use."""
        ...

    def mask_of(self, services: Iterable[str]) -> int:
        """The bit mask of some service slugs: a bit per slug, the same in every market."""
        ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys of this installation. None of them ever appears in a log."""

    tokens: bytes
    quotes: bytes
    hashes: bytes


@dataclass(frozen=True, slots=True)
class Knobs:
    """Durations and limits an operator may set. Seconds unless the name says otherwise."""

    otp_ttl: int = 300
    otp_tries: int = 5
    otp_per_phone: int = 10  # challenges per phone and ten minutes
    access_ttl: int = 900
    refresh_ttl: int = 30 * 86_400
    ticket_ttl: int = 30
    quote_ttl: int = 300
    request_patience: int = 180  # dispatch, now: how long the engine looks before it says "nobody"
    call_patience: int = 86_400  # a posted job stays open a day
    proposal_ttl: int = 3_600
    review_window: int = 14 * 86_400
    auto_confirm: int = 48 * 3_600
    track_kept: int = 24 * 3_600  # after the end; then erased with a receipt
    events_kept: int = 72 * 3_600
    no_show_after: int = 300  # waiting time at the pickup before a no-show may be declared
    scheduled_lead: int = 20 * 60  # a scheduled ride enters the rounds this long before its start
    psp_timeout: float = 3.0
    round_window: float = 2.0


class Firebase(Protocol):
    """Verifies Firebase ID tokens."""

    def verify(self, id_token: str) -> Mapping[str, Any]:
        """The token's claims (`uid`, `phone_number` …); raises `TokenInvalid`."""
        ...


class PlannerAway(Exception):
    """No tours in time: the planner is at something else, took too long or died. The next call may succeed."""


class Planner(Protocol):
    """Plans tours beside the event loop, which a search would hold for seconds. Raises `PlannerAway`."""

    async def plan(self, problem: TourProblem) -> Tours:
        """Tours of a day, from nothing; plans that are there are only where the search begins."""
        ...

    async def pool(self, problem: TourProblem) -> Tours:
        """Running plans with as many of the other errands as pay."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """The house's means, wired once by `app/`."""

    sessions: async_sessionmaker[AsyncSession]
    clock: Clock
    new_id: Callable[[], UUID]
    entropy: Callable[[int], bytes]
    bus: Bus
    psp: Psp
    cities: Mapping[str, City]
    live: LiveMarkets
    secrets: Secrets
    knobs: Knobs
    development: bool
    firebase: Firebase | None = None
    forecasts: dict[tuple[object, ...], Forecast] = field(default_factory=dict)
    """Made this quarter-hour, by market, day, slot and services. Bounded; a lost one is made again."""
    specs: dict[UUID, ServiceSpec] = field(default_factory=dict)
    """By the version of a service; see `domain.usecases.specs`."""
    witness: Callable[[Counted], None] = lambda _: None  # hears of deeds once they are committed
    traces: Traces | None = None  # None: nobody records
    pressed: Callable[[], float] = lambda: 0.0
    """Seconds that somebody has been waiting for a connection to the database."""
    planner: Planner | None = None  # None: in processes that answer nobody
    beside: async_sessionmaker[AsyncSession] | None = None
    """For what stays done though the request is refused: connections apart from those of `sessions`, of which whoever
    holds one and waits for a second waits for all who do the same. Whether the database answers is asked there too.
    None: `sessions`."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. The engine itself acts with no account."""

    account_id: UUID | None
    is_ops: bool = False
    ops_markets: frozenset[str] | None = None  # that ops staff oversee; None: every market
    is_engine: bool = False
    language: str = "fr"
    family_id: UUID | None = None

    def oversees(self, market: str) -> bool:
        """Whether they are staff of this market."""
        return self.is_ops and (self.ops_markets is None or market in self.ops_markets)

    @property
    def oversees_all(self) -> bool:
        """Whether they are staff of every market there is or will be."""
        return self.is_ops and self.ops_markets is None

    @property
    def id(self) -> UUID:
        """The account; only where the edge has made sure there is one."""
        if self.account_id is None:
            raise ValueError("this actor has no account")
        return self.account_id


ENGINE = Actor(account_id=None, is_engine=True)
NOBODY = Actor(account_id=None)


@dataclass(slots=True)
class Work:
    """One use case at work: its transaction, its actor, its moment.

    Timers and events are collected and written when the transaction ends (accounts in id order, after every row
    lock: the lock order is request, offer, engagement, provider, stream, always). Signals go out after the commit only.
    """

    db: AsyncSession
    tools: Tools
    actor: Actor
    now: datetime
    events: list[Event] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    settled: list[tuple[TimerKind, UUID]] = field(default_factory=list)
    signals: list[tuple[str, bytes]] = field(default_factory=list)
    deeds: list[Counted] = field(default_factory=list)
    opened: list[UUID] = field(default_factory=list)
    concerned: list[UUID] = field(default_factory=list)
    shown: dict[UUID, EngagementFacts] = field(default_factory=dict)
    """What the parties of an engagement have been shown in this transaction: its rows, as they are by now. A new row
    about it makes them read again (`shown.pop`)."""

    @property
    def knobs(self) -> Knobs:
        return self.tools.knobs

    def new_id(self) -> UUID:
        return self.tools.new_id()

    def emit(
        self, account: UUID, type_: EventType, data: Mapping[str, Any], *, not_after: datetime | None = None
    ) -> None:
        """Tell an account what happened; written with the rows, heard after the commit."""
        self.events.append(Event(account_id=account, type=type_, data=data, not_after=not_after))

    def signal(self, subject: str, payload: bytes = b"") -> None:
        """Publish on the bus once committed. Only hints: a lost one costs time, never truth."""
        self.signals.append((subject, payload))

    def count(self, deed: Deed, market: str, *, waited_s: float | None = None) -> None:
        """Have a deed counted once committed."""
        self.deeds.append(Counted(deed, market, waited_s))

    def opens(self, request_id: UUID) -> None:
        """A request begins with this transaction, and its trace."""
        self.opened.append(request_id)

    def concerns(self, request_id: UUID) -> None:
        """This is about a request, though no event may say so."""
        self.concerned.append(request_id)

    def forget(self) -> None:
        """Nothing of what was to be told, or done later, is (any more)."""
        self.events.clear()
        self.due.clear()
        self.settled.clear()
        self.signals.clear()
        self.deeds.clear()
        self.opened.clear()
        self.concerned.clear()

    async def let_go(self) -> None:
        """Give the connection back before something slow. For use cases that only read: what they have read stands as
        values, no row of it may be asked again."""
        if self.db.new or self.db.dirty or self.events or self.due or self.settled:
            raise ValueError("something was to be written")
        await self.db.rollback()

    def schedule(self, kind: TimerKind, ref: UUID, due_at: datetime) -> None:
        """Set a durable timer; written with the rows."""
        self.due.append(Due(self.new_id(), kind, ref, due_at))
        self.signal("wake.timers")

    def settle(self, kind: TimerKind, *refs: UUID) -> None:
        """What these timers would see to is done: they need not ring. Forgotten with the commit, before any are set."""
        self.settled += [(kind, ref) for ref in refs]

    def after(self, seconds: float) -> datetime:
        """The moment `seconds` from now."""
        return self.now + timedelta(seconds=seconds)


@asynccontextmanager
async def working(tools: Tools, actor: Actor) -> AsyncIterator[Work]:
    """Open one transaction; commit at the end, roll back on any exception; then signal."""
    async with tools.sessions() as db:
        work = Work(db=db, tools=tools, actor=actor, now=tools.clock.now())
        yield work
        await commit(work)


def working_beside(tools: Tools) -> AbstractAsyncContextManager[Work]:
    """A transaction of the engine's beside one that is open, for what stays done whatever becomes of that one."""
    return working(replace(tools, sessions=tools.beside or tools.sessions), ENGINE)


async def commit(work: Work) -> None:
    """Number the events, commit, then tell the bus. A failed commit signals nothing."""
    await work.db.flush()
    await timers.forget(work.db, work.settled)
    await timers.schedule(work.db, work.due)
    if work.events:
        await streams.append(work.db, work.events, now=work.now, epoch=f"{work.now.timestamp():.0f}")
        work.signal("wake.relay")
    await work.db.commit()
    for deed in work.deeds:
        work.tools.witness(deed)
    if work.tools.traces is not None:
        work.tools.traces.committed(requests_of(work.events).union(work.concerned), work.opened)
    for subject, payload in dict.fromkeys(work.signals):
        await work.tools.bus.publish(subject, payload)
    work.forget()
