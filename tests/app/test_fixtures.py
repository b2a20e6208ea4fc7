"""What the shared fixtures promise to every other test."""

import subprocess

import nats
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


async def leave_a_row(engine: AsyncEngine) -> None:
    """Count what is there, then leave a row behind for the sweeper."""
    async with engine.begin() as connection:
        await connection.execute(text("create table if not exists left_behind (n int)"))
        assert await connection.scalar(text("select count(*) from left_behind")) == 0
        await connection.execute(text("insert into left_behind values (1)"))


async def test_a_row_left_behind(engine: AsyncEngine) -> None:
    await leave_a_row(engine)


async def test_is_gone_for_the_next_test(engine: AsyncEngine) -> None:
    await leave_a_row(engine)


async def test_the_database_has_the_schema_and_knows_the_earth(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(text("select count(*) from alembic_version")) == 1
        assert await connection.scalar(text("select count(*) from spatial_ref_sys where srid = 4326")) == 1


async def test_nats_carries_a_message(nats_server: str) -> None:
    client = await nats.connect(nats_server)
    inbox = await client.subscribe("town.square")
    await client.publish("town.square", b"hello")
    assert (await inbox.next_msg(timeout=5)).data == b"hello"
    await client.close()


def test_chromium_is_there(chromium_path: str) -> None:
    version = subprocess.run([chromium_path, "--version"], capture_output=True, text=True, check=True).stdout
    assert "Chrom" in version
