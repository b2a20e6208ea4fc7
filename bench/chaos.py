"""`chaos`: what a town of phones sees while everything under it is killed, frozen, cut off and lied to, by a seed.

Two gateways, a dispatcher and a relay over NATS and a durable PostgreSQL. The peer is the same town before anything
goes wrong. Afterwards every promise is looked at: what phones were told against the log, and the store's invariants.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.postgres import PrivateCluster, throwaway_directory
from bench.faults import freeze, thaw
from bench.figures import Outcome, Spread
from bench.processes import data
from bench.rideout import Crowd
from bench.schedule import ON_PHONES, Event, Fault, schedule, told
from bench.spread import READY_WITHIN, Installation, NatsServer, Part
from bench.survivors import Survivor
from domain.store.invariants import breaches, left_undone

SETTINGS: Final = {
    "COUDMAIN_ACCESS_TTL": "86400",  # a night's
    "COUDMAIN_FASTEST_MPS": "20000",  # drivers cross the town between two deeds
    **dict.fromkeys(
        (
            "COUDMAIN_ACCOUNT_PER_S",
            "COUDMAIN_ACCOUNT_BURST",
            "COUDMAIN_ADDRESS_PER_S",
            "COUDMAIN_ADDRESS_BURST",
        ),
        "100000",  # limits have tests of their own
    ),
}
LET_GO_WITHIN: Final = 30.0  # s for a stopped PostgreSQL's last process
REST_WITHIN: Final = 60.0  # s from the last fault to a house with nothing left undone
LOOK_EVERY: Final = 0.1  # s
SKEWS: Final = (timedelta(hours=-2), timedelta(days=1), timedelta(seconds=-20))
ASKS_AT: Final = 80.0  # frames a second of a phone that does not read: under the 100 a socket may send

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """`cycles` times every fault, one every `every` seconds, over so many phones; first `calm` seconds of none."""

    drivers: int = 24
    customers: int = 16
    calm: float = 20.0
    cycles: int = 6
    every: float = 6.0
    longest: float = 14.0  # s a fault lasts: longer than a statement may take


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Run the schedule of the seed, then look at everything."""
    plan = schedule(seed, cycles=sizes.cycles, every=sizes.every, longest=sizes.longest)
    say(f"seed {seed}:")
    for line in told(plan):
        say(line)
    with data() as directory:
        async with _house(directory) as house:
            return await _over(house, sizes, seed, plan, say)


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


@contextlib.asynccontextmanager
async def _house(directory: Path) -> AsyncIterator[House]:
    """Everything up and ready."""
    with _durable() as postgres:
        nats = NatsServer()
        installation = Installation(directory, postgres.url(), nats.url, SETTINGS)
        try:
            for name in ("api", "api", "dispatch", "relay"):
                installation.starting(name)
            for part in installation.parts:
                await asyncio.to_thread(part.wait)
            yield House(postgres, nats, installation)
        finally:
            await asyncio.to_thread(installation.close)
            nats.kill()


@contextlib.contextmanager
def _durable() -> Iterator[PrivateCluster]:
    """PostgreSQL as an installation runs it, fsync on."""
    directory = throwaway_directory()
    cluster = PrivateCluster(directory / "postgres")
    try:
        with cluster:
            cluster.prepare()
            yield cluster
    finally:
        cluster.end()
        shutil.rmtree(directory, ignore_errors=True)


async def _over(house: House, sizes: Sizes, seed: int, plan: tuple[Event, ...], say: Say) -> Outcome:
    crowd = await Crowd.signed_in(house.gateways, sizes.drivers, sizes.customers, seed)
    over = asyncio.Event()
    living = asyncio.create_task(crowd.live(over, REST_WITHIN))
    await asyncio.sleep(sizes.calm)
    calm = list(crowd.record.answered_ms)
    crowd.record.answered_ms.clear()
    say(f"calm: {dict(crowd.record.seen)}")
    try:
        await _go_wrong(house, crowd, plan, say)
        worst = list(crowd.record.answered_ms)
    finally:
        over.set()
        await living
    broken = [*crowd.record.broken, *await _at_rest(house)]
    say(f"seen: {dict(crowd.record.seen)}")
    await crowd.close()
    return _outcome(sizes, plan, crowd, broken, calm, worst)


# What goes wrong


async def _go_wrong(house: House, crowd: Crowd, plan: tuple[Event, ...], say: Say) -> None:
    """The schedule: to the house one after another, to phones beside it; at the end everything is mended."""
    began = time.monotonic()
    one_at_a_time = asyncio.Lock()
    async with _supervised(house, crowd), asyncio.TaskGroup() as group:
        for event in plan:
            await asyncio.sleep(max(0.0, event.at - (time.monotonic() - began)))
            say(f"{time.monotonic() - began:7.2f} s  {event.fault}")
            if event.fault in ON_PHONES:
                group.create_task(_to_phones(crowd, event))
            else:
                group.create_task(_to_the_house(house, event, one_at_a_time))


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


async def _to_the_house(house: House, event: Event, one_at_a_time: asyncio.Lock) -> None:
    async with one_at_a_time:
        match event.fault:
            case Fault.KILL_API | Fault.KILL_DISPATCH | Fault.KILL_RELAY:
                parts = house.parts(_KILLED[event.fault])
                part = parts[int(event.chance * len(parts))]
                house.down.add(part)
                await asyncio.to_thread(part.kill)
                await asyncio.sleep(min(event.lasts, 1.0))
                part.begin_again()
                house.down.discard(part)
            case Fault.RESTART_POSTGRES:
                await asyncio.to_thread(_restart, house.postgres, event.lasts)
            case Fault.FREEZE_POSTGRES:
                pid = house.postgres.pid()
                if pid is not None:
                    await _frozen(pid, event.lasts)
            case Fault.RESTART_NATS:
                house.nats.kill()
                await asyncio.sleep(event.lasts)
                house.nats.begin_again()
            case Fault.FREEZE_NATS:
                await _frozen(house.nats.process.pid, event.lasts)


_KILLED: Final = {Fault.KILL_API: "api", Fault.KILL_DISPATCH: "dispatch", Fault.KILL_RELAY: "relay"}


async def _frozen(pid: int, seconds: float) -> None:
    pids = freeze(pid)
    try:
        await asyncio.sleep(seconds)
    finally:
        thaw(pids)


def _restart(postgres: PrivateCluster, away: float) -> None:
    """SIGQUIT, "immediate": no goodbye, recovery at the next start."""
    pid = postgres.pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + LET_GO_WITHIN
    while postgres.pid() == pid and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    time.sleep(away)
    postgres.start()


async def _to_phones(crowd: Crowd, event: Event) -> None:
    """A third of the phones, beginning with the one that chance picks."""
    everybody = crowd.everybody
    first = int(event.chance * len(everybody))
    hit = [everybody[(first + step) % len(everybody)] for step in range(max(1, len(everybody) // 3))]
    await asyncio.gather(*(_to_phone(phone, event) for phone in hit))


async def _to_phone(phone: Survivor, event: Event) -> None:
    match event.fault:
        case Fault.DROP_LINES:
            phone.cut_off()
        case Fault.FILL_BUFFERS:
            with phone.not_reading():
                for _ in range(int(event.lasts * ASKS_AT)):
                    await phone.ask_for_much()
                    await asyncio.sleep(1 / ASKS_AT)
        case Fault.SKEW_CLOCKS:
            phone.skew = SKEWS[int(event.chance * len(SKEWS))]
            await asyncio.sleep(event.lasts)
            phone.skew = timedelta()
        case Fault.REPLAY:
            await phone.say_again()


# Afterwards


async def _at_rest(house: House) -> list[str]:
    """What is still broken or undone once there was time for everything."""
    database = create_async_engine(house.postgres.url())
    deadline = time.monotonic() + REST_WITHIN
    try:
        while True:
            async with AsyncSession(database) as db:
                found = await breaches(db) | await left_undone(db, datetime.now(UTC))
            left = [f"{name}: {count}" for name, count in found.items() if count]
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await database.dispose()


def _outcome(
    sizes: Sizes,
    plan: tuple[Event, ...],
    crowd: Crowd,
    broken: list[str],
    calm: list[float],
    worst: list[float],
) -> Outcome:
    seen = crowd.record.seen
    quiet, stormy = Spread.of(calm), Spread.of(worst)
    return Outcome(
        name="chaos",
        measures="ms until a phone's question is answered, over all its tries, while everything breaks",
        peer="the same phones before anything goes wrong",
        sizes={
            "drivers": sizes.drivers,
            "customers": sizes.customers,
            "faults": len(plan),
            "seconds": sizes.cycles * len(Fault) * sizes.every,
        },
        figures={
            "calm_ms": quiet,
            "chaos_ms": stormy,
            "rides_asked_for": seen["rides asked for"],
            "rides_finished": seen["rides finished"],
            "events_told": sum(len(one.told) for one in crowd.everybody),
            "sockets_lost": seen["sockets ended"]
            + sum(n for name, n in seen.items() if name[:6] == "closed"),
        },
        ratios={"chaos_to_calm": stormy.median / quiet.median},
        notes=broken[:20] or [", ".join(f"{name}: {count}" for name, count in sorted(seen.items()))],
        sound=not broken and seen["rides finished"] > 0,
    )
