"""Every command that runs for a while stops at once when it is told to, leaves no process, and starts again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from app.migrate import MIGRATING
from bench.processes import cluster_of, data, free_port, kill_at_once

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 120.0  # s on a crowded machine; alone it takes three
STOPS_WITHIN = 30.0  # s likewise; alone it takes one
TERMINATED = 128 + signal.SIGTERM
FEW = ("--drivers", "2", "--jobbers", "1", "--customers", "2")
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


begun: list["Command"] = []  # by this test


class Command:
    """`python -m MODULE …` as a terminal starts it: in a group of its own, its Ctrl-C for the whole of it."""

    def __init__(self, directory: Path, *arguments: str, module: str = "app", **settings: str) -> None:
        begun.append(self)
        self._mark = f"STOPPED={uuid4()}"
        self._log = directory / f"{arguments[0]}.log"
        name, _, value = self._mark.partition("=")
        with self._log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "COUDMAIN_DATA": str(directory),
                    name: value,
                    **settings,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def until_it_says(self, words: str) -> None:
        self.until(lambda: words in self.said)

    def until_it_runs(self, words: str) -> None:
        """A process of it with these words in its command line."""
        self.until(lambda: any(words in line for line in self.family().values()))

    def until(self, holds: Callable[[], bool]) -> None:
        """Bounded; the command must not end before."""
        deadline = time.monotonic() + STARTS_WITHIN
        while not holds():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ends()

    def terminate(self) -> int:
        """SIGTERM, as an init system sends it; the exit status."""
        self.process.terminate()
        return self.ends()

    def ends(self) -> int:
        """Its exit status, soon."""
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it did not stop: {self.said}")

    def family(self) -> dict[int, str]:
        """All that it has started, and all that these have, in whatever session: pids and command lines."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    line = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(process.name)] = line.decode(errors="replace")
            except OSError:  # gone meanwhile, or another account's
                continue
        return found

    def leaves_nothing(self) -> bool:
        """No process of it is left, soon after its end."""
        deadline = time.monotonic() + STOPS_WITHIN
        while self.family() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.family()

    def clear_away(self) -> None:
        """Where it did not stop as it should."""
        kill_at_once(list(self.family()))
        self.process.wait()


@pytest.fixture(autouse=True)
def nothing_remains() -> Iterator[None]:
    """Whatever becomes of the test."""
    yield
    for command in begun:
        command.clear_away()
    begun.clear()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A data directory with a private PostgreSQL, one for all of them: each starts where another was stopped."""
    with data() as directory:
        yield directory


async def test_a_migration_stops_in_its_middle_and_is_done_the_next_time(directory: Path):
    """It waits for its turn; the database stays with whoever else holds it."""
    with cluster_of(directory) as cluster:
        cluster.prepare()
        line = await asyncpg.connect(cluster.url().replace("postgresql+asyncpg", "postgresql"))
        try:
            await line.execute("select pg_advisory_lock($1)", MIGRATING)
            for stop, status in ((Command.interrupt, 130), (Command.terminate, TERMINATED)):
                migration = Command(directory, "migrate")
                async with asyncio.timeout(STARTS_WITHIN):
                    while not await line.fetchval(WAITING):
                        assert migration.process.poll() is None, migration.said
                        await asyncio.sleep(0.02)
                assert await asyncio.to_thread(stop, migration) == status
                assert migration.leaves_nothing()
                assert await line.fetchval(WAITING) == 0
                assert await line.fetchval("select to_regclass('accounts')") is None
        finally:
            await line.close()
        again = Command(directory, "migrate")
        assert again.ends() == 0
        assert "the database is at this version" in again.said
        assert cluster.pid() is not None
    assert cluster_of(directory).pid() is None


def test_a_living_town_stops_with_its_phones_and_its_database(directory: Path):
    for stop, status in ((Command.terminate, 0), (Command.interrupt, 130)):
        town = Command(directory, "up", *FEW, "--port", str(free_port()))
        town.until_it_says("Ctrl-C stops everything")
        town.until_it_runs("app.town")
        assert stop(town) == status, town.said
        assert town.leaves_nothing(), town.family()
        assert cluster_of(directory).pid() is None
        assert "Traceback" not in town.said


def test_an_engine_that_is_killed_takes_its_town_and_its_database_along(directory: Path):
    """Else its phones would mix with those of the next town."""
    town = Command(directory, "up", *FEW, "--port", str(free_port()))
    town.until_it_says("Ctrl-C stops everything")
    town.until_it_runs("app.town")
    town.process.kill()
    town.process.wait()
    assert town.leaves_nothing(), town.family()
    assert cluster_of(directory).pid() is None


def test_an_engine_stops_with_its_database(directory: Path):
    engine = Command(directory, "serve", "--port", str(free_port()))
    engine.until_it_says("Ctrl-C stops it")
    assert engine.interrupt() == 130
    assert engine.leaves_nothing(), engine.family()
    assert cluster_of(directory).pid() is None
    assert "Traceback" not in engine.said


def test_an_engine_stops_with_its_planner_of_tours(directory: Path):
    """Its process hears the terminal's Ctrl-C too, and leaves the answer to the engine."""
    script = (ROOT / "docs" / "tours.md").read_text().split("```sh\n")[1].split("```")[0]
    for stop, status in ((Command.interrupt, 130), (Command.terminate, 0)):
        port = free_port()
        engine = Command(directory, "serve", "--port", str(port))
        engine.until_it_says("Ctrl-C stops it")
        subprocess.run(
            ["sh", "-eu"],
            input=script,
            env={"PATH": os.environ["PATH"], "COUDMAIN_URL": f"http://127.0.0.1:{port}"},
            text=True,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        engine.until_it_runs("spawn_main")
        assert stop(engine) == status
        assert engine.leaves_nothing(), engine.family()
        assert "Traceback" not in engine.said


def test_parts_stop_one_by_one_and_the_last_takes_the_database_with_it(directory: Path, nats_server: str):
    parts = [
        Command(directory, name, *more, COUDMAIN_NATS_URL=nats_server)
        for name, more in (("api", ("--port", str(free_port()))), ("dispatch", ()), ("relay", ()))
    ]
    for part in parts:
        part.until_it_says("Ctrl-C stops it")
    for part in parts:
        assert cluster_of(directory).pid() is not None
        assert part.interrupt() == 130
        assert "Traceback" not in part.said
    for part in parts:
        assert part.leaves_nothing(), part.family()
    assert cluster_of(directory).pid() is None


@pytest.mark.parametrize(("stop", "status"), [(Command.interrupt, 130), (Command.terminate, TERMINATED)])
def test_an_import_stops_in_its_middle(tmp_path: Path, stop: Callable[[Command], int], status: int):
    """It reads from a pipe that holds no whole extract; then it is given what is none, and says so."""
    source = tmp_path / "toytown.osm.pbf"
    os.mkfifo(source)
    stopped = Command(tmp_path, "map", "import", str(source))
    with source.open("wb"):  # opens when it reads
        assert stop(stopped) == status
    assert stopped.leaves_nothing(), stopped.family()
    assert "Traceback" not in stopped.said
    again = Command(tmp_path, "map", "import", str(source))
    with source.open("wb"):
        pass
    assert again.ends() == 1
    assert "is not an OpenStreetMap extract" in again.said


@pytest.mark.parametrize(("stop", "status"), [(Command.interrupt, 130), (Command.terminate, TERMINATED)])
def test_a_measurement_stops_with_all_that_it_measures(
    tmp_path: Path, stop: Callable[[Command], int], status: int
):
    measuring = Command(tmp_path, "town", module="bench")
    measuring.until_it_runs("-m app serve")
    assert stop(measuring) == status
    assert measuring.leaves_nothing(), measuring.family()
    assert "Traceback" not in measuring.said
