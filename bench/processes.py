"""The engine as an operator starts it, in a process and a data directory of its own, and what processes cost."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.directories import ROOT, data_directory
from app.postgres import PrivateCluster, throwaway_directory

READY_WITHIN: Final = 120.0  # s from exec to /readyz; 3 to 6 on two idle cores
END_WITHIN: Final = 30.0  # s for a polite end; sockets are sent away first
LOOK_EVERY: Final = 0.01  # s between two looks: the resolution of a start's time
TICKS: Final = os.sysconf("SC_CLK_TCK")
GONE: Final = "ZX"  # the states of a process that has ended (proc(5))


class EngineDied(RuntimeError):
    """The engine ended before it was ready; the message is the end of its log."""


@contextlib.contextmanager
def data() -> Iterator[Path]:
    """A data directory with this installation's cities and no database; gone at the end, its server too."""
    directory = throwaway_directory()
    cities = data_directory() / "cities"
    if cities.exists():
        (directory / "cities").symlink_to(cities)
    try:
        yield directory
    finally:
        cluster_of(directory).end()
        shutil.rmtree(directory, ignore_errors=True)


def cluster_of(directory: Path) -> PrivateCluster:
    """The private cluster that an engine with this data directory runs."""
    return PrivateCluster(directory / "postgres")


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EngineProcess:
    """`python -m app COMMAND --port N` over a data directory."""

    def __init__(self, directory: Path, command: Sequence[str] = ("serve",)) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = directory / "engine.log"
        self._began = time.perf_counter()
        clean = {name: value for name, value in os.environ.items() if not _ours(name)}
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "app", *command, "--port", str(self.port)],
                env={**clean, "PYTHONPATH": str(ROOT), "COUDMAIN_DATA": str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self) -> float:
        """Wait for /readyz; seconds since the process was started. Raises `EngineDied`."""
        while time.perf_counter() - self._began < READY_WITHIN:
            if self.process.poll() is not None:
                break
            if self._answers():
                return time.perf_counter() - self._began
            time.sleep(LOOK_EVERY)
        self.kill()
        raise EngineDied(self.last_words())

    def end(self) -> None:
        """The polite end: SIGTERM, and the database stopped with it."""
        self.process.terminate()
        try:
            self.process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def last_words(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-800:]

    def _answers(self) -> bool:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5.0)
        try:
            asking.request("GET", "/readyz")
            return asking.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            asking.close()


@contextlib.contextmanager
def engine(directory: Path, command: Sequence[str] = ("serve",)) -> Iterator[EngineProcess]:
    """A ready engine, ended at the end."""
    process = EngineProcess(directory, command)
    try:
        process.ready()
        yield process
    finally:
        process.end()


def kill_at_once(pids: Sequence[int]) -> None:
    """SIGKILL several processes without a moment between."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# What processes cost (Linux: everything here reads /proc)


@dataclass(frozen=True, slots=True)
class Cost:
    """Proportional memory (shared pages divided among their users) and processor time so far."""

    pss_mb: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.pss_mb + other.pss_mb, self.cpu_s + other.cpu_s)


def cost_of(pid: int, *, with_reaped: bool = False) -> Cost:
    """One process's cost; of one that has gone, nothing. `with_reaped` adds the time of children it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Cost()
    pss_kb = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    # proc(5): utime, stime, cutime, cstime are fields 14 to 17; the list begins at field 3.
    ticks = sum(int(field) for field in fields[11 : 15 if with_reaped else 13])
    return Cost(pss_kb / 1e3, ticks / TICKS)


def children_of(pid: int) -> list[int]:
    """The process's children, alive now: not those that have ended and wait to be reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state not in GONE:
                found.append(int(stat.parent.name))
    return sorted(found)


def parent_of(pid: int) -> int:
    """The process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cost_of_postgres(directory: Path) -> Cost:
    """The private cluster's: the postmaster, its processes, and those that have come and gone."""
    postmaster = cluster_of(directory).pid()
    if postmaster is None:
        return Cost()
    alive = (cost_of(child) for child in children_of(postmaster))
    return sum(alive, cost_of(postmaster, with_reaped=True))


def _ours(name: str) -> bool:
    return name.startswith(("COUDMAIN_", "DATABASE_URL")) and name != "COUDMAIN_PG_BIN"
