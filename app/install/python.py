"""The Python environments, each holding exactly what a lock names.

`.venv` is the engine's and its tests'; `.bench` holds the engine's packages and the peers it is measured beside.
"""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.directories import ROOT
from app.install import index, tools
from app.install.progress import Progress, SetupFailed

STEP = "Python packages"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the locks it may hold, each of which contains the one before it."""

    directory: Path
    locks: tuple[Path, ...]

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Which lock it holds, and for which interpreter."""
        return self.directory / "coudmain.installed"


ENGINE = Environment(VENV, (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"))
PEERS = Environment(ROOT / ".bench", (ROOT / "requirements-bench.lock",))


def wanted(command: str) -> tuple[Environment, Path]:
    """The environment a command runs in, and the least lock it has to hold."""
    if command == "bench":
        return PEERS, PEERS.locks[0]
    return ENGINE, ENGINE.locks[command == "test"]


def ready(command: str) -> bool:
    """Whether the command's environment holds the lock that is wanted, or one that contains it."""
    environment, least = wanted(command)
    if not environment.python.exists() or not environment.stamp.exists():
        return False
    held = environment.stamp.read_text()
    enough = environment.locks[environment.locks.index(least) :]
    return any(held == _mark(environment, lock) for lock in enough)


def install(progress: Progress, command: str) -> None:
    """Bring the command's environment to its lock, through uv, or through pip where uv cannot be had."""
    environment, lock = wanted(command)
    if (environment.directory / "bin" / "pytest").exists():
        # An environment that once ran the tests keeps their packages: the two commands never undo each other.
        lock = environment.locks[-1]
    progress.say(f"{STEP}: {lock.name}")
    if not _usable(environment):
        progress.run(STEP, [sys.executable, "-m", "venv", "--clear", "--without-pip", environment.directory])
    try:
        _through_uv(progress, environment, lock)
    except SetupFailed as refused:
        progress.say(f"{STEP}: uv did not do it; trying pip ({refused})")
        pip = [
            tools.python(progress),
            "-m",
            "pip",
            "--python",
            environment.python,
            "install",
            "--disable-pip-version-check",
        ]
        progress.run(STEP, [*pip, "--require-hashes", "-r", lock])
    environment.stamp.write_text(_mark(environment, lock))


def _through_uv(progress: Progress, environment: Environment, lock: Path) -> None:
    uv = tools.uv(progress)
    where = index.configured(_python_with_pip(progress))
    # Compiled now, as pip does it: else every start does it again where Python may not write beside the packages.
    how = ["--compile-bytecode", "--require-hashes"]
    sync = [uv, "pip", "sync", "--python", environment.python, *how, *where.arguments, lock]
    progress.run(STEP, sync, env=where.environment)


def _python_with_pip(progress: Progress) -> Path:
    """An interpreter whose pip knows the machine's configuration: this one if it has pip, else the tools'."""
    asked = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    return Path(sys.executable) if asked.returncode == 0 else tools.python(progress)


def _usable(environment: Environment) -> bool:
    """Whether the environment still runs and its site-packages are of its interpreter's version."""
    if not environment.python.exists():
        if environment.directory.is_symlink():
            raise SetupFailed(f"{environment.directory} is a link to nowhere: remove it")
        return False
    ask = "import sys; print(sys.version_info >= (3, 11), f'python3.{sys.version_info[1]}')"
    done = subprocess.run([str(environment.python), "-c", ask], capture_output=True, text=True, check=False)
    right, _, name = done.stdout.strip().partition(" ")
    return done.returncode == 0 and right == "True" and (environment.directory / "lib" / name).exists()


def _mark(environment: Environment, lock: Path) -> str:
    """What the stamp says of a lock: its own hash, and the interpreter it was installed for."""
    return hashlib.sha256(lock.read_bytes() + bytes(environment.python.resolve())).hexdigest()[:24]
