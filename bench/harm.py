"""The schedule carried out: to the house one after another, to phones beside it, and the signs that each fault bit."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import asyncpg
import httpx
import nats
import nats.errors
from nats.aio.client import Client

from app.postgres import PrivateCluster
from bench import misdeeds
from bench.bites import Seen, Sign
from bench.faults import freeze, stand_still, thaw
from bench.misdeeds import REFUSALS, until
from bench.rideout import Crowd
from bench.schedule import ON_PHONES, Event, Fault
from bench.spread import READY_WITHIN, Installation, NatsServer, Part
from bench.survivors import Survivor

LET_GO_WITHIN: Final = 30.0  # s for a stopped PostgreSQL's last process
LOOK_EVERY: Final = 0.1  # s
ANSWERS_WITHIN: Final = 60  # s for NATS, whatever was done to it before
ITS_NAME: Final = "coudmain"  # as every process of the house tells NATS

Say = Callable[[str], None]
Phone = TypeVar("Phone", bound=Survivor)


@dataclass
class House:
    """All that can break."""

    postgres: PrivateCluster
    nats: NatsServer
    installation: Installation
    down: set[Part] = field(default_factory=set)  # killed, and not to be started again yet

    def parts(self, name: str) -> list[Part]:
        """Those of a kind."""
        return [part for part in self.installation.parts if part.name == name]

    @property
    def gateways(self) -> list[str]:
        return [part.url for part in self.parts("api")]


async def go_wrong(house: House, crowd: Crowd, plan: tuple[Event, ...], say: Say) -> Seen:
    """All of it; what was seen. At the end everything is mended."""
    began = time.monotonic()
    async with _supervised(house, crowd), asyncio.TaskGroup() as group:
        storm = _Storm(house, crowd, group)
        for event in plan:
            await asyncio.sleep(max(0.0, event.at - (time.monotonic() - began)))
            say(f"{time.monotonic() - began:7.2f} s  {event.fault}")
            group.create_task(
                storm.to_phones(event) if event.fault in ON_PHONES else storm.to_the_house(event)
            )
    return storm.seen


@contextlib.asynccontextmanager
async def _supervised(house: House, crowd: Crowd) -> AsyncIterator[None]:
    """Parts are started again meanwhile; at the end all of them are ready."""
    supervising = asyncio.create_task(_supervise(house, crowd))
    try:
        yield
        async with asyncio.timeout(READY_WITHIN):
            for part in house.installation.parts:
                while not await asyncio.to_thread(part.is_ready):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(LOOK_EVERY)
    finally:
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)


async def _supervise(house: House, crowd: Crowd) -> None:
    """Start again what could not start while something it needs was away. What has run does not end by itself."""
    while True:
        for part in house.installation.parts:
            if part.process.poll() is not None and part not in house.down:
                if part.has_been_ready:
                    crowd.record.breaks(f"{part.name} ended by itself: {part.said[-300:]}")
                crowd.record.seen["starts repeated"] += 1
                part.begin_again()
        await asyncio.sleep(LOOK_EVERY)


_KILLED: Final = {Fault.KILL_API: "api", Fault.KILL_DISPATCH: "dispatch", Fault.KILL_RELAY: "relay"}
_FROZEN: Final = {Fault.FREEZE_API: "api", Fault.FREEZE_DISPATCH: "dispatch", Fault.FREEZE_RELAY: "relay"}


class _Storm:
    """Does what is wrong and looks what comes of it. What comes later is looked for beside the next fault."""

    def __init__(self, house: House, crowd: Crowd, beside: asyncio.TaskGroup) -> None:
        self.seen = Seen()
        self._house, self._crowd, self._beside = house, crowd, beside
        self._one_at_a_time = asyncio.Lock()

    async def to_the_house(self, event: Event) -> None:
        async with self._one_at_a_time:
            match event.fault:
                case Fault.KILL_API | Fault.KILL_DISPATCH | Fault.KILL_RELAY:
                    await self._kill(event)
                case Fault.FREEZE_API | Fault.FREEZE_DISPATCH | Fault.FREEZE_RELAY:
                    await self._freeze_part(event)
                case Fault.RESTART_POSTGRES:
                    await self._restart_postgres(event)
                case Fault.FREEZE_POSTGRES:
                    await self._freeze_postgres(event)
                case Fault.RESTART_NATS:
                    await self._restart_nats(event)
                case Fault.FREEZE_NATS:
                    await self._freeze_nats(event)

    async def _kill(self, event: Event) -> None:
        part = self._part(_KILLED[event.fault], event)
        await until(lambda: part.process.poll() is None)  # it may be about to be started again
        victim = part.process
        self._house.down.add(part)
        await asyncio.to_thread(part.kill)
        self.seen.note(event, Sign.SIGKILLED, victim.poll() == -signal.SIGKILL)
        await asyncio.sleep(min(event.lasts, 1.0))
        part.begin_again()
        self._house.down.discard(part)

        async def succeeded() -> bool:
            return part.process.pid != victim.pid and await asyncio.to_thread(part.is_ready)

        self._look(event, Sign.SUCCEEDED, succeeded, READY_WITHIN)

    async def _freeze_part(self, event: Event) -> None:
        """What it had open stays open: transactions, locks, sockets, its market."""
        part = self._part(_FROZEN[event.fault], event)
        await until(lambda: asyncio.to_thread(part.is_ready), READY_WITHIN)
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN) as http:
            async with self._frozen(event, part.process.pid) as over:
                asked = http.get(f"{part.url if part.port else part.door}/healthz")
                own = self._await(event, Sign.KEPT_WAITING, asked, over)
                await asyncio.sleep(event.lasts)
            await own

    def _part(self, name: str, event: Event) -> Part:
        parts = self._house.parts(name)
        return parts[int(event.chance * len(parts))]

    async def _restart_postgres(self, event: Event) -> None:
        """SIGQUIT, "immediate": no goodbye, recovery at the next start."""
        postgres, over = self._house.postgres, asyncio.Event()
        before = postgres.pid()
        async with _line_to(postgres) as line:
            await asyncio.to_thread(_stop_at_once, postgres)
            self.seen.note(event, Sign.LINE_DIED, not await _answers(line.execute("select 1")))
        self._await(event, Sign.FELT, self._a_phone_is_answered(event), over)
        await asyncio.sleep(event.lasts)
        over.set()
        await asyncio.to_thread(postgres.start)
        self.seen.note(event, Sign.SUCCEEDED, postgres.pid() not in {None, before})

    async def _freeze_postgres(self, event: Event) -> None:
        pid = self._house.postgres.pid()
        if pid is None:
            return
        async with _line_to(self._house.postgres) as line:
            async with self._frozen(event, pid) as over:
                own = self._await(event, Sign.KEPT_WAITING, line.execute("select 1"), over)
                self._await(event, Sign.FELT, self._a_phone_is_answered(event), over)
                await asyncio.sleep(event.lasts)
            await own

    async def _restart_nats(self, event: Event) -> None:
        server = self._house.nats
        victim = server.process
        await asyncio.to_thread(server.kill)
        self.seen.note(event, Sign.SIGKILLED, victim.poll() == -signal.SIGKILL)
        await asyncio.sleep(event.lasts)
        server.begin_again()
        everybody = len(self._house.installation.parts)

        async def came_back() -> bool:
            return (
                server.process.pid != victim.pid
                and server.process.poll() is None
                and await asyncio.to_thread(server.clients, ITS_NAME) >= everybody
            )

        self._look(event, Sign.CAME_BACK, came_back, READY_WITHIN)

    async def _freeze_nats(self, event: Event) -> None:
        client = await _client_of(self._house.nats)
        try:
            async with self._frozen(event, self._house.nats.process.pid) as over:
                own = self._await(event, Sign.KEPT_WAITING, client.flush(ANSWERS_WITHIN), over)
                await asyncio.sleep(event.lasts)
            await own
        finally:
            await client.close()

    @contextlib.asynccontextmanager
    async def _frozen(self, event: Event, pid: int) -> AsyncIterator[asyncio.Event]:
        """A process and its children stand still meanwhile; what is given is set right before they go on."""
        over = asyncio.Event()
        pids = freeze(pid)
        try:
            yield over
            self.seen.note(event, Sign.STOOD_STILL, stand_still(pids))
        finally:
            over.set()
            thaw(pids)

    async def to_phones(self, event: Event) -> None:
        """A third of those it can be done to, beginning with the one that chance picks."""
        crowd = self._crowd
        drivers = _picked(crowd.drivers, event)
        match event.fault:
            case Fault.DROP_LINES:
                await self._shown(event, [misdeeds.cut_off(one) for one in _picked(crowd.everybody, event)])
            case Fault.SLOW_LINES:
                slow = _picked(crowd.everybody, event)
                await self._shown(event, [misdeeds.stand_still(one, event.lasts) for one in slow])
            case Fault.FILL_BUFFERS:
                await self._shown(event, [misdeeds.fill_its_line(one) for one in drivers])
            case Fault.SKEW_CLOCKS:
                skew = list(REFUSALS)[int(event.chance * len(REFUSALS))]
                await self._shown(
                    event, [misdeeds.go_by_a_wrong_clock(one, skew, event.lasts) for one in drivers]
                )
            case Fault.REPLAY:
                await self._shown(event, [misdeeds.say_old_fixes_again(one) for one in drivers])
                await until(lambda: any(one.has_done_something for one in crowd.everybody))
                doers = _picked([one for one in crowd.everybody if one.has_done_something], event)
                await self._shown(event, [misdeeds.say_old_deeds_again(one) for one in doers])

    # What is seen

    async def _shown(self, event: Event, doings: Sequence[Awaitable[set[Sign]]]) -> None:
        """A sign is one if every phone that it was done to showed it."""
        shown = await asyncio.gather(*doings)
        for sign in set.intersection(*shown) if shown else ():
            self.seen.note(event, sign, there=True)

    def _look(self, event: Event, sign: Sign, holds: Callable[[], Awaitable[bool]], within: float) -> None:
        """Look for a sign beside whatever comes next."""

        async def look() -> None:
            self.seen.note(event, sign, await until(holds, within))

        self._beside.create_task(look())

    def _await(
        self, event: Event, sign: Sign, answer: Awaitable[object], over: asyncio.Event
    ) -> asyncio.Task[None]:
        """Have an answer waited for from now on. The sign: there is one, and it comes after it is over."""

        async def wait() -> None:
            self.seen.note(event, sign, await _answers(answer) and over.is_set())

        return self._beside.create_task(wait())

    async def _a_phone_is_answered(self, event: Event) -> None:
        """About what only the database knows; a phone asks until it is answered."""
        phone = self._crowd.everybody[int(event.chance * len(self._crowd.everybody))]
        status, _ = await phone.ask("GET", "/v1/me")
        if status != 200:
            self._crowd.record.breaks(f"{event.fault}: GET /v1/me: {status}")


def _picked(phones: Sequence[Phone], event: Event) -> list[Phone]:
    first = int(event.chance * len(phones))
    return (
        [phones[(first + step) % len(phones)] for step in range(max(1, len(phones) // 3))] if phones else []
    )


async def _answers(answer: Awaitable[object]) -> bool:
    """Whether it comes, and does not end with its line."""
    try:
        await answer
    except (
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, nats.errors.Error, httpx.TransportError,
    ):  # fmt: skip
        return False
    return True


@contextlib.asynccontextmanager
async def _line_to(postgres: PrivateCluster) -> AsyncIterator[asyncpg.Connection]:
    """A connection of our own."""
    line = await asyncpg.connect(postgres.url().replace("postgresql+asyncpg", "postgresql"))
    try:
        yield line
    finally:
        line.terminate()


async def _client_of(server: NatsServer) -> Client:
    """A client of our own, once the server listens."""
    client = Client()
    async with asyncio.timeout(ANSWERS_WITHIN):
        await client.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=1)
    return client


def _stop_at_once(postgres: PrivateCluster) -> None:
    pid = postgres.pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + LET_GO_WITHIN
    while postgres.pid() == pid and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
