"""Made-up OpenStreetMap extracts."""

from collections.abc import Sequence
from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Way

Line = Sequence[tuple[float, float]]
BOX = (7.41, 43.73, 7.43, 43.75)


def write_extract(
    pbf: Path,
    lines: Sequence[Line],
    tags: Sequence[dict[str, str]],
    *,
    box: bool = True,
    lost: Sequence[int] = (),
) -> None:
    """An extract of one way for each line, over `BOX`. Nodes are numbered from 1; those `lost` are left out."""
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")  # as every extract from a download site says of itself
    if box:
        header.add_box(osmium.osm.Box(*BOX))
    numbers = {
        point: number for number, point in enumerate(dict.fromkeys(sum(map(tuple, lines), ())), start=1)
    }
    with osmium.SimpleWriter(str(pbf), header=header) as writer:
        for point, number in numbers.items():
            if number not in lost:
                writer.add_node(Node(id=number, location=point))
        for way, (line, its) in enumerate(zip(lines, tags, strict=True), start=1):
            writer.add_way(Way(id=way, nodes=[numbers[point] for point in line], tags=its))
