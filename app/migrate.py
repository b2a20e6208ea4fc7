"""Bring a database to the schema this code speaks."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import TAKES_ITS_TIME
from app.directories import ROOT

MIGRATING = 7_263_541  # advisory lock: two processes starting at once migrate one after the other


async def to_head(engine: AsyncEngine) -> None:
    """Apply every migration that is missing, in one transaction, alone."""
    async with engine.begin() as connection:
        await connection.execution_options(**{TAKES_ITS_TIME: True})
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        await connection.run_sync(_upgrade)


def revisions() -> tuple[str, ...]:
    """Every version of the schema this code knows, the oldest first; the last is the one it speaks."""
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(script.revision for script in known)[::-1]


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "domain/store/migrations"))
    return config
