"""Bring a database to the schema this code speaks."""

import logging
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database import TAKES_ITS_TIME
from app.directories import ROOT
from app.external import EXTENSIONS, DatabaseUnfit, in_words

MIGRATING: Final = 7_263_541  # advisory lock: two processes starting at once migrate one after the other
NO_RIGHT: Final = "42501"  # SQLSTATE: insufficient privilege
SCRIPTS: Final = ROOT / "domain/store/migrations"

log = logging.getLogger(__name__)


async def to_head(engine: AsyncEngine) -> str:
    """Apply every migration that is missing, in one transaction, alone. Returns the version the schema has then.

    A newer schema than this code's is left as it is: migrations suit the version before them, whose processes may have
    to start again while their successors come. Raises `DatabaseUnfit`.
    """
    try:
        async with engine.begin() as connection:
            await connection.execution_options(**{TAKES_ITS_TIME: True})
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
            found, known = await _version(connection), revisions()
            if found is not None and found not in known:
                log.warning("the schema is at %s, newer than %s, which this version knows", found, known[-1])
                return found
            if found != known[-1]:
                await connection.run_sync(_upgrade)
            return known[-1]
    except DBAPIError as error:
        remedy = ""
        if getattr(error.orig, "sqlstate", None) == NO_RIGHT:
            wanted = "; ".join(f"CREATE EXTENSION {extension}" for extension in EXTENSIONS)
            remedy = f" (its user must own the database; if extensions are lacking, a superuser runs there: {wanted})"
        raise DatabaseUnfit(f"the database cannot be migrated: {in_words(error)}{remedy}") from error


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
