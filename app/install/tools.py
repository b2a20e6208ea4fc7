"""`.tools`: a virtual environment beside `.venv` for what only the set-up uses: pip, uv, Node.

It is made on first need. Its packages have locks of their own, with hashes (app/install/uv.lock, node.lock).
"""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

from app.directories import ROOT
from app.install.progress import Progress

HERE = Path(__file__).parent
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"
NODE_AT_LEAST = (
    (20, 19),
    (22, 12),
)  # what Vite 8 asks for: 20.19 and later 20s, or 22.12 and everything later
_making = threading.Lock()


def python(progress: Progress) -> Path:
    """The tools' Python, which has pip."""
    with _making:
        if not (BIN / "pip").exists() or not (BIN / "python").exists():
            progress.run("tools", [sys.executable, "-m", "venv", "--clear", TOOLS])
    return BIN / "python"


def uv(progress: Progress) -> Path:
    """uv: the machine's, else one of our own. Raises SetupFailed when it cannot be had."""
    if found := shutil.which("uv"):
        return Path(found)
    return _locked("uv", progress)


def npm(progress: Progress) -> Path:
    """npm, with a Node new enough for the web build beside it: the machine's, else the PyPI package's."""
    if (found := shutil.which("npm")) and machine_has_node():
        return Path(found)
    return _locked("npm", progress, lock="node.lock")


def machine_has_node() -> bool:
    """Whether the Node on PATH is there, with npm, and new enough."""
    node = shutil.which("node")
    return node is not None and shutil.which("npm") is not None and new_enough(_said([node, "--version"]))


def new_enough(version: str) -> bool:
    """Whether `v20.19.1` and the like will do."""
    try:
        major, minor = (int(part) for part in version.strip().lstrip("v").split(".")[:2])
    except ValueError:
        return False
    least = dict(NODE_AT_LEAST)
    return minor >= least[major] if major in least else major > max(least)


def _locked(program: str, progress: Progress, lock: str | None = None) -> Path:
    """A program of `.tools`, installed from its lock when it is not there yet or the lock has changed."""
    file = HERE / (lock or f"{program}.lock")
    stamp = TOOLS / f"{file.stem}.installed"
    if not (BIN / program).exists() or not stamp.exists() or stamp.read_bytes() != file.read_bytes():
        progress.say(f"tools: {file.stem}")
        pip: list[str | Path] = [
            python(progress),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
        ]
        progress.run("tools", [*pip, "--require-hashes", "--only-binary", ":all:", "-r", file])
        stamp.write_bytes(file.read_bytes())
    return BIN / program


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
