"""Where the distribution put PostgreSQL, and which account may run it. Standard library only."""

import contextlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BINARY_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Fedora, RHEL
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class PostgresUnavailable(RuntimeError):
    """The cluster cannot be had; the message is one line that says what to do."""


@dataclass(frozen=True)
class Account:
    """The account the server runs as. PostgreSQL refuses uid 0, so root hands over to apt's `postgres`."""

    name: str
    uid: int
    gid: int


def account() -> Account | None:
    """Whom root hands the server to; None for everybody else, who run it themselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "_postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresUnavailable("PostgreSQL refuses to run as root and there is no account 'postgres' here")


def running_as(who: Account | None) -> dict[str, Any]:
    """Arguments that make `subprocess` run a program as `who`, free of the caller's PG* variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    plain: dict[str, Any] = {"cwd": "/", "env": clean | {"LC_ALL": "C.UTF-8"}}
    return plain if who is None else plain | {"user": who.uid, "group": who.gid, "extra_groups": []}


def reachable(directory: Path) -> bool:
    """Whether the server's account may pass through to `directory` (those under /root are closed)."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    look = ["test", "-x", str(existing)]
    return subprocess.run(look, check=False, **running_as(account())).returncode == 0


def own(directory: Path, who: Account | None, mode: int) -> None:
    """Make `directory` with `mode`, belonging to `who`; one that belongs to a stranger is refused."""
    directory.mkdir(parents=True, exist_ok=True)
    uid, gid = (who.uid, who.gid) if who else (os.geteuid(), os.getegid())
    if directory.is_symlink() or directory.stat().st_uid not in {uid, os.geteuid()}:
        raise PostgresUnavailable(f"{directory} is another account's: remove it or set COUDMAIN_DATA")
    os.chown(directory, uid, gid)
    directory.chmod(mode)


def find(version: str | None = None) -> Path:
    """The bin directory of the newest PostgreSQL with PostGIS, or of exactly `version` ("15") when given.

    `COUDMAIN_PG_BIN` overrides the search. Raises PostgresUnavailable.
    """
    if chosen := os.environ.get("COUDMAIN_PG_BIN"):
        if not _has_tools(Path(chosen)):
            raise PostgresUnavailable(f"COUDMAIN_PG_BIN: {chosen} has no postgres, initdb and psql in it")
        return Path(chosen)
    places = (path for pattern in BINARY_PLACES for path in Path("/").glob(pattern.lstrip("/")))
    found = [path for path in places if _complete(path)]
    if version is not None:
        found = [path for path in found if major(path) == version]
    if not found:
        wanted = f"postgresql-{version} postgresql-{version}-postgis-3" if version else "both"
        raise PostgresUnavailable(f"no PostgreSQL with PostGIS found: install {wanted}, or set DATABASE_URL")
    return max(found, key=lambda path: int(major(path)))


def major(bin_directory: Path) -> str:
    """The major version out of a path: /usr/lib/postgresql/15/bin is "15"."""
    name = bin_directory.parent.name.rpartition("@")[2].rpartition("-")[2]
    number = name.split(".")[0]
    return number if number.isdigit() else "0"


def _has_tools(bin_directory: Path) -> bool:
    return all((bin_directory / tool).exists() for tool in ("postgres", "initdb", "psql"))


def _complete(bin_directory: Path) -> bool:
    """The server, its tools and PostGIS are there. Debian keeps extensions under /usr/share."""
    shares = (
        Path("/usr/share/postgresql") / bin_directory.parent.name,
        bin_directory.parent / "share",
        bin_directory.parent / "share/postgresql",
    )
    return _has_tools(bin_directory) and any(
        (share / "extension/postgis.control").exists() for share in shares
    )
