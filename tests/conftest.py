"""Fixtures every room may use. Ask for `engine` (or `database_url`) and the test gets real PostGIS, empty."""

import json
import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database import JSON
from app.install import system
from app.postgres import PrivateCluster
from app.tours.planner import TourPlanner
from tests.cluster import ROOT, Sweeper, announced, copy_of_the_template
from tests.order import in_halves

NATS_WITHIN = 10.0  # s for nats-server to write its ports and listen

settings.register_profile("house", deadline=None)  # a busy machine is no failure
settings.load_profile("house")

cluster_of_the_run = pytest.StashKey[PrivateCluster]()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the developer's own installation reaches a test; the controller announces the cluster."""
    for name in [name for name in os.environ if name.startswith(("DATABASE_URL", "COUDMAIN_"))]:
        if name not in {"COUDMAIN_TEST_CLUSTER", "COUDMAIN_PG_BIN"}:
            del os.environ[name]
    if not hasattr(config, "workerinput"):
        os.environ.pop("COUDMAIN_TEST_CLUSTER", None)
        config.stash[cluster_of_the_run] = announced()
        config.stash[cluster_of_the_run].hold()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controller is the last to leave the cluster, which ends it."""
    if cluster := config.stash.get(cluster_of_the_run, None):
        cluster.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes share the tests so that they end together; one alone keeps the order of the files."""
    if hasattr(config, "workerinput"):
        items[:] = in_halves(items, lambda item: item.path.relative_to(ROOT / "tests").parts[0])


@pytest.fixture(scope="session")
def cluster() -> Iterator[PrivateCluster]:
    """The run's throw-away PostgreSQL, running."""
    with announced() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def database_name(request: pytest.FixtureRequest) -> str:
    """This worker's own database."""
    workerinput: dict[str, str] = getattr(request.config, "workerinput", {})
    return f"test_{workerinput.get('workerid', 'alone')}"


@pytest.fixture(scope="session")
def database_url(cluster: PrivateCluster, database_name: str) -> str:
    """URL (`postgresql+asyncpg`) of this worker's database, migrated to the head, empty as a test starts."""
    return copy_of_the_template(cluster, database_name)


@pytest_asyncio.fixture(scope="session")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on this worker's database, in the session's event loop."""
    engine = create_async_engine(database_url, pool_size=10, max_overflow=20, **JSON)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def sweeper(cluster: PrivateCluster, database_url: str, database_name: str) -> Iterator[Sweeper]:
    """What empties this worker's database."""
    assert database_url, "the database is there before anything sweeps it"
    with Sweeper(cluster, database_name) as sweeper:
        yield sweeper


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that could reach the database, no row is left. Other tests pay nothing."""
    if "database_url" not in request.fixturenames:
        yield
        return
    sweeper: Sweeper = request.getfixturevalue("sweeper")
    yield
    sweeper.sweep()


@pytest_asyncio.fixture(scope="session")
async def planner() -> AsyncIterator[TourPlanner]:
    """A planner of tours with a real worker, which starts when it is first asked. On a busy machine it may compile for
    a minute."""
    planner = TourPlanner(240.0)
    yield planner
    planner.close()


@pytest.fixture
def log_of_its_own() -> Iterator[None]:
    """The test may set up the log, in a stream that ends with it; afterwards the log is what it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real NATS server on a free port of the loopback."""
    program = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/bin")
    assert program is not None, "nats-server is missing: ./coudmain test installs it"
    ports = tmp_path_factory.mktemp("nats")
    command = [program, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(ports)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield _listening(ports / f"nats-server_{server.pid}.ports")
        finally:
            server.terminate()


def _listening(ports: Path) -> str:
    """The address in the ports file, once it is written and answers."""
    deadline = time.monotonic() + NATS_WITHIN
    while time.monotonic() < deadline:
        if ports.exists() and (text := ports.read_text()).endswith("}"):
            url: str = json.loads(text)["nats"][0]
            host, _, port = url.removeprefix("nats://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=NATS_WITHIN).close()
            return url
        time.sleep(0.02)
    raise TimeoutError("nats-server did not listen")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The machine's Chromium, for Playwright's `executable_path` (add `--no-sandbox`: tests may be root)."""
    found = next(filter(None, map(shutil.which, system.BROWSERS)), None)
    assert found is not None, "Chromium is missing: ./coudmain test installs it"
    return found
