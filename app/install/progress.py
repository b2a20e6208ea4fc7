"""What the person at the terminal sees while the set-up works, and the log with everything else."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STILL_WORKING_EVERY = 20.0  # s between signs of life of a long step


Command = Sequence[str | Path]


class SetupFailed(Exception):
    """The set-up cannot go on; the message is one line that says what to do. `status` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class Progress:
    """Says what is going on, one line a step begun and one a step done; safe from several threads."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def say(self, words: str) -> None:
        """A line on the terminal, with the seconds since the set-up began."""
        with self._lock:
            print(f"  [{time.monotonic() - self._began:5.1f} s] {words}", file=sys.stderr, flush=True)

    def run(
        self,
        step: str,
        command: Sequence[object],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run one command of a step, its output into the log; raises SetupFailed with its last line."""
        words = [str(word) for word in command]
        with self.log.open("a", errors="replace") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            log.flush()
            with subprocess.Popen(
                words,
                cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            ) as child:  # fmt: skip
                last, said = "", time.monotonic()
                assert child.stdout is not None
                for line in child.stdout:
                    log.write(line)
                    last = line.strip() or last
                    if time.monotonic() - said > STILL_WORKING_EVERY:
                        said = time.monotonic()
                        self.say(f"{step}: {last[:100]}")
        if child.returncode != 0:
            raise SetupFailed(f"{step}: {words[0]} failed: {last[:300] or 'no output'} (see {self.log})")
