"""City data: the OpenStreetMap extract a market is built from, fetched once and kept under `.data/cities`.

The demo city needs no download site: its extract travels inside a source package of the Python package index.
OSM data is ODbL: "© OpenStreetMap contributors" shows on every map made of it.
"""

import hashlib
import os
import re
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app import locks
from app.directories import city_directory, data_directory
from app.install import tools
from app.install.progress import Progress, SetupFailed

STEP = "city data"
FETCH_WITHIN = 600.0  # s; another process may be fetching the 38 MB over a slow line
LARGEST_EXTRACT = 2_000_000_000  # bytes; a country, which is more than a market should be
PBF_KIND = b"\x0a\x09OSMHeader"  # a PBF opens with a length (4 bytes) and a BlobHeader of this type


class CityUnavailable(RuntimeError):
    """The city's data cannot be had; the message is one line that says what to do."""


@dataclass(frozen=True)
class Packaged:
    """Where an extract travels: one member of one source package, known by its own hash."""

    package: str
    version: str
    member: str
    sha256: str


CITIES = {
    "monaco": Packaged(  # all of Monaco with Beausoleil and La Turbie: 1.8 MB, 23,000 buildings
        package="osrm-bindings",
        version="26.10.0",
        member="test/data/monaco.osm.pbf",
        sha256="36c0f0029ed838897322382611b67e8e5e7bcb07d5b17a25f3574dec54f1c23c",
    ),
}


def extract(slug: str) -> Path:
    """Where a city's OSM extract is kept, be it there yet or not."""
    return city_directory(slug) / f"{slug}.osm.pbf"


def ready(slug: str) -> bool:
    """Whether the city's extract is there, whole."""
    kept = extract(slug)
    if slug not in CITIES:
        return kept.exists()
    return kept.exists() and hashlib.sha256(kept.read_bytes()).hexdigest() == CITIES[slug].sha256


def fetch(slug: str, progress: Progress | None = None) -> Path:
    """The city's OSM extract: the kept one or, the first time, out of its package. Raises CityUnavailable."""
    if ready(slug):
        return extract(slug)
    if slug not in CITIES:
        raise CityUnavailable(f"no city '{slug}' here: ./coudmain map import FILE.osm.pbf|URL brings one")
    city_directory(slug).mkdir(parents=True, exist_ok=True)
    with locks.exclusive(city_directory(slug) / "lock", FETCH_WITHIN):
        if not ready(slug):
            told = progress or Progress(data_directory() / "install.log")
            _place(extract(slug), _unpacked(CITIES[slug], told))
    return extract(slug)


@contextmanager
def from_file_or_url(source: str, slug: str | None = None) -> Iterator[Path]:
    """Keep an `.osm.pbf` named by a file or an http(s) URL; the city is called after it unless `slug` says.

    Inside it lies beside where it will be kept, to be read first: it takes the former one's place
    (`.data/cities/<slug>/<slug>.osm.pbf`) at the end, and is gone if anything was wrong. Raises CityUnavailable.
    """
    address = urllib.parse.urlsplit(source)
    remote = address.scheme in {"http", "https"}
    name = slug or named(address.path if remote else source)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise CityUnavailable(f"'{name}' is no city name: use small letters, digits and dashes")
    if remote:
        content = _downloaded(source)
    else:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise CityUnavailable(f"cannot read {source}: {error.strerror}") from error
    if content[4 : 4 + len(PBF_KIND)] != PBF_KIND:
        raise CityUnavailable(f"{source} is not an OpenStreetMap extract in PBF format (.osm.pbf)")
    fresh = not city_directory(name).exists()
    city_directory(name).mkdir(parents=True, exist_ok=True)
    coming = city_directory(name) / f"coming-{os.getpid()}.osm.pbf"
    try:
        coming.write_bytes(content)
        yield coming
        coming.replace(extract(name))
    finally:
        coming.unlink(missing_ok=True)
        if fresh:
            with suppress(OSError):  # not empty: the city is there
                city_directory(name).rmdir()


def named(path: str) -> str:
    """The city in a file's name: `…/Rhein_Neckar-latest.osm.pbf` is `rhein-neckar`."""
    stem = Path(path).name.removesuffix(".pbf").removesuffix(".osm").removesuffix("-latest")
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")


def _unpacked(city: Packaged, progress: Progress) -> bytes:
    import tarfile  # noqa: PLC0415 - once a city, and a twentieth of a second of every start

    with tempfile.TemporaryDirectory() as scratch:
        archive = _source_package(city, Path(scratch), progress)
        with tarfile.open(archive) as tar:
            member = tar.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{city.member}")
            content = member.read() if member else b""
    if hashlib.sha256(content).hexdigest() != city.sha256:
        raise CityUnavailable(f"{city.member} in {city.package} {city.version} is not the file it was")
    return content


def _source_package(city: Packaged, directory: Path, progress: Progress) -> Path:
    try:
        python = tools.python(progress)
        try:
            ask = [python, tools.HERE / "sdist.py", city.package, city.version, directory]
            progress.run(STEP, ask)
        except SetupFailed:
            pip = [python, "-m", "pip", "download", "--no-deps", "--no-binary", city.package, "-d", directory]
            progress.run(STEP, [*pip, f"{city.package}=={city.version}"])
        return next(directory.glob("*.tar.gz"))
    except (SetupFailed, subprocess.SubprocessError, StopIteration) as error:
        raise CityUnavailable(f"{city.package} {city.version} could not be downloaded: {error}") from error


def _downloaded(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - http(s) only, checked by the caller
            content: bytes = answer.read(LARGEST_EXTRACT + 1)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise CityUnavailable(f"cannot fetch {url}: {getattr(error, 'reason', error)}") from error
    if len(content) > LARGEST_EXTRACT:
        raise CityUnavailable(
            f"{url} is over {LARGEST_EXTRACT / 1e9:.0f} GB: cut out the market's area first"
        )
    return content


def _place(kept: Path, content: bytes) -> None:
    """Written beside and renamed, so that nobody ever reads half a file."""
    partial = kept.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(kept)
