"""Bring a database to the schema this code speaks."""

from alembic import command
from alembic.config import Config
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


def _upgrade(connection: Connection) -> None:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "domain/store/migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
