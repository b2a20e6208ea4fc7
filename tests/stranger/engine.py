"""The real engine as a stranger meets it: a process behind a URL, which may be killed and started again."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
READY_WITHIN = 120.0  # s from exec to /readyz on a crowded machine; alone it takes about three


@dataclass
class EngineProcess:
    """`python -m app serve` on a free port over one database."""

    database_url: str
    data: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data / "engine.log"

    def start(self) -> None:
        """Start it, the same port each time, and wait until /readyz answers 200."""
        self.port = self.port or _free_port()
        environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "COUDMAIN_ENV": "development",
            "COUDMAIN_DATA": str(self.data),
            **self.settings,
        }
        command = [sys.executable, "-m", "app", "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.wait_until_ready()

    def wait_until_ready(self, within: float = READY_WITHIN) -> None:
        """Poll /readyz."""
        deadline = time.monotonic() + within
        last: object = None
        with httpx.Client(verify=False, timeout=5.0) as knocking:  # plain HTTP: no certificates to read
            while time.monotonic() < deadline:
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"the engine ended: {self._last_words()}")
                try:
                    answer = knocking.get(f"{self.url}/readyz")
                    if answer.status_code == 200:
                        return
                    last = answer.text
                except httpx.TransportError as error:
                    last = error
                time.sleep(0.05)
        raise TimeoutError(f"/readyz within {within} s: {last}; {self._last_words()}")

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """The polite end, of a process that may have ended already."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
