"""A real OSRM over an extract: built once with the car profile, run on a port of its own, ended at the end."""

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.install import osrm
from bench.processes import free_port

BUILD_WITHIN: Final = 300.0  # s; Monaco takes two, a metropolis half a minute
READY_WITHIN: Final = 30.0
LARGEST_TABLE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Server:
    """A running osrm-routed."""

    url: str
    pid: int


def why_not() -> str:
    """Why there is no OSRM to run here; empty when there is one."""
    if not osrm.fits():
        return "osrm-bindings publishes no wheel for this machine"
    return "" if osrm.ready() else "OSRM's programs are not installed (./coudmain test brings them)"


def build(extract: Path, directory: Path) -> Path:
    """OSRM's files for an extract; the path they share."""
    copy = directory / extract.name
    copy.symlink_to(extract.resolve())
    base = directory / f"{extract.name.removesuffix('.pbf').removesuffix('.osm')}.osrm"
    _run("osrm-extract", "-p", osrm.profile("car"), copy)
    _run("osrm-partition", base)
    _run("osrm-customize", base)
    return base


@contextlib.contextmanager
def serving(base: Path, port: int | None = None) -> Iterator[Server]:
    """A running osrm-routed, on a port of its own unless told."""
    port = port or free_port()
    size = ["--max-table-size", str(LARGEST_TABLE)]
    command = [osrm.program("osrm-routed"), "-i", "127.0.0.1", "-p", str(port), "-a", "MLD", *size, base]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait(f"http://127.0.0.1:{port}", server)
            yield Server(f"http://127.0.0.1:{port}", server.pid)
        finally:
            server.kill()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/nearest/v1/driving/7.42,43.73", timeout=5).close()
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("osrm-routed did not start")
        time.sleep(0.01)


def _run(name: str, *arguments: str | Path) -> None:
    words: Sequence[str] = [str(osrm.program(name)), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_WITHIN, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stdout[-500:]}{done.stderr[-500:]}")
