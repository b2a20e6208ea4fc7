"""SIGKILL, and a database restarted or frozen, in the middle of a hundred accepts: nothing lost, none assigned twice.

The engine and its PostgreSQL (a private cluster with fsync on, as an installation's) are this file's own, and so is the
crowd: both outlive one fault to meet the next.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.postgres import PrivateCluster, throwaway_directory
from bench.faults import freeze, thaw
from domain.store.invariants import breaches
from tests.stranger.client import Answer, Socket
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import EngineProcess
from tests.stranger.racing import (
    Attempt,
    Crowd,
    Race,
    a_crowd,
    a_race,
    accept_again,
    accept_all,
    every_answer_still_holds,
    everybody_heard_it_all,
    one_engagement_each,
    sound,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CUSTOMERS, DRIVERS = 10, 50  # each driver presses twice: a hundred accepts
INTO_IT = 10  # accepts answered when the fault comes: the others are on their way


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivateCluster]:
    """A cluster that keeps what it has committed, and may be stopped by the test."""
    directory = throwaway_directory()
    cluster = PrivateCluster(directory / "postgres")
    try:
        with cluster:
            cluster.prepare()
            yield cluster
    finally:
        cluster.end()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def own_engine(postgres: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """An engine that the test may kill."""
    process = EngineProcess(postgres.url(), tmp_path_factory.mktemp("killed"), settings=SETTINGS)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowd(own_engine: EngineProcess) -> AsyncIterator[Crowd]:
    """Ten customers and fifty drivers."""
    people = People(own_engine.url)
    yield await a_crowd(people, CUSTOMERS, DRIVERS)
    await people.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def race(crowd: Crowd) -> AsyncIterator[Race]:
    """Ten rides offered to five drivers each; at the end everybody is free again."""
    race = await a_race(crowd)
    yield race
    for attempt in race.attempts:
        if attempt.won:
            answer = attempt.answers[-1]
            assert answer is not None
            (await race.customer_of[attempt.request_id].act(answer.json["id"], "cancel")).must(200)


async def unbroken(postgres: PrivateCluster) -> None:
    """Every invariant that the store knows as a query, over the whole database."""
    database = create_async_engine(postgres.url())
    async with AsyncSession(database) as db:
        found = await breaches(db)
    await database.dispose()
    assert found == dict.fromkeys(found, 0)


async def test_a_hundred_accepts_survive_a_sigkill(
    own_engine: EngineProcess, postgres: PrivateCluster, crowd: Crowd, race: Race
):
    await accept_all(race, after=INTO_IT, then=own_engine.kill)
    await asyncio.to_thread(own_engine.start)

    await accept_again(race)
    await accept_again(race)
    every_answer_still_holds(race)
    await one_engagement_each(race)
    await everybody_heard_it_all(crowd, race)
    await sound(crowd)
    await unbroken(postgres)


async def test_a_hundred_accepts_survive_a_restart_of_the_database(
    own_engine: EngineProcess, postgres: PrivateCluster, crowd: Crowd, race: Race
):
    ended: list[int | None] = []

    def stop_at_once() -> None:
        ended.append(pid := postgres.pid())
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)  # "immediate": no goodbye, recovery at the next start

    await accept_all(race, after=INTO_IT, then=stop_at_once)
    assert ended, "the database was stopped in the middle"
    for attempt in race.attempts:
        for answer in attempt.answers:
            assert answer is not None, "the engine itself never stopped"
            if answer.status not in {200, 409}:
                is_away(answer)
    await gone(postgres, ended[0])
    await meanwhile(crowd, race.attempts[0])
    await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(own_engine.wait_until_ready)

    await accept_again(race)
    await accept_again(race)
    every_answer_still_holds(race)
    await one_engagement_each(race)
    for sockets in crowd.sockets.values():
        last = sockets[-1]
        assert not last.ended.is_set() or 4000 <= (last.closed[0] or 0) < 4500, last.closed
    await everybody_heard_it_all(crowd, race)
    await sound(crowd)
    await unbroken(postgres)


async def test_a_hundred_accepts_survive_a_frozen_database(
    own_engine: EngineProcess, postgres: PrivateCluster, crowd: Crowd, race: Race
):
    frozen: list[int] = []

    def stop_the_clock() -> None:
        pid = postgres.pid()
        assert pid is not None
        frozen.extend(freeze(pid))

    try:
        await accept_all(race, after=INTO_IT, then=stop_the_clock)
        assert frozen, "the database was frozen in the middle"
        for attempt in race.attempts:
            for answer in attempt.answers:
                assert answer is not None, "the engine answers within a phone's patience"
                if answer.status not in {200, 409}:
                    is_away(answer)
        is_away(await crowd.ops.get("/readyz"))
        (await crowd.ops.get("/healthz")).must(200)
    finally:
        thaw(frozen)
    await asyncio.to_thread(own_engine.wait_until_ready)

    await accept_again(race)
    await accept_again(race)
    every_answer_still_holds(race)
    await one_engagement_each(race)
    await everybody_heard_it_all(crowd, race)
    await sound(crowd)
    await unbroken(postgres)


def is_away(answer: Answer) -> None:
    """A typed 503 that says when to come back."""
    answer.refuses(503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def gone(postgres: PrivateCluster, pid: int | None) -> None:
    """Until the server's last process has let go of its directory."""
    async with asyncio.timeout(30):
        while pid is not None and postgres.pid() == pid:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)


async def meanwhile(crowd: Crowd, attempt: Attempt) -> None:
    """With the database away: every question gets a typed answer, over HTTP and over the socket."""
    phone = attempt.driver
    is_away(await phone.get("/readyz"))
    (await phone.get("/healthz")).must(200)
    is_away(await phone.get("/v1/me"))
    is_away(await phone.post(f"/v1/offers/{attempt.offer_id}/accept", key=attempt.key))
    is_away(await phone.post("/v1/auth/otp", {"phone": "+33799000001"}))
    live = crowd.sockets[phone.account_id][-1]
    if not live.ended.is_set():
        failed = await live.do("offer.decline", {"id": attempt.offer_id})
        assert failed["problem"]["code"] == "unavailable"
    fresh = await Socket.dial(phone.url, phone.address, phone.token)
    await fresh.say({"t": "hello", "after": 0})
    assert await fresh.close_code() == 4000
    await fresh.close()
