"""The browser apps: `npm ci && npm run build` in web/, when their sources have changed since."""

import hashlib
import os
from pathlib import Path

from app.directories import ROOT
from app.install import tools
from app.install.progress import Progress

STEP = "web apps"
WEB = ROOT / "web"
LOCK = WEB / "package-lock.json"
BUILT = WEB / "dist" / ".built-from"  # a hash of the sources
INSTALLED = WEB / "node_modules" / ".installed-from"  # a hash of the lock
NOT_SOURCES = {"node_modules", "dist", "test-results", "coverage", ".vite", ".svelte-kit"}


def present() -> bool:
    """Whether this checkout has browser apps to build."""
    return LOCK.exists()


def ready() -> bool:
    """Whether what is built is what the sources say."""
    return BUILT.exists() and BUILT.read_text() == sources()


def build(progress: Progress) -> None:
    """Install the locked packages and build. Raises SetupFailed."""
    progress.say(f"{STEP}: npm ci, npm run build")
    seen = sources()
    install(progress)
    progress.run(STEP, [tools.npm(progress), "run", "build"], cwd=WEB, env=environment())
    BUILT.parent.mkdir(exist_ok=True)
    BUILT.write_text(seen)


def install(progress: Progress) -> None:
    """node_modules as the lock has them; nothing to do when they are."""
    if INSTALLED.exists() and INSTALLED.read_text() == _hash([LOCK]):
        return
    npm = tools.npm(progress)
    progress.run(STEP, [npm, "ci", "--no-audit", "--no-fund"], cwd=WEB, env=environment())
    INSTALLED.write_text(_hash([LOCK]))


def environment() -> dict[str, str]:
    """A PATH that leads npm's children to the Node that npm came with; none of them keeps what it compiled in /tmp."""
    path = os.environ.get("PATH", os.defpath)
    tools_first = (tools.BIN / "node").exists() and not tools.machine_has_node()
    return {"PATH": f"{tools.BIN}:{path}" if tools_first else path, "NODE_DISABLE_COMPILE_CACHE": "1"}


def sources() -> str:
    """A hash of every file under web/ that a build may read."""
    files = []
    for directory, below, names in os.walk(WEB):
        below[:] = sorted(set(below) - NOT_SOURCES)
        files += [Path(directory, name) for name in sorted(names)]
    return _hash(files)


def _hash(files: list[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(os.fsencode(file.relative_to(WEB)) + b"\0" + file.read_bytes())
    return total.hexdigest()
