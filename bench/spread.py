"""A spread-out installation as an operator starts it: a process a part, meeting over NATS and one database."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from bench.processes import free_port

ROOT: Final = Path(__file__).parents[1]
READY_WITHIN: Final = 180.0  # s from exec; five processes importing at once on two idle cores take about ten
STOPS_WITHIN: Final = (
    30.0  # s from SIGTERM on a crowded machine: farewells, answers and loops take 2 to 3 s each
)
LOOK_EVERY: Final = 0.05  # s


class Part:
    """`python -m app api|dispatch|relay` in a process of its own; it may be started again, on the same port."""

    def __init__(self, name: str, log: Path, environment: Mapping[str, str], port: int = 0) -> None:
        """`port`: an `api`'s, a free one by default."""
        self.name, self._log = name, log
        self.port = (port or free_port()) if name == "api" else 0
        self._environment = dict(environment)
        self.process = self._begun()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def door(self) -> str:
        """Where a part without the API answers for its numbers: any free port, which it told."""
        return self.said.partition("its numbers: ")[2].partition("/metrics")[0]

    @property
    def said(self) -> str:
        """What it printed, since it was last started."""
        return self._log.read_text(errors="replace")

    def wait(self) -> None:
        """Until it is ready: an `api` says so over HTTP, the others in words."""
        deadline = time.monotonic() + READY_WITHIN
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.said[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is not ready: {self.said[-2000:]}")
            time.sleep(LOOK_EVERY)

    def is_ready(self) -> bool:
        """Whether it can do its work now."""
        if not self.port:
            return f"{self.name} runs" in self.said
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    @property
    def has_been_ready(self) -> bool:
        """Whether it came as far as saying so, since it was last started."""
        return f"{self.name} runs" in self.said or "answers at" in self.said

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        self.process.kill()
        self.process.wait(10)

    def begin_again(self) -> None:
        """Start it anew after its end, without waiting for it."""
        self.process = self._begun()

    def stop(self) -> int:
        """The polite end; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def _begun(self) -> subprocess.Popen[bytes]:
        address = ["--port", str(self.port)] if self.port else []
        with self._log.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "app", self.name, *address],
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )


class Installation:
    """Parts over one database and one bus; whatever still runs at the end is stopped."""

    def __init__(
        self, directory: Path, database_url: str, nats_url: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self.parts: list[Part] = []
        self._environment = {
            "DATABASE_URL": database_url,
            "COUDMAIN_NATS_URL": nats_url,
            "COUDMAIN_DATA": str(directory),
            "COUDMAIN_SECRET": "one secret for every part of an installation",
            "COUDMAIN_ROUND_WINDOW": "0.4",
            **(settings or {}),
        }

    def starting(self, name: str, port: int = 0) -> Part:
        """Start a part without waiting for it."""
        log = self._directory / f"{name}-{len(self.parts)}.log"
        part = Part(name, log, self._environment, port)
        self.parts.append(part)
        return part

    def start(self, name: str, port: int = 0) -> Part:
        """A part, ready."""
        part = self.starting(name, port)
        part.wait()
        return part

    def close(self) -> dict[str, int]:
        """End every part that still runs, politely; the exit statuses of those."""
        running = [part for part in self.parts if part.process.poll() is None]
        return {f"{part.name} {number}": part.stop() for number, part in enumerate(running)}

    @property
    def said(self) -> str:
        """All that all of them printed."""
        return "\n".join(f"-- {part.name}\n{part.said}" for part in self.parts)


class NatsServer:
    """A NATS server on one port of the loopback, which may be killed and started again there."""

    def __init__(self) -> None:
        program = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/bin")
        if program is None:
            raise RuntimeError("nats-server is missing: install the distribution's package")
        self.port, self._door = free_port(), free_port()
        self._command = [program, "-a", "127.0.0.1", "-p", str(self.port), "-m", str(self._door)]
        self.process = self._begun()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def clients(self, name: str) -> int:
        """How many connections of this name it has now; none while it does not answer."""
        try:
            told = httpx.get(f"http://127.0.0.1:{self._door}/connz", timeout=2.0).json()
        except httpx.TransportError:
            return 0
        return sum(one.get("name") == name for one in told["connections"])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def begin_again(self) -> None:
        self.process = self._begun()

    def _begun(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
