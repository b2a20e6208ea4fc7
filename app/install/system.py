"""What the distribution provides: PostgreSQL with PostGIS, tilemaker, for the tests a browser and NATS."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from app import binaries
from app.directories import basemap_of
from app.install.progress import Progress, SetupFailed

STEP = "system packages"
DEMO_CITY = "monaco"
DRAW_MAPS = {"map", "test"}
NEED_THE_CITY = {"up", "serve", "bench", "api", "dispatch"} | DRAW_MAPS  # its streets, its map or the screens
POSTGRES = "postgresql"  # stands for postgresql-N and postgresql-N-postgis-3, N being the distribution's
SHELL = "chromium-headless-shell"  # Chromium without its windows: half the processor a page
BROWSERS = (SHELL, "chromium", "chromium-browser", "google-chrome")  # the tests take the first that is here
OWN_CLUSTER = {"test", "bench"}  # whatever DATABASE_URL says: they write what nobody wants to keep
OPTIONAL = {"tilemaker"}  # without it there is no basemap, and the set-up says so
NO_CLUSTER = "/etc/postgresql-common/createcluster.d/coudmain.conf"
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # a plain account's PATH on Debian lacks it
NEEDS_APT = "this set-up knows apt only; install by hand:"


def missing(command: str) -> list[str]:
    """The packages this machine lacks for the command, found by what they provide rather than by asking dpkg."""
    lacking = []
    for_tests = command == "test"
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists() and shutil.which("apt-get"):
        lacking.append("ca-certificates")
    if (command in OWN_CLUSTER or not os.environ.get("DATABASE_URL")) and not _has_postgres():
        lacking.append(POSTGRES)
    undrawn = command in NEED_THE_CITY and not basemap_of(DEMO_CITY).exists()
    if (undrawn or command in DRAW_MAPS) and not has("tilemaker"):
        lacking.append("tilemaker")
    if for_tests:
        if not any(map(has, BROWSERS)):
            lacking.append(SHELL)
        if not has("nats-server"):
            lacking.append("nats-server")
        if not has("curl"):
            lacking.append("curl")  # the README's own script is run
        if not has_library("libatomic.so.1"):
            lacking.append("libatomic1")  # of the Node that Playwright brings
        if not any(Path("/usr/share/fonts/truetype", family).exists() for family in ("noto", "dejavu")):
            lacking.append("fonts-dejavu-core")  # the map's labels are drawn with local fonts
    if command == "bench" and not has("redis-server"):
        lacking.append("redis-server")  # a peer of the live index
    if command == "bench" and not has("nats-server"):
        lacking.append("nats-server")
    return lacking


def obtainable(packages: list[str]) -> list[str]:
    """The packages, if they can be installed here; none where only optional ones are missing and cannot.

    Raises SetupFailed (3: no right to), so that it is said before anything else is done.
    """
    if not packages:
        return []
    try:
        become_root(packages)
    except SetupFailed:
        if not OPTIONAL.issuperset(packages):
            raise
        return []
    return packages


def install(packages: list[str], progress: Progress) -> None:
    """Install the packages through apt, as root or through sudo. Raises SetupFailed (3: no right to)."""
    rights = become_root(packages)
    progress.say(f"{STEP}: {' '.join(packages)}")
    progress.run(STEP, [*rights, "apt-get", "-q", "update"])
    # What unpacks is not to hear the terminal's Ctrl-C, which would leave a package half unpacked. apt does, and stops
    # between two steps: the next set-up configures what is left.
    whole = [*rights, "env", "--ignore-signal=INT", "DEBIAN_FRONTEND=noninteractive"]
    progress.run(
        STEP, [*whole, "dpkg", "--configure", "-a"], breakable=False
    )  # nothing, unless one was cut off
    wanted = _resolved(packages, progress)
    get = [
        "apt-get",
        "-q",
        "-y",
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
        "--no-install-recommends",
        *wanted,
    ]
    progress.run(STEP, [*rights, *get, "--download-only"])
    # apt's postgresql would make and start a cluster of its own on port 5432.
    _root_writes(rights, NO_CLUSTER, "create_main_cluster = false\n")
    try:
        progress.run(STEP, [*whole, *get], breakable=False)
    finally:
        subprocess.run([*rights, "rm", "-f", NO_CLUSTER], check=False)
    for service in {"nats-server", "redis-server"} & set(wanted):
        # Whoever needs one starts it; the machine was not asked for a service on port 4222 or 6379.
        if Path("/run/systemd/system").exists():
            stop = [*rights, "systemctl", "disable", "--now", service]
            subprocess.run(stop, check=False, capture_output=True)
    if POSTGRES in packages and not _has_postgres():
        raise SetupFailed(f"{STEP}: PostgreSQL with PostGIS is still not found after {' '.join(wanted)}")


def become_root(packages: list[str]) -> list[str]:
    """The words before a command that make it root's: none for root, or sudo. Else raises SetupFailed."""
    if shutil.which("apt-get") is None:
        raise SetupFailed(
            f"{NEEDS_APT} {' '.join(packages)} (PostgreSQL with PostGIS), or set DATABASE_URL", 3
        )
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asks_nothing = (
            subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0
        )
        if asks_nothing or sys.stdin.isatty():
            return ["sudo"]
    names = " ".join("postgresql postgresql-postgis" if name == POSTGRES else name for name in packages)
    raise SetupFailed(f"neither root nor sudo here; have an administrator run: apt-get install {names}", 3)


def _resolved(packages: list[str], progress: Progress) -> list[str]:
    """Package names as this distribution has them; an optional one it does not have is left out."""
    names: list[str] = []

    def lacks(package: str) -> bool:
        return "Candidate: (none)" in (_apt_cache("policy", package) or "Candidate: (none)")

    for package in packages:
        if package == POSTGRES:
            number = postgres_version()
            names += [f"postgresql-{number}", f"postgresql-{number}-postgis-3"]
        elif package == SHELL and lacks(package):
            names.append("chromium")
        elif package in OPTIONAL and lacks(package):
            progress.say(f"{STEP}: this distribution has no {package}; going on without it")
        else:
            names.append(package)
    return names


def postgres_version() -> str:
    """The distribution's PostgreSQL, read from what its metapackage depends on: 15 on Debian 12, 17 on 13."""
    found = re.search(r"Depends: postgresql-(\d+)", _apt_cache("depends", "postgresql"))
    if found is None:
        raise SetupFailed(f"{STEP}: apt knows no 'postgresql'; check its sources, or set DATABASE_URL")
    return found[1]


def _apt_cache(*words: str) -> str:
    plain = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        ["apt-cache", *words], capture_output=True, text=True, check=False, env=plain
    ).stdout


def _root_writes(rights: list[str], path: str, words: str) -> None:
    subprocess.run([*rights, "mkdir", "-p", str(Path(path).parent)], check=True)
    subprocess.run([*rights, "tee", path], input=words.encode(), stdout=subprocess.DEVNULL, check=True)


def has(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}") is not None


def has_library(name: str) -> bool:
    """Whether the loader finds a shared library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _has_postgres() -> bool:
    try:
        binaries.find()
    except binaries.PostgresUnavailable:
        return False
    return True
