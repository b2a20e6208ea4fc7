"""`python -m app.install COMMAND`: whatever COMMAND needs, installed. Says nothing when nothing is missing.

Steps run side by side: the distribution's packages, the Python environment, the city's data and the browser
apps want nothing of each other; the basemap wants the first three.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from app import cities, kernels, locks
from app.directories import ROOT, basemap_of, data_directory
from app.install import osrm, python, system, web
from app.install.progress import Progress, SetupFailed

DEMO_CITY = "monaco"
NEED_THE_CITY = {
    "up",
    "serve",
    "test",
    "bench",
    "api",
    "dispatch",
    "map",
}  # its streets, its map or the screens
NEED_OSRM = {"test", "bench"}  # to compare travel times with, and to be asked over HTTP
SETUP_WITHIN = 1800.0  # s another set-up of this checkout may take before we give up waiting for it
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
    if packages := system.missing(command):
        system.become_root(packages)  # no right to: say so before anything else is done
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


def fetch_city(_: Progress) -> None:
    """The demo city's data into the cache."""
    try:
        cities.fetch(DEMO_CITY)
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

    with ThreadPoolExecutor(max_workers=len(steps)) as pool:
        for step in steps:  # listed after what they want, so no worker waits for one that has none
            futures[step.name] = pool.submit(work, step)
    for step in steps:
        failure = futures[step.name].exception()
        if failure is None:
            continue
        if not step.optional or not isinstance(failure, SetupFailed):
            raise failure
        progress.say(f"{step.name}: going on without ({failure})")


def main(command: str) -> int:
    """Set up for `command`; the exit status."""
    try:
        if not wanted(command):
            return 0
        progress = Progress(data_directory() / "install.log")
        with locks.exclusive(data_directory() / "install.lock", SETUP_WITHIN):
            if steps := wanted(command):
                progress.say(
                    f"setting up: {', '.join(step.name for step in steps)} (the log: {progress.log})"
                )
                perform(steps, progress)
                progress.say("set-up done")
    except SetupFailed as failed:
        print(f"coudmain: {failed}", file=sys.stderr)
        return failed.status
    except (OSError, subprocess.SubprocessError, locks.Busy) as failed:
        print(f"coudmain: the set-up failed: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "up"))
