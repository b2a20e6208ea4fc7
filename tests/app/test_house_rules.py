"""The habits of the house that no linter knows: who may read the clock, chance and the environment, and file size."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BELOW_APP = ("api", "realtime", "notifications", "domain", "matching", "geo")
LONGEST = 400  # lines

READS_THE_WORLD = {
    "os.environ": "settings come from app/",
    "os.getenv": "settings come from app/",
    "datetime.now": "the moment is passed in",
    "datetime.datetime.now": "the moment is passed in",
    "datetime.utcnow": "the moment is passed in, and aware",
    "date.today": "the day is passed in",
    "time.time": "the moment is passed in",
    "time.time_ns": "the moment is passed in",
}

LONGER: dict[str, str] = {
    "domain/store/migrations/versions/0001_foundation.py": "a migration is one step, read top to bottom, never changed",
}


def sources(*rooms: str) -> list[Path]:
    """Every Python file of some rooms."""
    return [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]


def offences(tree: ast.AST) -> Iterator[str]:
    """What a module reads that should have been passed in."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute() if (name := ast.unparse(node)) in READS_THE_WORLD:
                yield f"line {node.lineno}: {name}: {READS_THE_WORLD[name]}"
            case ast.Import(names=names) if any(alias.name == "random" for alias in names):
                yield f"line {node.lineno}: random: a seeded generator is passed in"
            case ast.ImportFrom(module="random"):
                yield f"line {node.lineno}: random: a seeded generator is passed in"
            case ast.ImportFrom(module="os", names=names) if {"environ", "getenv"} & {a.name for a in names}:
                yield f"line {node.lineno}: the environment: settings come from app/"
            case ast.ImportFrom(module="time", names=names) if "time" in {alias.name for alias in names}:
                yield f"line {node.lineno}: the clock: the moment is passed in"
            case _:
                pass


@pytest.mark.parametrize("room", BELOW_APP)
def test_below_app_nothing_reads_the_clock_chance_or_the_environment(room: str) -> None:
    found = [
        f"{file.relative_to(ROOT)} {offence}"
        for file in sources(room)
        for offence in offences(ast.parse(file.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import os\nos.environ['X']",
        "from os import getenv",
        "from datetime import datetime\ndatetime.now(UTC)",
        "import time\ntime.time()",
        "from time import time",
        "import random",
        "from random import choice",
    ],
)
def test_the_scan_sees_an_offence(line: str) -> None:
    assert list(offences(ast.parse(line)))


def test_the_scan_lets_a_seeded_generator_pass() -> None:
    assert not list(offences(ast.parse("import numpy as np\nnp.random.default_rng(seed)")))


def test_no_file_is_too_long() -> None:
    files = sources("app", *BELOW_APP, "bench", "tests")
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    long = {name: length for name, length in lengths.items() if length > LONGEST}
    assert set(long) <= set(LONGER), f"split by noun, or say in LONGER why not: {long}"
    assert set(LONGER) <= set(long), "an exemption nobody needs any more"
