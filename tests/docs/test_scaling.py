"""docs/SCALING.md and the README quote no figure that was not measured."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BESIDE = re.compile(
    r"^\| [^|]+ \| ([\d.]+)[ a-zA-Z]* \| [^|]+: ([\d.]+)[ a-zA-Z]* \| (\w+\.json) \| `(\w+)`, `(\w+)` \|$",
    re.MULTILINE,
)
ROW = re.compile(r"^\| [^|]+ \| ([\d.]+) ms \| (\w+\.json) \| `(\w+)` \|$", re.MULTILINE)


def test_every_figure_of_the_table_is_the_median_of_the_file_it_names():
    page = (ROOT / "docs/SCALING.md").read_text()
    rows = ROW.findall(page)
    assert len(rows) == page.count(".json | `") == 10
    for quoted, file, figure in rows:
        found = json.loads((ROOT / "bench/results" / file).read_text())
        assert found["sound"], file
        assert float(quoted) == found["figures"][figure]["median"], (file, figure)


def test_every_figure_of_the_readme_is_that_of_the_file_it_names():
    page = (ROOT / "README.md").read_text()
    rows = BESIDE.findall(page)
    assert len(rows) == page.count(".json | `") == 12
    for here, there, file, ours, theirs in rows:
        found = json.loads((ROOT / "bench/results" / file).read_text())
        assert found["sound"], file
        for quoted, figure in ((here, ours), (there, theirs)):
            measured = found["figures"][figure]
            median = measured["median"] if isinstance(measured, dict) else measured
            assert float(quoted) == median, (file, figure)
