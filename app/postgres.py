"""The private PostgreSQL cluster: the distribution's binaries, our directory, a Unix socket, nothing else.

Promises. `start` from nothing takes 1-2 s, a later one 0.1-0.2 s. No TCP port is ever opened. Any number of
processes may hold the cluster at once: the first starts it, the last to leave stops it. A holder that dies,
by SIGKILL too, has left, because a hold is a shared `flock`; the keeper (app/keeper.py, the postmaster's
parent) sees to it then. Standard library only: this runs before the virtual environment exists.

Layout of the directory:  cluster/ (PGDATA)  socket/ (0700)  lock  holders  log
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from app import locks
from app.binaries import PostgresUnavailable, account, find, own, running_as

USER = "coudmain"  # the cluster's superuser; only whoever passes the socket directory's 0700 can be it
DATABASE = "coudmain"
EXTENSIONS = ("postgis", "btree_gist", "pg_trgm")
SOCKET_PORT = 5432  # only the last part of the socket's file name: no TCP port is opened
LONGEST_SOCKET_PATH = 107  # bytes: sun_path of sockaddr_un on Linux, less its closing zero

LOCK_WITHIN = 120.0  # s: another's initdb, start and preparation take seconds, on a crawling disk a minute
START_WITHIN = 60.0  # s; crash recovery after a long, busy run is the slow case
STOP_WITHIN = 30.0  # s for a fast shutdown, then an immediate one (recovery at the next start)
POLL_EVERY = 0.02  # s between looks while a start or a stop is under way
LONGEST_LOG = 5_000_000  # bytes; a longer log starts anew with the next start of the server


@dataclass(frozen=True)
class Flavour:
    """A use of a cluster: initdb's arguments, the server's settings, whether it goes with its last holder."""

    initdb: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    discard: bool = False


DURABLE = Flavour(
    settings={"max_connections": "200", "jit": "off", "timezone": "UTC", "log_checkpoints": "off"},
)
THROWAWAY = Flavour(
    initdb=("--no-sync", "--wal-segsize=1"),
    settings={
        **DURABLE.settings,
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",  # wal_level=minimal asks for it
        "autovacuum": "off",
    },
    discard=True,
)
FLAVOURS = {"durable": DURABLE, "throwaway": THROWAWAY}


class PrivateCluster:
    """One cluster in `directory`. `start` and `stop` are a holder's coming and going; `with` does both."""

    def __init__(self, directory: Path, flavour: Flavour = DURABLE) -> None:
        self.directory = directory.absolute()
        self.flavour = flavour
        self.pgdata = self.directory / "cluster"
        self.log = self.directory / "log"
        self._held: IO[str] | None = None

    # -- where it answers -------------------------------------------------------------------------

    @property
    def socket_directory(self) -> Path:
        """Beside the cluster, or in the runtime directory where that path would be too long for a socket."""
        beside = self.directory / "socket"
        if len(os.fsencode(beside / f".s.PGSQL.{SOCKET_PORT}")) <= LONGEST_SOCKET_PATH:
            return beside
        runtime = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() != 0 else None
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path(runtime or tempfile.gettempdir()) / f"coudmain-{os.geteuid()}-{digest}"

    def url(self, database: str = DATABASE) -> str:
        """The SQLAlchemy URL of one of its databases, for asyncpg. It names the port lest PGPORT does."""
        where = quote(str(self.socket_directory), safe="/")
        return f"postgresql+asyncpg://{USER}@/{database}?host={where}&port={SOCKET_PORT}"

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL through psql and return its bare output; errors raise PostgresUnavailable in its words."""
        where = ["-U", USER, "-h", str(self.socket_directory), "-p", str(SOCKET_PORT), "-d", database]
        command = [str(self.binaries() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *where, "-c", sql]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, capture_output=True, text=True, check=False, **running_as(None)
        )
        if done.returncode != 0:
            raise PostgresUnavailable(f"psql on {database}: {' '.join(done.stderr.split())}")
        return done.stdout.strip()

    def binaries(self) -> Path:
        """The bin directory of the version that made the cluster; the newest when there is none yet."""
        with contextlib.suppress(FileNotFoundError):
            return find((self.pgdata / "PG_VERSION").read_text().strip())
        return find()

    # -- coming and going -------------------------------------------------------------------------

    def hold(self) -> None:
        """Become a holder without starting anything: what others start stays up until this one leaves too."""
        if self._held is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._held = locks.shared(self.directory / "holders")

    def start(self) -> None:
        """Hold the cluster and see that it answers: make, recover or join it. Raises PostgresUnavailable."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self.locked():
                self.hold()
                if not self.running():
                    self._launch()
        except BaseException as error:
            self._leave()
            if isinstance(error, PermissionError):
                problem = f"{error.filename} is another account's: run as that account or set COUDMAIN_DATA"
                raise PostgresUnavailable(problem) from error
            raise

    def stop(self) -> None:
        """Leave; the last holder to leave stops the server, and removes a throw-away cluster."""
        if self._held is None:
            return
        with contextlib.suppress(FileNotFoundError), self.locked():
            self._leave()
            for _ in range(5):  # the keeper tries the same lock for an instant twice a second
                if self.abandoned():
                    self.end()
                    break
                time.sleep(POLL_EVERY)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def prepare(self, database: str = DATABASE) -> None:
        """See that `database` exists with the extensions the store needs. Two at once are safe."""
        with self.locked():
            if not self.psql(f"select 1 from pg_database where datname = '{database}'"):  # noqa: S608 - a name of ours
                self.psql(f'create database "{database}"')
            wanted = "; ".join(f"create extension if not exists {extension}" for extension in EXTENSIONS)
            self.psql(f"set client_min_messages = warning; {wanted}", database)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Alone among all who would start, stop or prepare this cluster."""
        return locks.exclusive(self.directory / "lock", LOCK_WITHIN)

    def abandoned(self) -> bool:
        """Whether nobody holds it. Sure only while `locked`."""
        return locks.free(self.directory / "holders")

    def _leave(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    # -- the server process -----------------------------------------------------------------------

    def pid(self) -> int | None:
        """The pid of this cluster's postmaster when it is alive, else None."""
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int((self.pgdata / "postmaster.pid").read_text().splitlines()[0])
            return pid if self.serves(pid) else None
        return None

    def serves(self, pid: int) -> bool:
        """Whether process `pid` works in this cluster: the servers' working directory is PGDATA.

        So neither a zombie nor a stranger that got the number of a dead postmaster passes for one.
        """
        if not Path("/proc/self/cwd").exists():  # no procfs: believe the number
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 0)
                return True
            return False
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cwd").readlink() == self.pgdata.resolve()
        return False

    def running(self) -> bool:
        """Ready to answer: a live postmaster's pid file says so and the socket takes a connection."""
        if self.pid() is None:
            return False
        with contextlib.suppress(FileNotFoundError, IndexError, ConnectionError, TimeoutError):
            status = (self.pgdata / "postmaster.pid").read_text().splitlines()[7].strip()
            with socket.socket(socket.AF_UNIX) as knock:
                knock.settimeout(1.0)
                knock.connect(str(self.socket_directory / f".s.PGSQL.{SOCKET_PORT}"))
                return status == "ready"
        return False

    def end(self) -> None:
        """Stop the server whoever holds it (a throw-away one at once, and its directory goes with it)."""
        for how in (signal.SIGQUIT,) if self.flavour.discard else (signal.SIGINT, signal.SIGQUIT):
            if (pid := self.pid()) is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
            deadline = time.monotonic() + STOP_WITHIN
            while self.pid() == pid and time.monotonic() < deadline:
                time.sleep(POLL_EVERY)
        if self.flavour.discard:
            shutil.rmtree(self.socket_directory, ignore_errors=True)
            shutil.rmtree(self.directory, ignore_errors=True)

    def command(self) -> list[str]:
        """The server's command line."""
        settings = {
            **self.flavour.settings,
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory),
            "unix_socket_permissions": "0700",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries() / "postgres"), "-D", str(self.pgdata), "-p", str(SOCKET_PORT), *options]

    def _launch(self) -> None:
        """Make, start and await the server; one that a killed starter left starting is only awaited."""
        keeper = None
        if self.pid() is None:
            self._make()
            self.binaries()  # those of the version that made it are here: the keeper could only log that they are not
            keeper = self._spawn_keeper()
        deadline = time.monotonic() + START_WITHIN
        while not self.running():
            if time.monotonic() > deadline or (keeper is not None and keeper.poll() is not None):
                words = self.log.read_text(errors="replace").splitlines()[-3:]
                raise PostgresUnavailable(f"PostgreSQL did not start; {self.log} ends: {' / '.join(words)}")
            time.sleep(POLL_EVERY)
        if keeper is not None:
            keeper.returncode = 0  # it outlives this object on purpose: no ResourceWarning for it

    def _spawn_keeper(self) -> subprocess.Popen[bytes]:
        flavour = next(name for name, known in FLAVOURS.items() if known is self.flavour)
        grown = self.log.exists() and self.log.stat().st_size > LONGEST_LOG
        with self.log.open("w" if grown else "a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "app.keeper", str(self.directory), flavour],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for us: the server stops after its clients
            )

    def _make(self) -> None:
        """initdb when there is no cluster yet, in a directory renamed once whole: none is left half made."""
        who = account()
        own(self.directory, None, 0o755)
        own(self.socket_directory, who, 0o700)
        if (self.pgdata / "PG_VERSION").exists():
            return
        partial = self.directory / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        own(partial, who, 0o700)
        locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        kind = ["-U", USER, "-A", "trust", "-E", "UTF8", f"--locale={locale}", *self.flavour.initdb]
        done = subprocess.run(
            [str(find() / "initdb"), "-D", str(partial), *kind],
            capture_output=True, text=True, check=False, **running_as(who),
        )  # fmt: skip
        if done.returncode != 0:
            raise PostgresUnavailable(f"initdb: {' '.join(done.stderr.split())}")
        partial.rename(self.pgdata)


@contextlib.contextmanager
def throwaway() -> Iterator[PrivateCluster]:
    """A running cluster in a temporary directory, careless of durability, gone at the end in any case."""
    with PrivateCluster(throwaway_directory(), THROWAWAY) as cluster:
        yield cluster


def throwaway_directory() -> Path:
    """A fresh temporary directory that the server's account can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="coudmain-"))
    directory.chmod(0o755)
    return directory
