"""The test run's database: one throw-away cluster, one migrated template, one copy of it a worker.

The controller only holds a directory (0 ms). The first test that wants a database starts the cluster there
and migrates the template (2-3 s), so a run of pure rooms starts none; each worker then copies the template
(0.1 s). When the last holder has gone, killed or not, the cluster goes too.
"""

import asyncio
import os
import threading
from pathlib import Path
from typing import Self

import asyncpg
from alembic import command
from alembic.config import Config

from app import locks
from app.postgres import THROWAWAY, USER, PrivateCluster, throwaway_directory

ROOT = Path(__file__).parents[1]
DIRECTORY_VARIABLE = "COUDMAIN_TEST_CLUSTER"
TEMPLATE = "tmpl"
TEMPLATE_WITHIN = 120.0  # s for another worker to finish the template
LEFT_OPEN_WITHIN = "5s"  # what still holds locks this long after its test has forgotten to let go

DIRTY = """
    select string_agg(format('delete from %I.%I', schemaname, tablename), ';')
    from pg_tables where schemaname = 'public' and tablename not in ('spatial_ref_sys', 'alembic_version')
"""


def announced() -> PrivateCluster:
    """The run's cluster: the directory the controller announced, or a new one announced now."""
    directory = Path(os.environ.get(DIRECTORY_VARIABLE) or throwaway_directory())
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    return PrivateCluster(directory, THROWAWAY)


def copy_of_the_template(cluster: PrivateCluster, database: str) -> str:
    """The URL of a fresh `database` with the schema at its head; the first caller makes the template."""
    with locks.exclusive(cluster.directory / "template.lock", TEMPLATE_WITHIN):
        if not cluster.psql(f"select 1 from pg_database where datname = '{TEMPLATE}' and datistemplate"):
            cluster.psql(f"drop database if exists {TEMPLATE}")
            cluster.prepare(TEMPLATE)
            migrate(cluster.url(TEMPLATE))
            cluster.psql(f"alter database {TEMPLATE} is_template true")
        cluster.psql(f"create database {database} template {TEMPLATE}")
    return cluster.url(database)


def alembic_config(url: str) -> Config:
    """The repository's Alembic configuration pointed at `url`."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "domain/store/migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade in process (a subprocess imports for 3 s), in a thread as env.py runs a loop of its own."""
    failed: list[BaseException] = []

    def upgrade() -> None:
        try:
            command.upgrade(alembic_config(url), revision)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=upgrade, name="migrate")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


class Sweeper:
    """Empties every table between tests: `DELETE` takes 2-7 ms where `TRUNCATE` takes 26-200.

    It has a loop and a connection of its own, so it serves sync and async tests alike, and it fires no
    triggers: neither the order of foreign keys nor an append-only guard concerns it.
    """

    def __init__(self, cluster: PrivateCluster, database: str) -> None:
        self._host, self._database = str(cluster.socket_directory), database
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._connection: asyncpg.Connection | None = None

    def sweep(self) -> None:
        """Delete every row of every table but PostGIS's and Alembic's own."""
        self._runner.run(self._sweep())

    async def _sweep(self) -> None:
        if self._connection is None or self._connection.is_closed():
            settings = {"session_replication_role": "replica", "lock_timeout": LEFT_OPEN_WITHIN}
            self._connection = await asyncpg.connect(
                host=self._host, user=USER, database=self._database, server_settings=settings
            )
        statements = await self._connection.fetchval(DIRTY)
        if statements:
            await self._connection.execute(statements)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._runner.run(self._connection.close())
        self._runner.close()
