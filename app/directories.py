"""Where things live on this machine. Standard library only: the set-up asks before anything is installed."""

import hashlib
import os
from pathlib import Path

from app.binaries import reachable

ROOT = Path(__file__).resolve().parents[1]  # the checkout
STATE = Path("/var/lib/coudmain")  # for root, when the postgres account cannot pass through the checkout


def data_directory() -> Path:
    """What is kept between runs: cities, database, log. `COUDMAIN_DATA`, else `.data` in the checkout."""
    return Path(os.environ.get("COUDMAIN_DATA") or ROOT / ".data").absolute()


def cluster_directory() -> Path:
    """The private database's directory: with the rest, or under /var/lib where its account cannot get there.

    (A checkout in /root is closed to `postgres`, whom root must hand the server to.)
    """
    beside = data_directory() / "postgres"
    if reachable(beside):
        return beside
    return STATE / hashlib.sha256(os.fsencode(beside)).hexdigest()[:12] / "postgres"


def city_directory(slug: str) -> Path:
    """What is kept of one city: its OSM extract, its basemap, its street graph."""
    return data_directory() / "cities" / slug


def basemap_of(slug: str) -> Path:
    """The city's basemap, be it there yet or not. A change of what it holds changes its name: 2 has the sea."""
    return city_directory(slug) / "basemap-2.pmtiles"


def web_directory() -> Path:
    """The built browser apps; it may not exist (the set-up could not build them)."""
    return ROOT / "web" / "dist"
