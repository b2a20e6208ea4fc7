"""The vector basemap of a city: tilemaker turns the OSM extract into tiles, which go into one PMTiles file.

The schema is OpenMapTiles, by the configuration that comes with tilemaker, less the layers that need
shapefiles from a download site (the ocean, glaciers, urban areas). The sea is made of the extract's own
coastlines instead, and handed to tilemaker as a second file. The result is served as it is; the browser
reads it by ranges.
Run as `python -m app.basemap FILE.osm.pbf OUT.pmtiles`.
"""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pmtiles.convert import mbtiles_to_header_json
from pmtiles.tile import tileid_to_zxy, zxy_to_tileid
from pmtiles.writer import write

from app.cities import CityUnavailable
from app.coastline import bounds_of, sea_of, with_water
from geo.coast import Box, BrokenCoast

EXAMPLES = ("/usr/share/doc/tilemaker", "/usr/share/tilemaker", "/usr/local/share/tilemaker")
CONFIG, LUA = "config-openmaptiles.json", "process-openmaptiles.lua"
BUILD_WITHIN = 900.0  # s; Monaco takes 1-2 s, a region a minute
ATTRIBUTION = "© OpenStreetMap contributors"  # the ODbL asks for it on every map


class BasemapUnavailable(CityUnavailable):
    """No basemap can be made; the message is one line that says why. The town runs without one."""


def build(pbf: Path, out: Path) -> Path:
    """Make `out` (.pmtiles) from an `.osm.pbf`; a reader sees the old map or the new. Returns `out`."""
    program = shutil.which("tilemaker")
    if program is None:
        raise BasemapUnavailable("tilemaker is not installed")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as directory:
        scratch = Path(directory)
        examples = _examples(scratch)
        config, tiles, packed = scratch / "config.json", scratch / "tiles.mbtiles", scratch / "tiles.pmtiles"
        config.write_text(json.dumps(without_shapefiles(json.loads((examples / CONFIG).read_text()))))
        box = ",".join(f"{side:.7f}" for side in _bounds(pbf))
        made = ["--output", tiles, "--bbox", box, "--config", config, "--process", examples / LUA]
        command = [program, *map(str, ["--input", _with_its_sea(pbf.absolute(), scratch), *made])]
        try:
            subprocess.run(
                command, cwd=scratch, capture_output=True, text=True, check=True, timeout=BUILD_WITHIN
            )
        except subprocess.CalledProcessError as error:
            words = (error.stderr or error.stdout).strip().splitlines()[-1:]
            raise BasemapUnavailable(f"tilemaker failed on {pbf.name}: {' '.join(words)}") from error
        except subprocess.TimeoutExpired as error:
            raise BasemapUnavailable(f"tilemaker took over {BUILD_WITHIN:.0f} s on {pbf.name}") from error
        pack(tiles, packed)
        packed.replace(out)
    return out


def _bounds(pbf: Path) -> Box:
    try:
        return bounds_of(pbf)
    except (
        RuntimeError,
        ValueError,
    ) as error:  # osmium's word for a file it cannot read; ours for an empty one
        raise BasemapUnavailable(f"no map can be made of {pbf.name}: {error}") from error


def _with_its_sea(pbf: Path, scratch: Path) -> Path:
    """The extract and its sea, if it has one. A coast that does not close costs the sea, not the map."""
    try:
        water = sea_of(pbf)
    except BrokenCoast as broken:
        print(f"{pbf.name}: a map without the sea, for {broken}", flush=True)
        return pbf
    if water.is_empty:
        return pbf
    with_water(pbf, water, scratch / "with-sea.osm.pbf")
    return scratch / "with-sea.osm.pbf"


def pack(mbtiles: Path, out: Path) -> None:
    """One PMTiles file of an MBTiles database of gzipped vector tiles, in the order of the tiles' ids.

    The `pmtiles` package's own converter leaves the list of layers as a string within a string, where the
    specification wants `vector_layers` at the top: hence this one.
    """
    one_tile = "select tile_data from tiles where zoom_level = ? and tile_column = ? and tile_row = ?"
    with contextlib.closing(sqlite3.connect(mbtiles)) as database, write(str(out)) as writer:
        places = database.execute("select zoom_level, tile_column, tile_row from tiles").fetchall()
        for tile in sorted(zxy_to_tileid(z, x, _flipped(z, y)) for z, x, y in places):
            z, x, y = tileid_to_zxy(tile)
            writer.write_tile(tile, database.execute(one_tile, (z, x, _flipped(z, y))).fetchone()[0])
        header, metadata = mbtiles_to_header_json(dict(database.execute("select name, value from metadata")))
        layers = json.loads(metadata.pop("json"))
        writer.finalize(header, {**metadata, **layers, "attribution": ATTRIBUTION})


def _flipped(zoom: int, row: int) -> int:
    """MBTiles counts rows from the south, PMTiles from the north."""
    return (1 << zoom) - 1 - row


def without_shapefiles(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration less every layer that reads a file we do not have."""
    layers = {name: layer for name, layer in config["layers"].items() if "source" not in layer}
    return {**config, "layers": layers}


def _examples(scratch: Path) -> Path:
    """Where tilemaker's OpenMapTiles configuration is.

    A slim container image leaves /usr/share/doc out of every package; the package itself still has it, and
    taking one apart needs no rights.
    """
    for place in EXAMPLES:
        for found in sorted(Path(place).rglob(CONFIG)):
            if found.with_name(LUA).exists():
                return found.parent
    if shutil.which("apt-get"):
        package = scratch / "package"
        package.mkdir()
        subprocess.run(
            ["apt-get", "-q", "download", "tilemaker"], cwd=package, capture_output=True, check=False
        )
        for file in package.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(file), str(package)], capture_output=True, check=False)
        for found in package.rglob(CONFIG):
            return found.parent
    raise BasemapUnavailable("tilemaker's OpenMapTiles configuration is not on this machine")


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]), Path(sys.argv[2]))
    except BasemapUnavailable as unavailable:
        raise SystemExit(str(unavailable)) from unavailable
