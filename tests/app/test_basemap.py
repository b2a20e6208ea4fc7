"""The basemap: what is left out of tilemaker's configuration, and a real one of a toy town."""

import gzip
import shutil
from pathlib import Path

import pytest
from pmtiles.reader import MmapSource, Reader

from app import basemap
from tests.app.extracts import write_extract


@pytest.fixture
def toytown(tmp_path: Path) -> Path:
    """An extract with one named street of 150 m in it."""
    pbf = tmp_path / "toytown.osm.pbf"
    street = {"highway": "residential", "name": "Rue de l’Essai"}
    write_extract(pbf, [((7.4200, 43.7400), (7.4219, 43.7400))], [street])
    return pbf


def test_layers_from_shapefiles_are_left_out() -> None:
    config = {
        "layers": {"ocean": {"source": "water.shp"}, "building": {"minzoom": 13}},
        "settings": {"maxzoom": 14},
    }
    assert basemap.without_shapefiles(config) == {
        "layers": {"building": {"minzoom": 13}},
        "settings": {"maxzoom": 14},
    }


@pytest.mark.skipif(shutil.which("tilemaker") is None, reason="this distribution has no tilemaker")
def test_a_street_is_on_the_map(toytown: Path, tmp_path: Path) -> None:
    out = basemap.build(toytown, tmp_path / "out/basemap.pmtiles")
    with out.open("rb") as file:
        reader = Reader(MmapSource(file))
        assert reader.header()["max_zoom"] == 14
        layers = {layer["id"] for layer in reader.metadata()["vector_layers"]}
        assert "transportation_name" in layers
        assert "OpenStreetMap" in reader.metadata()["attribution"]
        assert reader.get(14, 8529, 5973) is not None  # the tile of 7.42, 43.74
    assert [file.name for file in out.parent.iterdir()] == ["basemap.pmtiles"]


@pytest.mark.skipif(shutil.which("tilemaker") is None, reason="this distribution has no tilemaker")
def test_the_sea_is_on_the_map_and_stops_at_the_coast(tmp_path: Path) -> None:
    pbf = tmp_path / "beach.osm.pbf"
    ways = [((7.4200, 43.7450), (7.4219, 43.7450)), ((7.405, 43.74), (7.42, 43.739), (7.435, 43.74))]
    write_extract(pbf, ways, [{"highway": "residential"}, {"natural": "coastline"}])
    with basemap.build(pbf, tmp_path / "basemap.pmtiles").open("rb") as file:
        reader = Reader(MmapSource(file))
        north, south = (gzip.decompress(reader.get(14, 8529, row) or b"") for row in (5972, 5974))
        assert b"water" in south
        assert b"water" not in north
        assert b"transportation" in gzip.decompress(reader.get(14, 8529, 5973) or b"")


@pytest.mark.skipif(shutil.which("tilemaker") is None, reason="this distribution has no tilemaker")
def test_a_broken_coast_costs_the_sea_and_not_the_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pbf = tmp_path / "broken.osm.pbf"
    ways = [((7.4200, 43.7450), (7.4219, 43.7450)), ((7.405, 43.74), (7.42, 43.739))]
    write_extract(pbf, ways, [{"highway": "residential"}, {"natural": "coastline"}])
    assert basemap.build(pbf, tmp_path / "basemap.pmtiles").exists()
    assert capsys.readouterr().out.splitlines() == [
        "broken.osm.pbf: a map without the sea, for the coast ends at 43.73900, 7.42000, inside the map"
    ]


@pytest.mark.parametrize("content", [b"not a map", b""], ids=["rubbish", "empty"])
def test_of_a_file_that_is_no_extract_there_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    pbf = tmp_path / "rubbish.osm.pbf"
    pbf.write_bytes(content)
    with pytest.raises(basemap.BasemapUnavailable, match=r"no map can be made of rubbish\.osm\.pbf"):
        basemap.build(pbf, tmp_path / "basemap.pmtiles")


def test_without_tilemaker_there_is_one_clear_line(
    toytown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.basemap.shutil.which", lambda _: None)
    with pytest.raises(basemap.BasemapUnavailable, match="tilemaker is not installed"):
        basemap.build(toytown, tmp_path / "basemap.pmtiles")
