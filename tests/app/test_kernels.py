"""Compiled kernels are kept by what all of their files say, wherever there is room, and loaded before a crowd comes."""

import ast
import asyncio
import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app import kernels, warming
from app.directories import ROOT
from tests.factories import PORT, make_tools, put_at

ROOMS = ("geo", "matching")


def taken_from_the_house(name: str) -> set[str]:
    """The files of the pure rooms that one of them imports from, as it is loaded or when it needs them."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            found.add(f"{node.module.replace('.', '/')}.py")
    return found


def test_the_name_of_the_place_covers_every_file_a_kernel_takes_anything_from():
    files = [str(path.relative_to(ROOT)) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    wanted = {name for name in files if "geo/machinecode.py" in taken_from_the_house(name)}
    assert len(wanted) >= 4, "the scan sees the kernels"
    unseen = set(wanted)
    while unseen:
        unseen = taken_from_the_house(unseen.pop()) - wanted | unseen
        wanted |= unseen
    assert wanted == set(kernels.SOURCES)


def test_nothing_else_of_the_pure_rooms_compiles():
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "geo/machinecode.py":
                assert "numba import" not in path.read_text(), path


def test_another_constant_in_another_file_is_another_place(tmp_path: Path):
    for name in kernels.SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert kernels.directory(tmp_path) == kernels.directory()
    blocks = tmp_path / "geo/blocks.py"
    blocks.write_text(blocks.read_text().replace("BITS = 32", "BITS = 16"))
    assert kernels.directory(tmp_path) != kernels.directory()


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No place chosen yet; the data directory of this test."""
    monkeypatch.setenv(kernels.VARIABLE, "")
    monkeypatch.setenv("COUDMAIN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(atexit, "register", lambda *_, **__: None)
    return tmp_path / "data"


def test_they_are_kept_in_the_data_directory(unsettled: Path):
    kernels.settle()
    assert Path(os.environ[kernels.VARIABLE]).parent == unsettled / "kernels"


def test_where_that_cannot_be_written_each_process_has_its_own_copy(
    unsettled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    shipped = kernels.directory()
    shipped.mkdir(parents=True)
    (shipped / "kernel.nbi").write_text("shipped")
    monkeypatch.setattr(kernels, "_is_writable", lambda _: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kernels.settle()
    own = Path(os.environ[kernels.VARIABLE])
    assert own != shipped
    assert (own / "kernel.nbi").read_text() == "shipped"
    assert own.parent.stat().st_mode & 0o077 == 0, "others could put code there"


def test_where_nothing_can_be_written_the_process_still_starts(
    unsettled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    unsettled.write_text("a file where a directory is wanted")
    monkeypatch.setattr(tempfile, "tempdir", str(unsettled / "tmp"))
    kernels.settle()
    assert os.environ[kernels.VARIABLE] == ""


async def test_a_small_town_loads_no_kernels_and_a_large_one_before_it_needs_them(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    loaded: list[str] = []
    monkeypatch.setattr(warming, "CROWD", 3)
    monkeypatch.setattr(warming, "warm_index", lambda: loaded.append("index"))
    monkeypatch.setattr(warming, "warm_assignment", lambda: loaded.append("assignment"))
    tools = make_tools(engine)
    warmer = warming.Warmer(tools, streets=False)
    for _ in range(2):
        put_at(tools, tools.new_id(), PORT)
    warmer.step()
    assert not warmer.warm
    put_at(tools, tools.new_id(), PORT)
    warmer.step()
    warmer.step()
    async with asyncio.timeout(10):
        while len(loaded) < 2:  # noqa: ASYNC110 - another thread fills it
            await asyncio.sleep(0.01)
    assert loaded == ["index", "assignment"]


@pytest.mark.parametrize("streets", [True, False])
async def test_the_ways_are_loaded_where_there_are_streets_alone(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, streets: bool
):
    loaded, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(warming, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(warming, "warm_ways", lambda: loop.call_soon_threadsafe(loaded.set))
    warmer = warming.Warmer(make_tools(engine), streets=streets)
    looks: list[None] = []
    monkeypatch.setattr(warmer, "step", lambda: looks.append(None))
    running = asyncio.create_task(warmer.run(stop))
    async with asyncio.timeout(10):
        while len(looks) < 3 or (streets and not loaded.is_set()):  # noqa: ASYNC110 - it has no event for looks
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert loaded.is_set() is streets
