"""`./coudmain test [pytest args]`: pytest, and beside it every other check of the house.

pytest waits for processes and browsers much of the time; the checks take the processor meanwhile, and give way to it.
Arguments that narrow the run (a path, -k, -m, --lf …) leave them out.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from app.directories import ROOT, data_directory
from app.install import tools, web
from app.install.progress import Progress, SetupFailed

BIN = Path(sys.prefix) / "bin"
SHARING = "worksteal"  # a half each, tests/order.py says which: what a file starts is started once; who is done helps
WORKERS = "2"  # pytest processes; the database, a server and a browser want a core too
GIVING_WAY = ("nice", "-n", "5")  # a test has deadlines and a check has none
NARROWING = ("-k", "-m", "--lf", "--last-failed", "--ff", "--sw", "--stepwise", "--nf", "--deselect", "--co")


@dataclass(frozen=True)
class Check:
    """A command that is silent when all is well."""

    name: str
    command: Sequence[str | Path]
    directory: Path = ROOT


def checks() -> list[Check]:
    """What is checked besides pytest's tests."""
    found = [
        Check("types (mypy)", [BIN / "mypy"]),
        Check("lint (ruff)", [BIN / "ruff", "check", "--quiet", "."]),
        Check("format (ruff)", [BIN / "ruff", "format", "--check", "--quiet", "."]),
        Check("layers (import-linter)", [BIN / "lint-imports"]),
    ]
    if web.present():
        progress = Progress(data_directory() / "install.log")
        try:
            web.install(progress)
            npm = tools.npm(progress)
            found.append(Check("web units (npm test)", [npm, "test"], ROOT / "web"))
            found.append(Check("web types and lint (npm run check)", [npm, "run", "check"], ROOT / "web"))
        except SetupFailed as failed:
            found.append(Check(f"web units: {failed}", ["false"]))
    return found


def passes(check: Check) -> bool:
    """Run one check; its output is shown if it fails."""
    began = time.monotonic()
    environment = web.environment()
    command = [*GIVING_WAY, *check.command]
    done = subprocess.run(
        command, cwd=check.directory, env=environment, capture_output=True, text=True, check=False
    )
    verdict = "ok" if done.returncode == 0 else "FAILED"
    words = "" if done.returncode == 0 else f"\n{done.stdout}{done.stderr}"
    print(f"\n{check.name}: {verdict} in {time.monotonic() - began:.1f} s{words}", flush=True)
    return done.returncode == 0


def beside(every: Sequence[Check], tests: Callable[[], int]) -> tuple[int, list[str]]:
    """The status of the tests, and the checks beside them that failed. Once interrupted, no check begins."""
    interrupted = threading.Event()
    signal.signal(
        signal.SIGINT, lambda *_: interrupted.set()
    )  # the children's to heed; pytest cleans up and reports
    with ThreadPoolExecutor(max_workers=2) as pool:  # mypy is the long one: the rest goes beside it
        verdicts = pool.map(lambda check: not interrupted.is_set() and passes(check), every)
        status = tests()
        return status, [check.name for check, well in zip(every, verdicts, strict=True) if not well]


def narrows(arguments: Sequence[str]) -> bool:
    """Whether pytest's arguments choose among the tests."""
    return any(
        argument.startswith(NARROWING)
        or (not argument.startswith("-") and (ROOT / argument.split("::")[0]).exists())
        for argument in arguments
    )


def main(arguments: Sequence[str]) -> int:
    """Run it all; 0 when everything passes, else pytest's status or 1."""
    pytest = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist", SHARING, *arguments]
    status, failed = beside(
        [] if narrows(arguments) else checks(),
        lambda: subprocess.run(pytest, cwd=ROOT, check=False).returncode,
    )
    if failed:
        print(f"coudmain: these checks failed too: {', '.join(failed)}", file=sys.stderr)
    return status or bool(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
