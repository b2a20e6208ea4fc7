"""Files as locks: `flock` is the kernel's, so whatever becomes of a process, what it held is free again."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

POLL_EVERY = 0.02  # s between tries at a held lock


class Busy(RuntimeError):
    """Somebody else has held the lock for as long as we were ready to wait."""


@contextlib.contextmanager
def exclusive(path: Path, within: float) -> Iterator[None]:
    """Hold the lock file `path` alone, waiting at most `within` seconds for it; raises Busy."""
    deadline = time.monotonic() + within
    with path.open("a") as file:
        while not _take(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise Busy(f"another process has held {path} for {within:.0f} s")
            time.sleep(POLL_EVERY)
        yield


def shared(path: Path) -> IO[str]:
    """Hold `path` together with others until the returned file is closed."""
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def free(path: Path) -> bool:
    """Whether nobody holds `path` at this instant. A lock file that is gone is held by nobody."""
    try:
        with path.open("r") as file:
            return _take(file, fcntl.LOCK_EX)
    except FileNotFoundError:
        return True


def _take(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
