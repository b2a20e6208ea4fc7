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
    """Stop a process and all it has begun, as a machine that swaps does; whom to `thaw`. Connections stay open.

    A signal is taken when its process next gets a core, and until then a parent may begin another child: what is
    found once all that were known stand is all there is.
    """
    os.kill(pid, signal.SIGSTOP)
    family, deadline = [pid], time.monotonic() + STANDS_WITHIN
    while True:
        _tell(family, signal.SIGSTOP)
        stood, known, family = stand_still(family), family, family_of(pid)
        if (stood and family == known) or time.monotonic() > deadline:
            return family
        time.sleep(LOOK_EVERY)


def thaw(pids: Sequence[int]) -> None:
    """Let frozen processes go on, children first; one that has gone needs nothing."""
    _tell(reversed(pids), signal.SIGCONT)


def stand_still(pids: Sequence[int]) -> bool:
    """Whether there are such processes, and every one of them is stopped."""
    return bool(pids) and all(_state(pid) == "T" for pid in pids)


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
