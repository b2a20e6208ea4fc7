"""The keeper: the postmaster's parent, `python -m app.keeper DIRECTORY FLAVOUR`, begun by app/postgres.py.

It does three things nobody else can do surely: it reaps the postmaster (so that no zombie keeps its pid
file alive), brings it back when it was killed while held, and stops it when the last holder is gone
without a word.
"""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

from app.binaries import account, running_as
from app.postgres import FLAVOURS, POLL_EVERY, PrivateCluster

LOOK_EVERY = 0.5  # s between looks for the last holder
RESTARTS = 5  # times a killed postmaster is brought back; what dies more often needs a human
REMAINS_WITHIN = 10.0  # s for a killed postmaster's children to notice and go


def keep(cluster: PrivateCluster) -> None:
    """Run the server until it stops by itself, or the last holder has gone."""
    for _ in range(1 + RESTARTS):
        clear_remains(cluster)
        server = subprocess.Popen(cluster.command(), **running_as(account()))
        while server.poll() is None:
            time.sleep(LOOK_EVERY)
            if server.poll() is None and cluster.abandoned():
                with contextlib.suppress(FileNotFoundError), cluster.locked():
                    if cluster.abandoned():  # whoever came meanwhile was holding before it unlocked
                        cluster.end()
        if server.returncode >= 0 or cluster.abandoned():  # negative: killed by that signal
            return


def clear_remains(cluster: PrivateCluster) -> None:
    """Wait for what a killed postmaster left, then take its lock files away.

    PostgreSQL itself refuses to start while the pid in them is alive, be it a zombie's or a stranger's by
    now. They may only go when no process of the old server lives: they guard its shared memory.
    """
    left = [cluster.pgdata / "postmaster.pid", *cluster.socket_directory.glob(".s.PGSQL.*")]
    if not any(file.exists() for file in left) or not Path("/proc/self").exists():
        return
    deadline = time.monotonic() + REMAINS_WITHIN
    while any(cluster.serves(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        if time.monotonic() > deadline:
            return  # let PostgreSQL say what is wrong
        time.sleep(POLL_EVERY)
    for file in left:
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    keep(PrivateCluster(Path(sys.argv[1]), FLAVOURS[sys.argv[2]]))
