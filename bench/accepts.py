"""`accepts`: requests each offered to racing providers, accepted through the use case over a durable database.

The peer is the least a correct accept can be: one conditional update of the request with the engagement and an
event in the same statement, by asyncpg, with as many connections, over rows of its own in the same database.
"""

import asyncio
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import func, select

from app.engine import Part, running
from app.postgres import USER, PrivateCluster, throwaway_directory
from app.settings import Settings
from bench.demand import Race, offered_requests
from bench.figures import Outcome, Spread
from domain.rules.errors import LostRace
from domain.store.tables import Engagement
from domain.usecases.offers import accept_offer
from domain.usecases.work import Actor, Tools, working

SECRET: Final = "a benchmark's: nothing here outlives it"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """`blocks` times: the peer, then the engine, each over `requests` requests of `racers` providers."""

    blocks: int = 4
    requests: int = 100
    racers: int = 8
    workers: int = 16


@dataclass(frozen=True, slots=True)
class Raced:
    """One block: how long it took, how long winners and losers waited (ms), and how often each answer came."""

    seconds: float
    won_ms: list[float]
    lost_ms: list[float]
    answers: Counter[str]


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Alternate blocks of the peer and of the engine, so that a slow minute hits both."""
    directory = throwaway_directory()
    try:
        with PrivateCluster(directory / "postgres") as cluster:
            cluster.prepare()
            return await _over(cluster, sizes, seed, say)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _over(cluster: PrivateCluster, sizes: Sizes, seed: int, say: Say) -> Outcome:
    dice = random.Random(seed)
    engine: list[Raced] = []
    bare: list[Raced] = []
    async with running(replace(Settings(), secret=SECRET), cluster.url(), Part(0)) as house:
        async with asyncpg.create_pool(
            host=str(cluster.socket_directory),
            user=USER,
            database="coudmain",
            min_size=sizes.workers,
            max_size=sizes.workers,
        ) as pool:
            await pool.execute(BARE_TABLES)
            for block in range(sizes.blocks):
                bare.append(await _bare_block(pool, sizes, dice))
                races = await offered_requests(house.tools, sizes.requests, sizes.racers)
                engine.append(await _engine_block(house.tools, races, sizes, dice))
                say(
                    f"block {block + 1}: {sizes.requests / engine[-1].seconds:.0f} winners/s, "
                    f"bare {sizes.requests / bare[-1].seconds:.0f}"
                )
        broken = await _broken(house.tools, sizes)
    return _outcome(sizes, engine, bare, broken)


def _outcome(sizes: Sizes, engine: list[Raced], bare: list[Raced], broken: list[str]) -> Outcome:
    won = Spread.of([sizes.requests / block.seconds for block in engine])
    bare_won = Spread.of([sizes.requests / block.seconds for block in bare])
    for who, blocks in (("engine", engine), ("bare", bare)):
        answers = sum((block.answers for block in blocks), Counter[str]())
        expected = {"won": sizes.blocks * sizes.requests}
        expected |= {LostRace.code: expected["won"] * (sizes.racers - 1)} if sizes.racers > 1 else {}
        if answers != expected:
            broken.append(f"{who} answered {dict(answers)}, not {expected}")
    figures: dict[str, Spread | float] = {
        "winners_per_s": won,
        "attempts_per_s": won.median * sizes.racers,
        "winner_ms": Spread.of([ms for block in engine for ms in block.won_ms]),
    }
    if sizes.racers > 1:
        figures["loser_ms"] = Spread.of([ms for block in engine for ms in block.lost_ms])
    figures |= {
        "bare_winners_per_s": bare_won,
        "bare_attempts_per_s": bare_won.median * sizes.racers,
        "bare_winner_ms": Spread.of([ms for block in bare for ms in block.won_ms]),
    }
    return Outcome(
        name="accepts",
        measures="racing accepts through the use case, real PostgreSQL, fsync on, one process",
        peer="one conditional UPDATE with engagement and event in the same statement, asyncpg, same database",
        sizes={
            "blocks": sizes.blocks,
            "requests": sizes.requests,
            "racers": sizes.racers,
            "workers": sizes.workers,
        },
        figures=figures,
        ratios={"winners_to_bare": won.median / bare_won.median},
        notes=broken or ("every request was won exactly once; every other racer lost_race",),
        sound=not broken,
    )


# The engine


async def _engine_block(tools: Tools, races: Sequence[Race], sizes: Sizes, dice: random.Random) -> Raced:
    attempts = [
        (Actor(account_id=provider), offer)
        for race in races
        for provider, offer in dice.sample(race.offers, len(race.offers))
    ]

    async def attempt(actor: Actor, offer: UUID) -> str:
        try:
            async with working(tools, actor) as work:
                await accept_offer(work, offer)
        except LostRace as lost:
            return lost.code
        return "won"

    return await _race([partial(attempt, actor, offer) for actor, offer in attempts], sizes.workers)


async def _broken(tools: Tools, sizes: Sizes) -> list[str]:
    """What the stored world says against it."""
    async with tools.sessions() as db:
        total = (await db.execute(select(func.count()).select_from(Engagement))).scalar_one()
        requests = (await db.execute(select(func.count(func.distinct(Engagement.request_id))))).scalar_one()
    expected = sizes.blocks * sizes.requests
    return (
        []
        if total == requests == expected
        else [f"{total} engagements of {requests} requests, not {expected}"]
    )


# The peer

BARE_TABLES: Final = """
create schema bench;
create table bench.request (id bigint primary key, state text not null, matched_at timestamptz);
create table bench.offer (id bigint primary key, request_id bigint not null references bench.request,
    provider_id bigint not null, state text not null, answer_by timestamptz not null);
create table bench.engagement (request_id bigint primary key references bench.request, provider_id bigint not null);
create table bench.event (id bigint generated always as identity primary key, request_id bigint, data jsonb);
"""
BARE_ACCEPT: Final = """
with won as (
    update bench.request r set state = 'matched', matched_at = now()
    where r.id = $1 and r.state = 'open' and exists (
        select from bench.offer o where o.id = $2 and o.state = 'pending' and o.answer_by > clock_timestamp())
    returning r.id
), agreed as (
    insert into bench.engagement select won.id, $3 from won
)
insert into bench.event (request_id, data) select won.id, '{"type": "request.matched"}' from won returning id
"""


async def _bare_block(pool: "asyncpg.Pool[asyncpg.Record]", sizes: Sizes, dice: random.Random) -> Raced:
    first = (await pool.fetchval("select coalesce(max(id), 0) from bench.request")) + 1
    ids = range(first, first + sizes.requests)
    await pool.executemany("insert into bench.request values ($1, 'open')", [(id_,) for id_ in ids])
    offers = [(id_ * sizes.racers + racer, id_, racer) for id_ in ids for racer in range(sizes.racers)]
    await pool.executemany(
        "insert into bench.offer values ($1, $2, $3, 'pending', now() + interval '1 hour')", offers
    )
    rows = {
        id_: offers[at : at + sizes.racers]
        for at, id_ in zip(range(0, len(offers), sizes.racers), ids, strict=True)
    }

    async def attempt(offer: int, request: int, provider: int) -> str:
        won = await pool.fetchval(BARE_ACCEPT, request, offer, provider)
        return LostRace.code if won is None else "won"

    tries = [row for of in rows.values() for row in dice.sample(of, len(of))]
    return await _race([partial(attempt, *row) for row in tries], sizes.workers)


# Both


async def _race(attempts: Sequence[Callable[[], Coroutine[Any, Any, str]]], workers: int) -> Raced:
    """All attempts, in order, by so many workers: those of one request meet each other."""
    waiting = iter(attempts)
    answers: Counter[str] = Counter()
    took: dict[str, list[float]] = {"won": [], LostRace.code: []}

    async def work() -> None:
        for attempt in waiting:
            began = time.perf_counter()
            answer = await attempt()
            took.setdefault(answer, []).append((time.perf_counter() - began) * 1e3)
            answers[answer] += 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
    return Raced(time.perf_counter() - began, took["won"], took[LostRace.code], answers)
