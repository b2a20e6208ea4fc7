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
ASKED = f"""
import sys
import app.cli
print(*sorted(name for name in {SELDOM} if name in sys.modules))
"""


@pytest.mark.slow
def test_the_launcher_s_first_step_loads_nothing_that_is_wanted_seldom():
    said = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
