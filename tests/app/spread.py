"""A spread-out installation as an operator starts it: a process a part, meeting over NATS and one database."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).parents[2]
READY_WITHIN: Final = 180.0  # s from exec; five processes importing at once on two idle cores take about ten
STOPS_WITHIN: Final = (
    30.0  # s from SIGTERM on a crowded machine: farewells, answers and loops take 2 to 3 s each
)
LOOK_EVERY: Final = 0.05  # s


class Part:
    """`python -m app api|dispatch|relay` in a process of its own."""

    def __init__(self, name: str, log: Path, environment: dict[str, str], port: int = 0) -> None:
        """`port`: an `api`'s, a free one by default."""
        self.name, self._log = name, log
        self.port = (port or _free_port()) if name == "api" else 0
        address = ["--port", str(self.port)] if self.port else []
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", name, *address],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def door(self) -> str:
        """Where a part without the API answers for its numbers: any free port, which it told."""
        return self.said.partition("its numbers: ")[2].partition("/metrics")[0]

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")

    def wait(self) -> None:
        """Until it is ready: an `api` says so over HTTP, the others in words."""
        deadline = time.monotonic() + READY_WITHIN
        while not self._is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.said[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is not ready: {self.said[-2000:]}")
            time.sleep(LOOK_EVERY)

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """The polite end; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def _is_ready(self) -> bool:
        if not self.port:
            return f"{self.name} runs" in self.said  # its door is open: it says where
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class Installation:
    """Parts over one database and one bus; whatever still runs at the end is stopped."""

    def __init__(self, directory: Path, database_url: str, nats_url: str) -> None:
        self._directory = directory
        self.parts: list[Part] = []
        self._environment = {
            "DATABASE_URL": database_url,
            "COUDMAIN_NATS_URL": nats_url,
            "COUDMAIN_DATA": str(directory),
            "COUDMAIN_SECRET": "one secret for every part of an installation",
            "COUDMAIN_ROUND_WINDOW": "0.4",
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
