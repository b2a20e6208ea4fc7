"""`python -m app.install COMMAND [PROGRAM …]`: whatever COMMAND needs, installed; then this process becomes PROGRAM.

Says nothing when nothing is missing. Steps run side by side: the distribution's packages, the Python environment, the
city's data and the browser apps want nothing of each other; the basemap wants the first three.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as until_done
from contextlib import contextmanager
from dataclasses import dataclass

from app import cities, kernels, locks
from app.directories import ROOT, basemap_of, data_directory
from app.install import osrm, python, system, web
from app.install.progress import Progress, SetupFailed
from app.install.system import DEMO_CITY, NEED_THE_CITY

NEED_OSRM = {"test", "bench"}  # to compare travel times with, and to be asked over HTTP
SETUP_WITHIN = 1800.0  # s another set-up of this checkout may take before we give up waiting for it
TERMINATED = 128 + signal.SIGTERM
BASEMAP = "basemap"
KERNELS = "kernels"


@dataclass(frozen=True)
class Step:
    """One thing to do, after others. What only the map or the screens need is optional: it may fail."""

    name: str
    run: Callable[[Progress], None]
    after: tuple[str, ...] = ()
    optional: bool = False


def wanted(command: str) -> list[Step]:
    """The steps that are not done yet."""
    steps = []
    if packages := system.obtainable(system.missing(command)):
        steps.append(Step(system.STEP, lambda progress: system.install(packages, progress)))
    if not python.ready(command):
        steps.append(Step(python.STEP, lambda progress: python.install(progress, command)))
    if command in NEED_OSRM and osrm.fits() and not osrm.ready():
        steps.append(Step(osrm.STEP, osrm.install, optional=True))
    if command in NEED_THE_CITY:
        if web.present() and not web.ready():
            steps.append(Step(web.STEP, web.build, optional=True))
        if not cities.ready(DEMO_CITY):
            steps.append(Step(cities.STEP, fetch_city, optional=True))
        if not basemap_of(DEMO_CITY).exists():
            after = (system.STEP, python.STEP, cities.STEP)
            steps.append(
                Step(BASEMAP, lambda progress: build_basemap(progress, command), after, optional=True)
            )
        if not kernels.ready():
            run = lambda progress: compile_kernels(progress, command)  # noqa: E731 - as its neighbours
            steps.append(Step(KERNELS, run, (python.STEP,), optional=True))
    return steps


def fetch_city(progress: Progress) -> None:
    """The demo city's data into the cache."""
    try:
        cities.fetch(DEMO_CITY, progress)
    except cities.CityUnavailable as unavailable:
        raise SetupFailed(str(unavailable)) from unavailable


def build_basemap(progress: Progress, command: str) -> None:
    """The demo city's basemap, by the environment's Python: it has the packages the set-up lacks."""
    environment, _ = python.wanted(command)
    build = [environment.python, "-m", "app.basemap", cities.extract(DEMO_CITY), basemap_of(DEMO_CITY)]
    progress.run(BASEMAP, build, cwd=ROOT)


def compile_kernels(progress: Progress, command: str) -> None:
    """The kernels, by the environment's Python: half a minute of CPU that no first round has to wait for."""
    environment, _ = python.wanted(command)
    progress.run(KERNELS, [environment.python, "-m", "app.warming"], cwd=ROOT)


def perform(steps: list[Step], progress: Progress) -> None:
    """Run the steps, each as soon as those before it are done. Raises the first required step's failure."""
    futures: dict[str, Future[None]] = {}

    def work(step: Step) -> None:
        for name in step.after:
            if name in futures:
                futures[name].result()
        began = time.monotonic()
        step.run(progress)
        progress.say(f"{step.name}: done in {time.monotonic() - began:.1f} s")

    with ThreadPoolExecutor(max_workers=len(steps)) as pool, progress.stopped_with():
        for step in steps:  # listed after what they want, so no worker waits for one that has none
            futures[step.name] = pool.submit(work, step)
        until_done(futures.values())
    for step in steps:
        failure = futures[step.name].exception()
        if failure is None:
            continue
        if not step.optional or not isinstance(failure, SetupFailed):
            raise failure
        progress.say(f"{step.name}: going on without ({failure})")


def set_up(command: str) -> None:
    """Do what is not done yet; one set-up of a checkout at a time."""
    if not wanted(command):
        return
    progress = Progress(data_directory() / "install.log")
    lock = data_directory() / "install.lock"
    if not locks.free(lock):
        progress.say("another set-up is at work here; waiting for it")
    with locks.exclusive(lock, SETUP_WITHIN):
        if steps := wanted(command):
            progress.say(f"setting up: {', '.join(step.name for step in steps)} (the log: {progress.log})")
            perform(steps, progress)
            progress.say("set-up done")


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the set-up as Ctrl-C does."""

    def leave(*_: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(command: str, program: Sequence[str] = ()) -> int:
    """Set up for `command` and become `program`; the exit status, where there is none or something failed."""
    try:
        with _terminable():
            set_up(command)
    except SetupFailed as failed:
        print(f"coudmain: {failed}", file=sys.stderr)
        return failed.status
    except (OSError, subprocess.SubprocessError, locks.Busy) as failed:
        print(f"coudmain: the set-up failed: {_in_words(failed)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if program:
        os.execv(program[0], [*program])  # noqa: S606 - no shell, on purpose
    return 0


def _in_words(failed: Exception) -> str:
    """What the person can do about it, where it is known."""
    number = failed.errno if isinstance(failed, OSError) else None
    if number == errno.ENOSPC:
        return "the disk is full"
    if isinstance(failed, OSError) and number in {errno.EACCES, errno.EPERM}:
        return (
            f"nothing may be written at {failed.filename} ({failed.strerror}): run as the account that owns "
            "this checkout, or clone one of your own"
        )
    return str(failed)


if __name__ == "__main__":
    command, *program = sys.argv[1:] or ["up"]
    raise SystemExit(main(command, program))
