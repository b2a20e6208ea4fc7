"""The engine's connections: as many as it keeps, and none that is dead."""

import asyncio
import json
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import CONNECTIONS, IDLE_WITHIN, JSON, TAKES_ITS_TIME, open_database
from app.watch.pool import pool_of
from domain.rules.states import Allocator
from domain.store.outage import DatabaseAway, is_outage

KILL_THE_OTHERS = text("""
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and application_name = 'to be killed'
""")
WITHIN = 5.0  # s for sockets to hear of their end


class Noun(str):
    """A text of a kind of its own."""

    __slots__ = ()


async def named(database: AsyncEngine, count: int) -> list[asyncpg.Connection]:
    """Open so many connections at once, call them what the test kills, and put them back."""
    connections = [await database.connect() for _ in range(count)]
    for connection in connections:
        await connection.execute(text("set application_name = 'to be killed'"))
        await connection.commit()
    drivers = [(await connection.get_raw_connection()).driver_connection for connection in connections]
    for connection in connections:
        await connection.close()
    return [driver for driver in drivers if driver is not None]


async def have_heard_of_it(drivers: list[asyncpg.Connection]) -> None:
    """Until the loop has read from every socket that its server is gone."""
    async with asyncio.timeout(WITHIN):
        while not all(driver.is_closed() for driver in drivers):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)


async def test_after_the_server_has_gone_the_next_transaction_gets_a_live_connection(
    engine: AsyncEngine, database_url: str
):
    database = open_database(database_url)
    try:
        drivers = await named(database, 3)
        async with engine.begin() as other:
            assert (await other.execute(KILL_THE_OTHERS)).scalar_one() == 3
        await have_heard_of_it(drivers)
        for _ in range(4):
            async with database.begin() as connection:
                assert (await connection.execute(text("select 1"))).scalar_one() == 1
    finally:
        await database.dispose()


async def test_what_a_frozen_process_has_locked_is_free_again(engine: AsyncEngine, database_url: str):
    """It has begun a transaction and asks nothing more: the server ends it, and says so when it thaws."""
    frozen, other = open_database(database_url, idle_within=0.2), open_database(database_url)
    locking = text("lock table timers in access exclusive mode")
    try:
        async with frozen.connect() as connection:
            await connection.execute(locking)
            async with other.begin() as waiting:
                await waiting.execute(locking)
            with pytest.raises(DBAPIError) as thawed:
                await connection.execute(text("select 1"))
        assert is_outage(thawed.value)
        async with frozen.begin() as again:
            assert (await again.execute(text("select 1"))).scalar_one() == 1
    finally:
        await frozen.dispose()
        await other.dispose()


async def test_a_transaction_may_be_left_to_think_for_a_while(database_url: str):
    database = open_database(database_url)
    try:
        async with database.connect() as connection:
            told = (await connection.execute(text("show idle_in_transaction_session_timeout"))).scalar_one()
            assert told == f"{IDLE_WITHIN:g}s"
    finally:
        await database.dispose()


async def test_a_burst_leaves_its_connections_open(database_url: str):
    database = open_database(database_url)

    async def ask() -> int:
        async with database.begin() as connection:
            await connection.execute(text("select pg_sleep(0.01)"))
            return int((await connection.execute(text("select pg_backend_pid()"))).scalar_one())

    try:
        served_by = set(await asyncio.gather(*(ask() for _ in range(2 * CONNECTIONS))))
        again = set(await asyncio.gather(*(ask() for _ in range(CONNECTIONS))))
        assert len(served_by) <= CONNECTIONS
        assert again <= served_by
    finally:
        await database.dispose()


async def test_a_server_that_is_not_there_is_an_outage(tmp_path: Path):
    database = open_database(f"postgresql+asyncpg://coudmain@/x?host={tmp_path}&port=5432")
    with pytest.raises(DatabaseAway) as away:
        await database.connect()
    assert is_outage(away.value)
    await database.dispose()


async def test_a_server_that_ends_in_the_middle_is_an_outage_and_a_wrong_statement_is_none(
    engine: AsyncEngine, database_url: str
):
    database = open_database(database_url)
    try:
        async with database.connect() as connection:
            with pytest.raises(DBAPIError) as wrong:
                await connection.execute(text("select 1 / 0"))
        assert not is_outage(wrong.value)
        async with database.connect() as connection:
            pid = (await connection.execute(text("select pg_backend_pid()"))).scalar_one()
            async with engine.begin() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            with pytest.raises(DBAPIError) as ended:
                await connection.execute(text("select 1"))
        assert is_outage(ended.value)
    finally:
        await database.dispose()


async def test_the_pool_knows_how_long_somebody_has_been_waiting(database_url: str):
    database = open_database(database_url, 1)
    pool = pool_of(database)

    async def wants_one() -> None:
        async with database.connect():
            pass

    try:
        async with database.connect():
            assert pool.waited_s == 0
            waiting = [asyncio.create_task(wants_one()) for _ in range(3)]
            async with asyncio.timeout(WITHIN):
                while pool.waited_s < 0.05:  # noqa: ASYNC110 - it is a clock
                    await asyncio.sleep(0.001)
            assert pool.tally.waits == 3
        await asyncio.gather(*waiting)
        assert pool.waited_s == 0
    finally:
        await database.dispose()


A_SLOW_COMMIT = (
    """create function pg_temp.dawdle() returns trigger language plpgsql as
           $$ begin perform pg_sleep(60); return null; end $$""",
    "create temp table slow (n int)",
    """create constraint trigger dawdle after insert on slow
           deferrable initially deferred for each row execute function pg_temp.dawdle()""",
    "insert into slow values (1)",
)


async def test_a_statement_without_an_answer_in_time_is_an_outage_and_the_next_one_is_served(
    database_url: str,
):
    database = open_database(database_url, answer_within=0.5)
    try:
        with pytest.raises(DBAPIError) as silent:
            async with asyncio.timeout(WITHIN), database.begin() as connection:
                await connection.execute(text("select pg_sleep(60)"))
        assert is_outage(silent.value)
        async with database.begin() as connection:
            await connection.execute(text("select 1"))
    finally:
        await database.dispose()


async def test_a_commit_without_an_answer_in_time_is_an_outage(database_url: str):
    database = open_database(database_url, answer_within=0.5)
    try:
        async with asyncio.timeout(WITHIN), database.connect() as connection:
            for statement in A_SLOW_COMMIT:
                await connection.exec_driver_sql(statement)
            with pytest.raises(DBAPIError) as silent:
                await connection.commit()
        assert is_outage(silent.value)
    finally:
        await database.dispose()


async def test_what_takes_its_time_has_no_deadline_and_what_was_answered_is_not_waited_for(database_url: str):
    database = open_database(database_url, answer_within=0.5)
    try:
        async with database.connect() as idle, database.connect() as migrating:
            await idle.execute(text("select 1"))
            await migrating.execution_options(**{TAKES_ITS_TIME: True})
            await migrating.execute(text("select pg_sleep(0.8)"))
            assert (await idle.execute(text("select 2"))).scalar_one() == 2
    finally:
        await database.dispose()


def test_json_is_written_as_the_standard_library_writes_it_and_read_back():
    written, read = JSON["json_serializer"], JSON["json_deserializer"]
    value = {"é": [1, 1.5, None, True, "x"], "deep": {"seed": 2**62, "small": 1e-9}}
    assert read(written(value)) == json.loads(json.dumps(value)) == value
    assert read(written({"of": np.float64(1.5), "at": Noun("here"), "kind": Allocator.CALL})) == {
        "of": 1.5,
        "at": "here",
        "kind": "call",
    }
    with pytest.raises(TypeError):
        written({"who": object()})
