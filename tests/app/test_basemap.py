"""The basemap: what is left out of tilemaker's configuration, and a real one of a toy town."""

import shutil
from pathlib import Path

import osmium
import pytest
from pmtiles.reader import MmapSource, Reader

from app import basemap


@pytest.fixture
def toytown(tmp_path: Path) -> Path:
    """An extract with one named street of 150 m in it."""
    pbf = tmp_path / "toytown.osm.pbf"
    header = osmium.io.Header()
    header.add_box(osmium.osm.Box(7.41, 43.73, 7.43, 43.75))
    with osmium.SimpleWriter(str(pbf), header=header) as writer:
        for number, (lon, lat) in enumerate([(7.4200, 43.7400), (7.4219, 43.7400)], start=1):
            writer.add_node(osmium.osm.mutable.Node(id=number, location=(lon, lat)))
        street = {"highway": "residential", "name": "Rue de l’Essai"}
        writer.add_way(osmium.osm.mutable.Way(id=1, nodes=[1, 2], tags=street))
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


def test_without_tilemaker_there_is_one_clear_line(
    toytown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.basemap.shutil.which", lambda _: None)
    with pytest.raises(basemap.BasemapUnavailable, match="tilemaker is not installed"):
        basemap.build(toytown, tmp_path / "basemap.pmtiles")
