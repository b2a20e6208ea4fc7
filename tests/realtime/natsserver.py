"""A NATS server of a test's own, to be killed, frozen and started again on the same port."""

import os
import shutil
import signal
import socket
import subprocess
import time

WITHIN = 10.0  # s until it listens: it takes 50 ms
LOOK_EVERY = 0.02  # s


class NatsServer:
    """Not running until `start`."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return once it listens."""
        program = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/bin")
        assert program is not None, "nats-server is missing: ./coudmain test installs it"
        command = [program, "-a", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "nats-server did not listen"
                time.sleep(LOOK_EVERY)
            else:
                return

    def freeze(self) -> None:
        """It keeps its connections and reads nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; nothing to do when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WITHIN)
            self._process = None

    def _send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
