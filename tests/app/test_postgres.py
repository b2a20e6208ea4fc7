"""The private cluster: who may hold it, what survives a kill, and where it listens."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import binaries
from app.binaries import PostgresUnavailable
from app.postgres import PrivateCluster, throwaway, throwaway_directory

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from app.postgres import FLAVOURS, PrivateCluster
cluster = PrivateCluster(Path(sys.argv[1]), FLAVOURS[sys.argv[2]])
cluster.start()
print("held", cluster.pid(), flush=True)
sys.stdin.read()
cluster.stop()
"""


class Holder:
    """Another process that holds a cluster until told to leave."""

    def __init__(self, directory: Path, flavour: str = "durable") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(directory), flavour],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def postmaster(self) -> int:
        """Wait until it holds; the postmaster's pid as it sees it."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline().split()[1])

    def leave(self) -> None:
        self.process.communicate("", timeout=30)

    def die(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


def eventually(holds: Callable[[], bool], within: float = 15.0) -> bool:
    """Whether `holds` becomes true; `within` is seconds of grace for a busy machine, not a wait."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
        time.sleep(0.01)
    return True


@pytest.fixture
def cluster() -> Iterator[PrivateCluster]:
    """A durable cluster, not yet made, in a directory of its own that goes with the test."""
    directory = throwaway_directory()
    cluster = PrivateCluster(directory)
    yield cluster
    cluster.stop()
    cluster.end()
    subprocess.run(["rm", "-rf", str(directory)], check=True)


def test_what_was_written_is_there_after_stop_and_start(cluster: PrivateCluster) -> None:
    with cluster:
        cluster.prepare()
        cluster.psql("create table kept as select 42 as answer", "coudmain")
    assert cluster.pid() is None
    with cluster:
        cluster.prepare()
        assert cluster.psql("select answer from kept", "coudmain") == "42"


def test_it_listens_on_a_private_socket_and_on_no_port(cluster: PrivateCluster) -> None:
    with cluster:
        assert cluster.psql("show listen_addresses") == ""
        mode = cluster.socket_directory.stat().st_mode
        assert stat.S_IMODE(mode) == 0o700
        assert stat.S_IMODE(cluster.pgdata.stat().st_mode) == 0o700
        where = f"host={cluster.socket_directory}&port=5432"
        assert cluster.url() == f"postgresql+asyncpg://coudmain@/coudmain?{where}"


def test_the_extensions_are_there() -> None:
    with throwaway() as cluster:
        cluster.prepare()
        have = cluster.psql("select extname from pg_extension order by 1", "coudmain").split()
    assert {"postgis", "btree_gist", "pg_trgm"} <= set(have)
    assert not cluster.directory.exists()


def test_two_starts_at_once_end_in_one_server(cluster: PrivateCluster) -> None:
    one, two = Holder(cluster.directory), Holder(cluster.directory)
    assert one.postmaster() == two.postmaster() == cluster.pid()
    one.leave()
    assert cluster.running()
    two.leave()
    assert cluster.pid() is None


def test_a_holder_killed_outright_has_left(cluster: PrivateCluster) -> None:
    holder = Holder(cluster.directory)
    assert holder.postmaster() == cluster.pid()
    holder.die()
    assert eventually(lambda: cluster.pid() is None)


def test_a_killed_holder_does_not_take_the_server_from_the_others(cluster: PrivateCluster) -> None:
    first = Holder(cluster.directory)
    pid = first.postmaster()
    with cluster:
        first.die()
        assert cluster.psql("select 1") == "1"
        assert cluster.pid() == pid


def test_a_killed_server_recovers_what_was_committed(cluster: PrivateCluster) -> None:
    with cluster:
        cluster.psql("create table kept as select 42 as answer")
        killed = cluster.pid()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: cluster.running() and cluster.pid() != killed), cluster.log.read_text()
        assert cluster.psql("select answer from kept") == "42"


def test_everything_killed_at_once_starts_again(cluster: PrivateCluster) -> None:
    holder = Holder(cluster.directory)
    postmaster = holder.postmaster()
    cluster.psql("create table kept as select 42 as answer")
    keeper = int(Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    os.kill(postmaster, signal.SIGKILL)
    holder.die()
    assert eventually(lambda: cluster.pid() is None)
    with cluster:
        assert cluster.psql("select answer from kept") == "42"


def test_a_stale_pid_file_naming_a_stranger_is_no_hindrance(cluster: PrivateCluster) -> None:
    with cluster:
        words = (cluster.pgdata / "postmaster.pid").read_text().splitlines()
    (cluster.pgdata / "postmaster.pid").write_text("\n".join([str(os.getpid()), *words[1:]]) + "\n")
    assert cluster.pid() is None
    with cluster:
        assert cluster.psql("select 1") == "1"


def test_a_cluster_half_made_is_made_again(cluster: PrivateCluster) -> None:
    (cluster.directory / "partial").mkdir()
    (cluster.directory / "partial" / "PG_VERSION").write_text("15\n")
    with cluster:
        assert cluster.psql("select 1") == "1"


def test_a_throwaway_cluster_dies_with_its_process() -> None:
    directory = throwaway_directory()
    holder = Holder(directory, "throwaway")
    holder.postmaster()
    holder.die()
    assert eventually(lambda: not directory.exists())


def test_a_deep_directory_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    cluster = PrivateCluster(tmp_path / ("deep" * 30))
    assert not cluster.socket_directory.is_relative_to(tmp_path / "deep")
    assert len(str(cluster.socket_directory)) < 80


def test_a_server_that_cannot_start_says_why(cluster: PrivateCluster) -> None:
    with cluster:
        pass
    (cluster.pgdata / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(binaries.PostgresUnavailable, match="no_such_setting"):
        cluster.start()
    assert cluster.abandoned()


def test_a_chosen_place_without_a_server_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUDMAIN_PG_BIN", str(tmp_path))
    with pytest.raises(PostgresUnavailable, match=f"COUDMAIN_PG_BIN: {tmp_path} has no postgres"):
        binaries.find()


def test_a_cluster_of_a_version_that_is_not_here_says_which_to_install(cluster: PrivateCluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.pgdata / "PG_VERSION").write_text("99\n")
    with pytest.raises(
        PostgresUnavailable, match=r"^no PostgreSQL with PostGIS found: install postgresql-99 "
    ):
        cluster.start()


def test_a_missing_version_is_named() -> None:
    with pytest.raises(binaries.PostgresUnavailable, match="install postgresql-7 postgresql-7-postgis-3"):
        binaries.find("7")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/usr/lib/postgresql/15/bin", "15"),
        ("/usr/pgsql-17/bin", "17"),
        ("/opt/homebrew/opt/postgresql@18/bin", "18"),
        ("/Applications/Postgres.app/Contents/Versions/latest/bin", "0"),
    ],
)
def test_a_version_is_read_out_of_a_path(path: str, version: str) -> None:
    assert binaries.major(Path(path)) == version
