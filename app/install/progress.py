"""What the person at the terminal sees while the set-up works, and the log with everything else."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

STILL_WORKING_EVERY = 20.0  # s between signs of life of a long step
MACHINE_TRUSTS = Path(
    "/etc/ssl/certs/ca-certificates.crt"
)  # Debian's bundle, an organisation's own CA included

HINTS = {  # what a child's output may hold: what it means to the person
    "CERTIFICATE_VERIFY_FAILED": "a certificate is not trusted: install your organisation's CA or set PIP_CERT",
    "UnknownIssuer": "a certificate is not trusted: install your organisation's CA or set PIP_CERT",
    "Temporary failure in name resolution": "no network, or no name server",
    "Temporary failure resolving": "no network, or no name server",
    "EAI_AGAIN": "no network, or no name server",
    "No space left on device": "the disk is full",
}


Command = Sequence[str | Path]


class SetupFailed(Exception):
    """The set-up cannot go on; the message is one line that says what to do. `status` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def machine_trust() -> dict[str, str]:
    """Variables that make pip, uv and npm, which bring certificates of their own, trust what the machine trusts."""
    names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    return dict.fromkeys(names, str(MACHINE_TRUSTS)) if MACHINE_TRUSTS.exists() else {}


class Progress:
    """Says what is going on, one line a step begun and one a step done; safe from several threads."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._children: dict[subprocess.Popen[str], bool] = {}  # whether each may be broken off
        self._stopped = False
        self._silent = False

    def say(self, words: str) -> None:
        """A line on the terminal, with the seconds since the set-up began."""
        with self._lock:
            if self._silent:
                return
            print(f"  [{time.monotonic() - self._began:5.1f} s] {words}", file=sys.stderr, flush=True)

    def run(
        self,
        step: str,
        command: Sequence[object],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        breakable: bool = True,
    ) -> None:
        """Run one command of a step, its output into the log; raises SetupFailed with its last line.

        One that is not `breakable` comes to its end even if the set-up is stopped meanwhile.
        """
        words = [str(word) for word in command]
        with self.log.open("a", errors="replace") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            log.flush()
            with self._begun(
                step, words, cwd, {**machine_trust(), **os.environ, **(env or {})}, breakable
            ) as child:
                last, hint = "", ""
                assert child.stdout is not None
                with self._signs_of_life(lambda: f"{step}: {last[:100] or 'still at it'}"):
                    for line in child.stdout:
                        log.write(line)
                        last = line.strip() or last
                        hint = next((HINTS[sign] for sign in HINTS if sign in line), hint)
        if child.returncode != 0:
            raise SetupFailed(
                f"{step}: {words[0]} failed: {hint or last[:300] or 'no output'} (see {self.log})"
            )

    @contextlib.contextmanager
    def stopped_with(self) -> Iterator[None]:
        """Whatever ends the block early ends what runs, too, and nothing begins after it."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._stopped = True
                running = dict(self._children)
            if not all(running.values()):
                self.say("stopping; waiting for the system's packages, which may not be left half installed")
            self._silent = True  # what fails from now on fails because it was stopped
            for child in running:
                self._end(child)
            raise

    @contextlib.contextmanager
    def _begun(
        self, step: str, words: list[str], cwd: Path | None, env: dict[str, str], breakable: bool
    ) -> Iterator["subprocess.Popen[str]"]:
        """A child that a stop knows of from its first moment; none is begun after one."""
        with self._lock:
            if self._stopped:
                raise SetupFailed(f"{step}: stopped")
            child = subprocess.Popen(
                words, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
            self._children[child] = breakable
        try:
            with child:
                yield child
        finally:
            with self._lock:
                del self._children[child]

    def _end(self, child: "subprocess.Popen[str]") -> None:
        if self._children.get(child):
            with contextlib.suppress(
                ProcessLookupError, PermissionError
            ):  # root's, by sudo: it heard Ctrl-C itself
                child.terminate()

    @contextlib.contextmanager
    def _signs_of_life(self, words: Callable[[], str]) -> Iterator[None]:
        """Say the words now and then: a download of minutes has nothing to say for itself."""
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(STILL_WORKING_EVERY):
                self.say(words())

        threading.Thread(target=tell, name="signs of life", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
