"""docs/SCALING.md quotes no figure that was not measured."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| [^|]+ \| ([\d.]+) ms \| (\w+\.json) \| `(\w+)` \|$", re.MULTILINE)


def test_every_figure_of_the_table_is_the_median_of_the_file_it_names():
    page = (ROOT / "docs/SCALING.md").read_text()
    rows = ROW.findall(page)
    assert len(rows) == page.count(".json | `") == 10
    for quoted, file, figure in rows:
        found = json.loads((ROOT / "bench/results" / file).read_text())
        assert found["sound"], file
        assert float(quoted) == found["figures"][figure]["median"], (file, figure)
