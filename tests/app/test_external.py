"""A database of the operator's that will not do is told in one line, and nothing is begun in it."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import external, migrate
from app.external import DatabaseUnfit, require_fit
from app.settings import SettingsError, read


def address(engine: AsyncEngine, database: str | None = None) -> str:
    return engine.url.set(database=database).render_as_string(hide_password=False)


async def test_one_that_will_do_is_let_pass(engine: AsyncEngine) -> None:
    await require_fit(address(engine))


async def test_one_that_is_not_there_is_told_without_its_password(unused_tcp_port: int) -> None:
    url = f"postgresql+asyncpg://me:hush@127.0.0.1:{unused_tcp_port}/town"
    with pytest.raises(DatabaseUnfit, match=r"DATABASE_URL .*127\.0\.0\.1.*: Connection refused$") as told:
        await require_fit(url)
    assert "hush" not in str(told.value)


async def test_what_the_server_says_is_told_bare(engine: AsyncEngine) -> None:
    with pytest.raises(DatabaseUnfit, match=r'^DATABASE_URL \(\S+\): database "nowhere" does not exist$'):
        await require_fit(address(engine, database="nowhere"))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("13, 'UTF8', false, array['postgis', 'btree_gist']", "PostgreSQL 13; 15 or newer"),
        ("16, 'LATIN1', false, array['postgis', 'btree_gist']", "ENCODING 'UTF8'"),
        ("16, 'UTF8', true, array['postgis', 'btree_gist']", "can only be read"),
        ("16, 'UTF8', false, array['btree_gist']", "no extension postgis; on Debian postgresql-16-postgis-3"),
    ],
)
async def test_what_is_wrong_with_it_comes_with_what_to_do(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, found: str, words: str
) -> None:
    monkeypatch.setattr(external, "LOOK", f"SELECT {found}")
    with pytest.raises(DatabaseUnfit, match=words):
        await require_fit(address(engine))


async def test_who_may_not_migrate_hears_who_may(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_rights(connection: Connection) -> None:
        connection.execute(text("SET LOCAL ROLE pg_read_all_data"))
        connection.execute(text("CREATE EXTENSION file_fdw"))

    monkeypatch.setattr(migrate, "revisions", lambda: ("0001", "9999"))
    monkeypatch.setattr(migrate, "_upgrade", without_rights)

    async def old(_: object) -> str:
        return "0001"

    monkeypatch.setattr(migrate, "_version", old)
    with pytest.raises(DatabaseUnfit, match=r"permission denied .*CREATE EXTENSION postgis"):
        await migrate.to_head(engine)


async def test_a_process_of_the_version_before_starts_again_on_a_newer_schema(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = migrate.revisions()[-1]
    monkeypatch.setattr(migrate, "revisions", lambda: ("0001", "0002"))
    assert await migrate.to_head(engine) == newer


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://me:a%40b@h/db?sslmode=require", "postgresql+asyncpg://me:a%40b@h/db?ssl=require"),
        (
            "postgresql:///db?host=%2Frun%2Fpg&port=5433",
            "postgresql+asyncpg:///db?host=%2Frun%2Fpg&port=5433",
        ),
    ],
)
def test_a_usual_url_is_said_in_the_drivers_words(url: str, driver: str) -> None:
    assert read({"DATABASE_URL": url}).database_url == driver


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://h/db", "must begin with postgresql://"),
        ("postgresql://me:hush@h:port/db", "is no URL"),
        ("postgresql://me:hush@[::1/db", "is no URL"),
        ("postgresql://h/db?channel_binding=require", "a parameter 'channel_binding'"),
    ],
)
def test_a_url_that_cannot_be_understood_is_refused_by_its_name(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"DATABASE_URL.*{words}") as told:
        read({"DATABASE_URL": url})
    assert "hush" not in str(told.value)
