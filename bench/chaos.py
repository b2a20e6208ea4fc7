"""`chaos`: what a town of phones sees while everything under it is killed, frozen, cut off and lied to, by a seed.

Two gateways, a dispatcher and a relay over NATS and a durable PostgreSQL. The peer is the same town before anything
goes wrong. Afterwards every promise is looked at: what phones were told against the log, and the store's invariants.
A run in which a fault did not bite has proved nothing.
"""

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.postgres import PrivateCluster, throwaway_directory
from bench.bites import tallied, toothless
from bench.figures import Outcome, Spread
from bench.harm import House, Say, go_wrong
from bench.processes import data
from bench.rideout import Crowd
from bench.schedule import Event, Fault, schedule, told
from bench.spread import Installation, NatsServer
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
REST_WITHIN: Final = 60.0  # s from the last fault to a house with nothing left undone
LOOK_EVERY: Final = 0.1  # s
HELD: Final = re.compile(r"coudmain_(sockets_open|sockets_unwelcomed|socket_waiting_bytes) (?!0\.0$)")


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
    crowd.record.tries_ms.clear()
    say(f"calm: {dict(crowd.record.seen)}")
    try:
        seen = await go_wrong(house, crowd, plan, say)
        worst, tries = list(crowd.record.answered_ms), list(crowd.record.tries_ms)
    finally:
        over.set()
        await living
    broken = [*toothless(plan, seen), *crowd.record.broken, *await _at_rest(house)]
    say(f"seen: {dict(crowd.record.seen)}")
    await crowd.close()
    broken += await _let_go(house)
    bites = tallied(plan, seen)
    return _outcome(sizes, plan, crowd, broken, calm, worst, tries, bites)


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


async def _let_go(house: House) -> list[str]:
    """What gateways still hold of phones that have all left, once there was time to notice."""
    deadline, held = time.monotonic() + REST_WITHIN, list[str]()
    async with httpx.AsyncClient() as http:
        while time.monotonic() < deadline:
            told = [(await http.get(f"{url}/metrics")).text for url in house.gateways]
            held = [line for text in told for line in text.splitlines() if HELD.match(line)]
            if not held:
                break
            await asyncio.sleep(LOOK_EVERY)
    return [f"kept of phones that have left: {line}" for line in held]


def _outcome(
    sizes: Sizes,
    plan: tuple[Event, ...],
    crowd: Crowd,
    broken: list[str],
    calm: list[float],
    worst: list[float],
    tries: list[float],
    bites: Mapping[str, Mapping[str, int]],
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
            "chaos_one_try_ms": Spread.of(tries),
            "rides_asked_for": seen["rides asked for"],
            "rides_finished": seen["rides finished"],
            "events_told": sum(len(one.told) for one in crowd.everybody),
            "sockets_lost": seen["sockets ended"]
            + sum(n for name, n in seen.items() if name[:6] == "closed"),
        },
        ratios={"chaos_to_calm": stormy.median / quiet.median},
        notes=broken[:20] or [", ".join(f"{name}: {count}" for name, count in sorted(seen.items()))],
        sound=not broken and seen["rides finished"] > 0,
        tallies=bites,
    )
