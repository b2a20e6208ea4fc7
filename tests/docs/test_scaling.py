"""docs/SCALING.md, docs/operating.md and the README quote no figure that was not measured."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = re.compile(
    r"^\| [^|]+ \| ([\d.]+)[ a-zA-Z]* \| [^|]+: ([\d.]+)[ a-zA-Z]* \| (\w+\.json) \| `(\w+)`, `(\w+)` \|$",
    re.MULTILINE,
)
ROW = re.compile(r"^\| [^|]+ \| ([\d.]+)(?: ms)? \| (\w+\.json) \| `([\w.]+)` \|$", re.MULTILINE)
ROWS = {"docs/SCALING.md": 20, "docs/operating.md": 7}


def found_in(file: str) -> dict[str, float]:
    """A sound run's sizes and figures by name: of a spread its median, and `name.p95`, `name.max`."""
    report = json.loads((ROOT / "bench/results" / file).read_text())
    assert report["sound"], file
    found: dict[str, float] = {}
    for name, figure in (report["sizes"] | report["figures"]).items():
        if isinstance(figure, dict):
            found |= {name: figure["median"]} | {f"{name}.{part}": value for part, value in figure.items()}
        else:
            found[name] = figure
    return found


@pytest.mark.parametrize("page", ROWS)
def test_every_figure_of_a_table_is_that_of_the_file_it_names(page: str):
    text = (ROOT / page).read_text()
    rows = ROW.findall(text)
    assert len(rows) == text.count(".json | `") == ROWS[page]
    for quoted, file, figure in rows:
        assert float(quoted) == found_in(file)[figure], (file, figure)


def test_every_figure_of_the_readme_is_that_of_the_file_it_names():
    page = (ROOT / "README.md").read_text()
    rows = BESIDE.findall(page)
    assert len(rows) == page.count(".json | `") == 12
    for here, there, file, ours, theirs in rows:
        for quoted, figure in ((here, ours), (there, theirs)):
            assert float(quoted) == found_in(file)[figure], (file, figure)
