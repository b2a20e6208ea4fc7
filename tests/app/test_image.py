"""The image, as far as it can be told without a container engine: each stage copies what it runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
LET_THROUGH = (ROOT / "docker/Dockerfile.dockerignore").read_text().splitlines()
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
CITY, RUNS = STAGES[-2:]


def copied(stage: str) -> list[str]:
    """What a stage takes from the checkout."""
    lines = re.findall(r"^COPY (?!--)(.*) \S+$", stage, flags=re.MULTILINE)
    return [name.rstrip("/") for line in lines for name in line.split()]


@pytest.mark.parametrize(
    ("stage", "modules"),
    [
        pytest.param(CITY, "app.cities, app.basemap, app.ground, app.mapimport", id="city"),
        pytest.param(RUNS, "app.__main__, app.engine, app.dispatcher, app.relay, app.warming", id="runs"),
    ],
)
def test_a_stage_copies_whatever_its_modules_import(stage: str, modules: str, tmp_path: Path) -> None:
    for name in copied(stage):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import {modules}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_copied_and_nothing_else_is_let_into_the_build() -> None:
    wanted = {name.partition("/")[0] for stage in STAGES for name in copied(stage)}
    assert wanted == {line[1:] for line in LET_THROUGH if line.startswith("!")}


def test_a_build_asks_a_registry_for_its_base_images_only() -> None:
    assert "# syntax=" not in DOCKERFILE
