"""What can be done to processes from outside: killed, frozen, thawed, with all their children."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.processes import children_of

STANDS_WITHIN: Final = 5.0  # s after SIGSTOP, on a machine whose cores are taken
LOOK_EVERY: Final = 0.002  # s


def family_of(pid: int) -> list[int]:
    """The process and its children, grandchildren and so on, alive now; parents first."""
    found = [pid]
    for member in found:
        found += children_of(member)
    return found


def freeze(pid: int) -> list[int]:
    """Stop a process and all it has begun, as a machine that swaps does; whom to `thaw`. Connections stay open."""
    os.kill(pid, signal.SIGSTOP)  # the parent first: it begins no more children
    frozen = family_of(pid)
    _tell(frozen[1:], signal.SIGSTOP)
    _until_they_stand(frozen)
    return frozen


def thaw(pids: Sequence[int]) -> None:
    """Let frozen processes go on, children first; one that has gone needs nothing."""
    _tell(reversed(pids), signal.SIGCONT)


def stand_still(pids: Sequence[int]) -> bool:
    """Whether there are such processes, and every one of them is stopped."""
    return bool(pids) and all(_state(pid) == "T" for pid in pids)


def _until_they_stand(pids: Sequence[int]) -> None:
    """A signal is sent at once and taken when its process next gets a core."""
    deadline = time.monotonic() + STANDS_WITHIN
    while not stand_still(pids) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)


def _state(pid: int) -> str:
    """One letter (proc(5)); nothing for one that has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _tell(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
