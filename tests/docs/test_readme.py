"""The README's script works as written, against a real engine process."""

import os
import re
import subprocess
from pathlib import Path

from tests.stranger.engine import EngineProcess

README = Path(__file__).parents[2] / "README.md"
ACCEPTED_WITHIN = 40.0  # s for curl's calls and a round or two on a crowded machine; alone it takes about two


def the_script() -> str:
    """The README's block of shell that speaks to the API."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    (script,) = [block for block in blocks if "curl" in block]
    return str(script)


def test_the_script_goes_from_a_phone_number_to_an_accepted_ride(serving: EngineProcess):
    ran = subprocess.run(
        ["sh", "-eu"],
        input=the_script(),
        env={"PATH": os.environ["PATH"], "COUDMAIN_URL": serving.url},
        capture_output=True,
        text=True,
        timeout=ACCEPTED_WITHIN,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"engagement [0-9a-f-]{36} is confirmed", ran.stdout.splitlines()[-1]), ran.stdout


def test_the_script_needs_nothing_but_curl_and_the_usual_tools():
    assert not re.search(r"\b(jq|python3?|perl|awk|node|bash)\b", the_script())
