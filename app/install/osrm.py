"""OSRM's executables, for the tests and the benchmark: out of its published wheel, run as programs.

The wheel is for Python 3.12; its programs ask for no Python at all, only for glibc 2.28. Where no wheel fits the
machine the tests that want a real OSRM say so and are skipped.
"""

import hashlib
import platform
import shutil
import tempfile
import zipfile
from pathlib import Path

from app.directories import data_directory
from app.install import tools
from app.install.progress import Progress, SetupFailed

STEP = "OSRM"
PACKAGE, VERSION = "osrm-bindings", "26.10.0"
WHEELS = {  # by machine: the platform pip is asked for, the wheel's sha256
    "x86_64": (
        "manylinux_2_28_x86_64",
        "840d6f82812eb9f9e17c71eb9083dfa15f3be2bfec4965c32aefa48b00d3a951",
    ),
    "aarch64": (
        "manylinux_2_28_aarch64",
        "df2d386949756b3de034662d2abb378ff1d60ee9b0d5e33c0da4080dc29164a4",
    ),
}


def directory() -> Path:
    """Where the unpacked wheel is kept."""
    return data_directory() / "osrm" / VERSION


def program(name: str) -> Path:
    """One of OSRM's programs, there or not: `osrm-extract`, `osrm-routed` …"""
    return directory() / "osrm" / "bin" / name


def profile(name: str) -> Path:
    """One of OSRM's profiles: `car`, `foot`, `bicycle`."""
    return directory() / "osrm" / "share" / "profiles" / f"{name}.lua"


def fits() -> bool:
    """Whether there is a wheel for this machine."""
    return platform.system() == "Linux" and platform.machine() in WHEELS


def ready() -> bool:
    """Whether the programs are there."""
    return program("osrm-routed").exists()


def install(progress: Progress) -> None:
    """Download the wheel through pip, look at its hash, unpack it. Raises SetupFailed."""
    wheel_platform, sha256 = WHEELS[platform.machine()]
    progress.say(f"{STEP}: {PACKAGE} {VERSION}")
    directory().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory().parent) as scratch:
        pip = [
            tools.python(progress),
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        where = [
            "--python-version",
            "3.12",
            "--platform",
            wheel_platform,
            "--only-binary",
            ":all:",
            "-d",
            scratch,
        ]
        progress.run(STEP, [*pip, *where, f"{PACKAGE}=={VERSION}"])
        wheel = next(Path(scratch).glob("*.whl"))
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != sha256:
            raise SetupFailed(f"{STEP}: {wheel.name} is not the file it was")
        whole = Path(scratch) / "whole"
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(whole)
        for binary in (whole / "osrm" / "bin").iterdir():
            binary.chmod(0o755)
        shutil.rmtree(directory(), ignore_errors=True)
        whole.replace(directory())
