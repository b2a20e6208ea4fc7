"""`start`: from nothing to /readyz, from a stopped engine, and from one that was killed."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.postgres import PrivateCluster, throwaway_directory
from bench.figures import Outcome, Spread
from bench.processes import EngineProcess, children_of, cluster_of, data, kill_at_once, parent_of

GONE_WITHIN: Final = 10.0  # s for the processes of a killed postmaster to notice
LOOK_EVERY: Final = 0.005  # s

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How often each start is measured."""

    first: int = 3
    second: int = 5
    killed: int = 3


def measure(sizes: Sizes, say: Say) -> Outcome:
    """Every start of the engine beside the same start of a bare private cluster."""
    engine: dict[str, list[float]] = {"first": [], "second": [], "killed": [], "all_killed": []}
    bare: dict[str, list[float]] = {"first": [], "second": [], "all_killed": []}
    for turn in range(sizes.first):
        last = turn == sizes.first - 1
        with data() as directory, bare_cluster() as cluster:
            bare["first"].append(_bare_start(cluster))
            engine["first"].append(_start_and_end(directory))
            say(f"first start {turn + 1}: {engine['first'][-1]:.2f} s, bare {bare['first'][-1]:.2f} s")
            if last:
                _later_starts(sizes, directory, cluster, engine, bare, say)
    figures: dict[str, Spread | float] = {
        f"engine_{name}_s": Spread.of(samples) for name, samples in engine.items() if samples
    }
    figures |= {f"cluster_{name}_s": Spread.of(samples) for name, samples in bare.items() if samples}
    ratios = {
        name: Spread.of(engine[name]).median / Spread.of(samples).median
        for name, samples in bare.items()
        if samples
    }
    return Outcome(
        name="start",
        measures="seconds from exec to a 200 of /readyz",
        peer="the bare private cluster: from nothing, from stopped, from killed, until its socket answers",
        sizes={"first": sizes.first, "second": sizes.second, "killed": sizes.killed},
        figures=figures,
        ratios=ratios,
        notes=(
            "first: no database; the demo city's streets are at hand, as after the set-up",
            "killed: SIGKILL of the engine, whose keeper stops the database",
            "all_killed: SIGKILL of the engine and of PostgreSQL, which recovers from its log",
        ),
    )


def _later_starts(
    sizes: Sizes,
    directory: Path,
    cluster: PrivateCluster,
    engine: dict[str, list[float]],
    bare: dict[str, list[float]],
    say: Say,
) -> None:
    for turn in range(sizes.second):
        bare["second"].append(_bare_start(cluster))
        engine["second"].append(_start_and_end(directory))
        say(f"second start {turn + 1}: {engine['second'][-1]:.2f} s, bare {bare['second'][-1]:.2f} s")
    for turn in range(sizes.killed):
        _kill(directory, database_too=False)
        engine["killed"].append(_start_and_end(directory))
        _kill(directory, database_too=True)
        engine["all_killed"].append(_start_and_end(directory))
        bare["all_killed"].append(_bare_recovery(cluster))
        say(
            f"after SIGKILL {turn + 1}: {engine['killed'][-1]:.2f} s, of the database too "
            f"{engine['all_killed'][-1]:.2f} s, bare {bare['all_killed'][-1]:.2f} s"
        )


def _start_and_end(directory: Path) -> float:
    process = EngineProcess(directory)
    try:
        return process.ready()
    finally:
        process.end()


def _kill(directory: Path, *, database_too: bool) -> None:
    """Start an engine and kill it without a word; returns when nothing of it is left."""
    process = EngineProcess(directory)
    process.ready()
    postmaster = cluster_of(directory).pid()
    assert postmaster is not None, "a ready engine has its database"
    family = [postmaster, *children_of(postmaster)]
    # The keeper goes first: it would start a killed server again.
    kill_at_once([process.process.pid, *([parent_of(postmaster), postmaster] if database_too else [])])
    process.process.wait()
    _gone(family)


def _bare_start(cluster: PrivateCluster) -> float:
    began = time.perf_counter()
    cluster.start()
    took = time.perf_counter() - began
    cluster.stop()
    return took


def _bare_recovery(cluster: PrivateCluster) -> float:
    cluster.start()
    postmaster = cluster.pid()
    assert postmaster is not None, "a started cluster has its server"
    family = [postmaster, *children_of(postmaster)]
    kill_at_once([parent_of(postmaster), postmaster])
    cluster.stop()
    _gone(family)
    return _bare_start(cluster)


def _gone(pids: list[int]) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of a killed server live on: {pids}")
        time.sleep(LOOK_EVERY)


@contextmanager
def bare_cluster() -> Iterator[PrivateCluster]:
    """A private cluster as the engine's own, durable, with nothing in it and nobody else."""
    directory = throwaway_directory()
    cluster = PrivateCluster(directory / "postgres")
    try:
        yield cluster
    finally:
        cluster.stop()
        cluster.end()
        shutil.rmtree(directory, ignore_errors=True)
