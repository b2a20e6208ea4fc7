"""The sea of an extract: read from its coastlines, written as water that clashes with nothing."""

from pathlib import Path

import osmium
import pytest
from osmium.osm import Area
from shapely.geometry import MultiPolygon, Point, Polygon, box

from app.coastline import BEYOND, FIRST_NODE, FIRST_WAY, bounds_of, sea_of, with_water
from tests.app.extracts import BOX, write_extract

COAST = {"natural": "coastline"}
EASTWARD = [(7.405, 43.74), (7.415, 43.74), (7.425, 43.74), (7.435, 43.74)]


def test_an_extract_says_what_it_covers_or_its_nodes_do(tmp_path: Path) -> None:
    told, untold = tmp_path / "told.osm.pbf", tmp_path / "untold.osm.pbf"
    write_extract(told, [EASTWARD], [COAST])
    write_extract(untold, [[(7.40, 43.70), (7.45, 43.75)]], [COAST], box=False)
    assert bounds_of(told) == BOX
    assert bounds_of(untold) == (7.40, 43.70, 7.45, 43.75)


def test_an_extract_of_nothing_covers_nothing(tmp_path: Path) -> None:
    write_extract(tmp_path / "empty.osm.pbf", [], [], box=False)
    with pytest.raises(ValueError, match=r"empty\.osm\.pbf covers no area"):
        bounds_of(tmp_path / "empty.osm.pbf")


def test_the_sea_goes_on_a_little_past_the_edge(tmp_path: Path) -> None:
    write_extract(tmp_path / "beach.osm.pbf", [EASTWARD], [COAST])
    more = BEYOND * 0.02
    west, south, east, _ = BOX
    expected = box(west - more, south - more, east + more, 43.74)
    assert sea_of(tmp_path / "beach.osm.pbf").symmetric_difference(expected).area < 1e-12


def test_a_coast_whose_outer_nodes_the_extract_lacks_is_drawn_on(tmp_path: Path) -> None:
    line = [(7.405, 43.74), (7.4105, 43.74), (7.425, 43.74), (7.4295, 43.74), (7.435, 43.74)]
    write_extract(tmp_path / "cut.osm.pbf", [line], [COAST], lost=[1, 5])
    water = sea_of(tmp_path / "cut.osm.pbf")
    assert water.contains(Point(7.4101, 43.7399))
    assert not water.contains(Point(7.4101, 43.7401))


def test_far_from_the_coast_there_is_no_sea(tmp_path: Path) -> None:
    write_extract(tmp_path / "inland.osm.pbf", [EASTWARD], [{"highway": "residential"}])
    assert sea_of(tmp_path / "inland.osm.pbf").is_empty


def test_water_is_written_with_its_islands_and_reads_back_the_same(tmp_path: Path) -> None:
    island = [(7.42, 43.735), (7.421, 43.735), (7.421, 43.736), (7.42, 43.735)]
    water = MultiPolygon([Polygon(box(*BOX).exterior, [island]), box(7.5, 43.73, 7.51, 43.74)])
    write_extract(tmp_path / "beach.osm.pbf", [EASTWARD], [COAST])
    with_water(tmp_path / "beach.osm.pbf", water, tmp_path / "sea.osm.pbf")
    read = []
    for area in osmium.FileProcessor(tmp_path / "sea.osm.pbf").with_areas():
        if isinstance(area, Area) and area.tags.get("natural") == "water":
            for outer in area.outer_rings():
                holes = [[(n.lon, n.lat) for n in inner] for inner in area.inner_rings(outer)]
                read.append(Polygon([(n.lon, n.lat) for n in outer], holes))
    assert MultiPolygon(read).symmetric_difference(water).area < 1e-12
    assert bounds_of(tmp_path / "sea.osm.pbf") == BOX


def test_the_extract_stays_as_it_was_and_in_order_beside_its_water(tmp_path: Path) -> None:
    write_extract(tmp_path / "beach.osm.pbf", [EASTWARD], [COAST])
    with_water(tmp_path / "beach.osm.pbf", MultiPolygon([box(*BOX)]), tmp_path / "sea.osm.pbf")
    before, after = (
        [(thing.type_str(), thing.id) for thing in osmium.FileProcessor(tmp_path / f"{name}.osm.pbf")]
        for name in ("beach", "sea")
    )
    assert after == sorted(after, key=lambda each: ("nwr".index(each[0]), each[1]))
    assert [each for each in after if each in before] == before
    assert [each[0] for each in after if each not in before] == ["n", "n", "n", "n", "w", "r"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beach.osm.pbf", "sea.osm.pbf"]


def test_new_ids_are_such_as_tilemaker_can_keep() -> None:
    assert FIRST_NODE + 100_000_000 < 2**34
    assert FIRST_WAY + 10_000_000 < 2**31
