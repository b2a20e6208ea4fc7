"""Bring a database to the schema this code speaks."""

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database import TAKES_ITS_TIME
from app.directories import ROOT

MIGRATING: Final = 7_263_541  # advisory lock: two processes starting at once migrate one after the other
SCRIPTS: Final = ROOT / "domain/store/migrations"


async def to_head(engine: AsyncEngine) -> None:
    """Apply every migration that is missing, in one transaction, alone."""
    async with engine.begin() as connection:
        await connection.execution_options(**{TAKES_ITS_TIME: True})
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        if await _version(connection) != revisions()[-1]:
            await connection.run_sync(_upgrade)


def revisions() -> tuple[str, ...]:
    """Every version of the schema this code knows, the oldest first; the last is the one it speaks.

    Read from the files' names, which begin with it: nearly every start finds nothing to do and needs no Alembic.
    """
    return tuple(sorted(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*_*.py")))


async def _version(connection: AsyncConnection) -> str | None:
    known = await connection.exec_driver_sql("SELECT to_regclass('alembic_version')")
    if known.scalar_one() is None:
        return None
    found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
    version: str | None = found.scalar_one_or_none()
    return version


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a fifth of a second, only where there is something to do
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
