"""The machine a figure was measured on, and how busy it was."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from app.binaries import PostgresUnavailable, find

TOLD: Final = ("asyncpg", "fastapi", "numpy", "scipy", "sqlalchemy", "uvicorn", "uvloop", "websockets")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system and versions. What the system does not tell is an empty string."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": _postgres(),
        "packages": {name: metadata.version(name) for name in TOLD},
    }


def load() -> list[float]:
    """Processes that ran or wanted to, over 1, 5 and 15 minutes: on a busy machine wall times mean little."""
    return [round(value, 2) for value in os.getloadavg()]


def _cpu() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()


def _memory_gb() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _system() -> str:
    for line in _lines(Path("/etc/os-release")):
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip('"')
    return sys.platform


def _postgres() -> str:
    try:
        said = subprocess.run([find() / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (PostgresUnavailable, OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
