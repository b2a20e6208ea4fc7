"""What a start loads. Half of a start's time is importing, so what is wanted seldom comes when it is wanted."""

import subprocess
import sys

import pytest

SELDOM = (
    "numba",
    "llvmlite",
    "alembic",
    "osmium",
    "nats",
    "httpx",
    "firebase_admin",
    "scipy.optimize",
    "pyvroom",
)
SERVING = ("uvicorn", "app.engine", "api.app", "realtime.hub")
ASKED = """
import sys
import {modules}
print(*sorted(name for name in {names} if name in sys.modules))
"""


def loaded(names: tuple[str, ...], modules: str) -> list[str]:
    """Which of these names a fresh Python has that imports the modules."""
    asked = ASKED.format(modules=modules, names=names)
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return said.stdout.split()


@pytest.mark.slow
def test_an_engine_s_first_step_loads_nothing_that_is_wanted_seldom():
    assert loaded(SELDOM, "app.cli, app.server, app.engine, app.up") == []


@pytest.mark.slow
def test_what_serves_nobody_loads_no_engine():
    """`migrate` and `map import`: the engine and its edges are a second of imports."""
    assert loaded((*SELDOM, *SERVING), "app.cli, app.migrate, app.ground") == []
