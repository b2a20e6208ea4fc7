"""The Python environment: `.venv`, holding exactly what a lock names."""

import hashlib
import subprocess
import sys
from pathlib import Path

from app.directories import ROOT
from app.install import index, tools
from app.install.progress import Progress, SetupFailed

STEP = "Python packages"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME, DEVELOPMENT = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
STAMP = VENV / "coudmain.installed"  # which locks the environment holds, and for which interpreter


def ready(*, for_tests: bool) -> bool:
    """Whether the environment holds the lock that is wanted; the tests' lock contains the engine's."""
    if not PYTHON.exists() or not STAMP.exists():
        return False
    held = STAMP.read_text()
    return held == _mark(DEVELOPMENT) or (not for_tests and held == _mark(RUNTIME))


def install(progress: Progress, *, for_tests: bool) -> None:
    """Bring `.venv` to the lock, through uv, or through pip where uv cannot be had."""
    # An environment that once ran the tests keeps their packages: the two commands never undo each other.
    tested = (VENV / "bin" / "pytest").exists()
    lock = DEVELOPMENT if for_tests or tested else RUNTIME
    progress.say(f"{STEP}: {lock.name}")
    if not _usable():
        progress.run(STEP, [sys.executable, "-m", "venv", "--clear", "--without-pip", VENV])
    try:
        _through_uv(progress, lock)
    except SetupFailed as refused:
        progress.say(f"{STEP}: uv did not do it; trying pip ({refused})")
        pip = [
            tools.python(progress),
            "-m",
            "pip",
            "--python",
            PYTHON,
            "install",
            "--disable-pip-version-check",
        ]
        progress.run(STEP, [*pip, "--require-hashes", "-r", lock])
    STAMP.write_text(_mark(lock))


def _through_uv(progress: Progress, lock: Path) -> None:
    uv = tools.uv(progress)
    where = index.configured(_python_with_pip(progress))
    sync = [uv, "pip", "sync", "--python", PYTHON, "--require-hashes", *where.arguments, lock]
    progress.run(STEP, sync, env=where.environment)


def _python_with_pip(progress: Progress) -> Path:
    """An interpreter whose pip knows the machine's configuration: this one if it has pip, else the tools'."""
    asked = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    return Path(sys.executable) if asked.returncode == 0 else tools.python(progress)


def _usable() -> bool:
    """Whether `.venv` still runs and its site-packages are of its interpreter's version."""
    if not PYTHON.exists():
        if VENV.is_symlink():
            raise SetupFailed(f"{VENV} is a link to nowhere: remove it")
        return False
    ask = "import sys; print(sys.version_info >= (3, 11), f'python3.{sys.version_info[1]}')"
    done = subprocess.run([str(PYTHON), "-c", ask], capture_output=True, text=True, check=False)
    right, _, name = done.stdout.strip().partition(" ")
    return done.returncode == 0 and right == "True" and (VENV / "lib" / name).exists()


def _mark(lock: Path) -> str:
    """What the stamp says of a lock: its own hash, and the interpreter it was installed for."""
    return hashlib.sha256(lock.read_bytes() + bytes(PYTHON.resolve())).hexdigest()[:24]
