"""A constant statement asked on the driver's cursor gives what `execute` gives, in the same transaction."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, bindparam, func, insert, null, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import aliased

from app.database import open_database
from domain.store import asking
from domain.store.asking import ask, row_of, row_once
from domain.store.outage import is_outage
from domain.store.prepared import About, row_into, table_of
from domain.store.tables import Account, Provider, Stop, Stream
from tests.usecases.engaged import Town

ACCOUNT = select(Account).where(Account.id == bindparam("id"))
ANEW = ACCOUNT.execution_options(populate_existing=True)
NAME = select(Account.name, Account.created_at).where(Account.id == bindparam("id"))
RENAME = update(table_of(Account)).where(Account.id == bindparam("whose")).values(name=bindparam("to"))
WITHIN = 20.0


@asynccontextmanager
async def sessions_over(
    url: str, *arguments: Any, **named: Any
) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Sessions of an engine as the house opens one, until the end."""
    database = open_database(url, *arguments, **named)
    try:
        yield async_sessionmaker(database)
    finally:
        await database.dispose()


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


@pytest.fixture
async def db(town: Town) -> AsyncIterator[AsyncSession]:
    async with town.tools.sessions() as db:
        yield db


def loaded(row: object) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if name != "_sa_instance_state"}


async def test_rows_and_values_are_those_that_execute_gives(town: Town, db: AsyncSession):
    given = {"id": town.customer.id}
    (asked,) = (await ask(db, NAME, given)).all()
    (executed,) = (await db.execute(NAME, given)).all()
    assert (asked.name, asked.created_at) == tuple(executed) == tuple(asked)
    row = (await ask(db, ACCOUNT, given)).scalar_one()
    seen = loaded(row)
    db.expunge_all()
    assert seen == loaded((await db.execute(ACCOUNT, given)).scalar_one())


async def test_entities_beside_values_and_those_that_an_outer_join_does_not_find(
    town: Town, db: AsyncSession
):
    other = aliased(Account)
    statement = (
        select(Account.id, other, Provider, func.count().over().label("n"), null())
        .join(other, other.id == Account.id)
        .outerjoin(Provider, Provider.account_id == Account.id)
        .where(Account.id == bindparam("id"))
    )
    for who, works in ((town.customer, False), (town.driver, True)):
        ((row_id, account, provider, n, nothing),) = (await ask(db, statement, {"id": who.id})).all()
        assert (row_id, account.id, n, nothing) == (who.id, who.id, 1, None)
        assert (provider is not None) is works
        assert not works or (provider.account_id, "ride-vtc" in provider.services) == (who.id, True)


async def test_a_column_that_is_read_later_stays_unread(town: Town, db: AsyncSession):
    request = await town.ask()
    stops = (
        (await ask(db, select(Stop).where(Stop.request_id == bindparam("id")), {"id": request}))
        .scalars()
        .all()
    )
    assert len(stops) == 2
    assert all("point" not in loaded(stop) and stop.address for stop in stops)


async def test_the_session_keeps_what_it_has_unless_the_statement_says_anew(town: Town, db: AsyncSession):
    given = {"id": town.customer.id}
    row = (await db.execute(ACCOUNT, given)).scalar_one()
    before = row.name
    await ask(db, RENAME, {"whose": row.id, "to": "Another"})
    assert (await ask(db, ACCOUNT, given)).scalar_one() is row
    assert row.name == before
    assert await row_once(db, Account, row.id) is row
    assert row.name == before
    assert await row_of(db, Account, row.id) is row
    assert row.name == "Another"
    assert not db.dirty
    assert await row_of(db, Account, UUID(int=1)) is None


async def test_a_row_that_was_asked_for_is_written_when_it_changes(town: Town, db: AsyncSession):
    row = (await ask(db, ACCOUNT, {"id": town.customer.id})).scalar_one()
    row.name = "Written"
    assert (await ask(db, NAME, {"id": row.id})).scalar_one() == "Written"  # flushed first, as `execute` does
    await db.commit()
    async with town.tools.sessions() as other:
        assert (await other.execute(NAME, {"id": row.id})).scalar_one() == "Written"


async def test_what_is_asked_first_is_of_the_transaction_and_goes_with_it(town: Town):
    async with town.tools.sessions() as db:
        before = (await ask(db, NAME, {"id": town.customer.id})).scalar_one()
        await ask(db, RENAME, {"whose": town.customer.id, "to": "Nobody"})
        async with town.tools.sessions() as other:
            assert (await ask(other, NAME, {"id": town.customer.id})).scalar_one() == before
        await db.rollback()
        assert (await ask(db, NAME, {"id": town.customer.id})).scalar_one() == before


async def test_a_guard_that_says_no_is_an_error_of_the_schema_and_a_savepoint_bears_it(
    town: Town, db: AsyncSession
):
    stream = row_into(table_of(Stream), "account_id", "epoch", "seq")
    given = {"account_id": UUID(int=1), "epoch": "x", "seq": 1}
    with pytest.raises(IntegrityError, match="fk_streams_account_id") as refused:
        async with db.begin_nested():
            await ask(db, stream, given)
    assert not is_outage(refused.value)
    assert (await ask(db, NAME, {"id": town.customer.id})).one()


@pytest.mark.parametrize(
    "statement",
    [
        select(Account).where(Account.id.in_(bindparam("id", expanding=True))),
        insert(table_of(Account)),  # of whichever columns are given
        NAME,  # without its value
    ],
)
async def test_a_statement_that_is_another_one_at_each_call_is_refused(
    db: AsyncSession, statement: Executable
):
    with pytest.raises(TypeError):
        await ask(db, statement, {"name": "x"})


async def test_what_was_bound_is_not_in_the_words_of_an_error(database_url: str):
    async with sessions_over(database_url) as sessions, sessions() as db:
        with pytest.raises(DBAPIError, match="parameters hidden"):
            await ask(db, select(func.pg_sleep(bindparam("s"))), {"s": "not a number"})


async def test_a_dead_connection_is_an_outage_and_the_next_one_is_another(
    database_url: str, engine: AsyncEngine
):
    pid = select(func.pg_backend_pid())
    async with sessions_over(database_url) as sessions:
        async with sessions() as db:
            first = (await ask(db, pid)).scalar_one()
            async with engine.begin() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": first})
            with pytest.raises(DBAPIError) as ended:
                await ask(db, pid)
        assert is_outage(ended.value)
        assert ended.value.connection_invalidated
        async with sessions() as db:
            assert (await ask(db, pid)).scalar_one() != first


async def test_what_is_not_answered_in_time_is_an_outage_and_what_is_idle_is_not(database_url: str):
    sleep = select(func.pg_sleep(bindparam("s")))
    async with sessions_over(database_url, answer_within=0.5) as sessions, sessions() as idle:
        await ask(idle, sleep, {"s": 0.0})
        with pytest.raises(DBAPIError) as silent:
            async with asyncio.timeout(WITHIN), sessions() as db:
                await ask(db, sleep, {"s": 60.0})
        assert is_outage(silent.value)
        await ask(idle, sleep, {"s": 0.0})


async def test_who_gives_up_waiting_leaves_no_half_asked_connection_behind(database_url: str):
    sleep = select(func.pg_sleep(bindparam("s")))
    async with sessions_over(database_url, connections=1) as sessions:
        async with sessions() as db:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await ask(db, sleep, {"s": 60.0})
        async with asyncio.timeout(WITHIN), sessions() as db:
            await ask(db, sleep, {"s": 0.0})


async def test_what_is_known_of_a_dialects_statements_goes_with_it(database_url: str):
    database = open_database(database_url)
    async with async_sessionmaker(database)() as db:
        await ask(db, NAME, {"id": UUID(int=1)})
    dialect = weakref.ref(database.dialect)
    assert dialect() in asking._known
    await database.dispose()
    del database, db
    gc.collect()
    assert dialect() is None


async def test_about_one_and_about_many_is_the_same_and_each_id_counts_once(town: Town, db: AsyncSession):
    about = About(
        Account.id, lambda which: select(Account.id).where(which, Account.name == bindparam("named"))
    )
    (await db.get_one(Account, town.driver.id)).name = "Another"
    (await db.get_one(Account, town.customer.id)).name = "Another"
    one, many = [town.driver.id] * 2, [town.driver.id, town.customer.id, town.staff.id]
    assert (await about.ask(db, one, named="Another")).scalars().all() == [town.driver.id]
    assert set((await about.ask(db, many, named="Another")).scalars()) == {town.driver.id, town.customer.id}
    assert (await about.ask(db, [], named="Another")).scalars().all() == []
