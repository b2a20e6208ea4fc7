"""Where compiled kernels are kept between processes. Standard library only: it runs before numba is imported.

numba looks beside the sources, which an installation may not write to, and asks only whether a kernel's own file
has changed. Here they are kept in the data directory, under a name that says what all of their files hold.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from app.directories import ROOT, data_directory

VARIABLE: Final = "NUMBA_CACHE_DIR"
READY: Final = "ready"  # a file there, once all of them have been compiled
SOURCES: Final = (
    "geo/blocks.py",
    "geo/hexagons.py",
    "geo/kernels.py",
    "geo/machinecode.py",
    "geo/rowtable.py",
    "geo/shortest.py",
    "matching/paths.py",
    "matching/tours/kernel.py",
    "matching/tours/search.py",
)
"""Every file that has a kernel, and every file of the house that those take anything from."""


def directory(root: Path = ROOT) -> Path:
    """Where the kernels of these very sources belong."""
    said = hashlib.sha256()
    for name in SOURCES:
        said.update((root / name).read_bytes())
    return data_directory() / "kernels" / said.hexdigest()[:16]


def ready() -> bool:
    """Whether the set-up has compiled them."""
    return (directory() / READY).exists()


def settle() -> None:
    """Tell numba, in this process and its children, where to keep kernels: the operator's choice, else ours.

    Where the data directory cannot be written to, a directory of this process alone, with the kernels that were
    shipped there; where nothing can be, numba is left to find no place, and each process compiles for itself.
    """
    if os.environ.get(VARIABLE):
        return
    try:
        kept = directory()
    except (
        OSError
    ):  # a part of the house without the kernels' sources (the image's stage that brings the city)
        return
    place = kept if _is_writable(kept) else _private_copy(kept)
    if place is not None:
        os.environ[VARIABLE] = str(place)


def _is_writable(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


def _private_copy(kept: Path) -> Path | None:
    """Never a place that others could write to: what numba keeps is code."""
    try:
        own = Path(tempfile.mkdtemp(prefix="coudmain-kernels-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        place = own / "kernels"  # a copy takes its source's mode: its parent stays ours alone
        if kept.is_dir():
            shutil.copytree(kept, place)
    except OSError:
        return None
    return place
