"""`./coudmain` itself: what it says before there is any Python, and what it becomes."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A machine without Python: a directory of the few programs that a launcher is given there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "dirname", "readlink", "mktemp", "grep", "tail", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return programs


def launched(
    programs: Path, *, uid: int, apt: str = "exit 0", **environ: str
) -> subprocess.CompletedProcess[str]:
    """`./coudmain up` there, by that account, with an apt that does this."""
    for name, does in (("id", f"echo {uid}"), ("apt-get", apt)):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    place = {"PATH": str(programs), "TMPDIR": str(programs.parent), **environ}
    return subprocess.run(
        ["sh", ROOT / "coudmain", "up"], env=place, capture_output=True, text=True, check=False
    )


def test_an_administrator_is_asked_once_for_everything(bare: Path) -> None:
    refused = launched(bare, uid=1000)
    assert refused.returncode == 3
    packages = "python3 python3-venv ca-certificates postgresql postgresql-postgis tilemaker"
    assert refused.stderr.endswith(f"have an administrator run: apt-get install {packages}\n")
    theirs = launched(bare, uid=1000, DATABASE_URL="postgresql://elsewhere/db")
    assert "postgresql" not in theirs.stderr


@pytest.mark.parametrize(
    ("apt", "words"),
    [
        ("echo \"E: Failed to fetch: Temporary failure resolving 'x'\"; echo E: Unable; exit 100",
         "no network, or no name server"),
        ("echo 'E: write (28: No space left on device)'; echo E: could not be parsed; exit 100", "the disk is full"),
        ("echo E: Unable to locate package python3; exit 100", "E: Unable to locate package python3"),
    ],
)  # fmt: skip
def test_an_apt_that_fails_is_told_in_words(bare: Path, apt: str, words: str) -> None:
    assert f"apt could not install python3: {words} (all of it: " in launched(bare, uid=0, apt=apt).stderr


def test_the_launcher_becomes_what_it_launches(tmp_path: Path) -> None:
    (tmp_path / "coudmain").write_bytes((ROOT / "coudmain").read_bytes())
    (tmp_path / "app").mkdir()
    (tmp_path / "app/install.py").write_text("import os, sys; print(os.getpid(), *sys.argv[1:])")
    with subprocess.Popen(
        ["sh", "coudmain", "test", "-k", "a b"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as launcher:
        told, _ = launcher.communicate()
    program = f"{tmp_path}/.venv/bin/python -P -m app.install.suite -k a b"
    assert told == f"{launcher.pid} test {program}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["test", "-h"]])
def test_help_sets_nothing_up(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "coudmain").write_bytes((ROOT / "coudmain").read_bytes())
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "coudmain", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "usage: ./coudmain" in done.stdout
    assert time.monotonic() - began < 5
    assert [file.name for file in tmp_path.iterdir()] == ["coudmain"]


@pytest.mark.parametrize("arguments", [[], ["dance"]])
def test_a_wrong_command_is_a_usage_error(arguments: list[str]) -> None:
    done = subprocess.run(["sh", ROOT / "coudmain", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: ./coudmain" in done.stderr
