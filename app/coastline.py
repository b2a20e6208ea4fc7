"""The sea of an OpenStreetMap extract, and the extract with its sea.

Extracts hold the coast as lines (`natural=coastline`) and leave the sea to whoever draws the map; the usual
water polygons come from a download site. Here the lines of the extract itself are closed along its edge.
"""

import itertools
from pathlib import Path

import osmium
from osmium.filter import TagFilter
from osmium.osm import NODE, WAY
from osmium.osm import Node as OsmNode
from osmium.osm import Way as OsmWay
from osmium.osm.mutable import Node, Relation, Way
from shapely.geometry import LinearRing, MultiPolygon

from geo.coast import Box, Line, sea

# Above every id OpenStreetMap has given (2026: nodes 1.3e10, ways 1.4e9, relations 2e7); tilemaker
# keeps those of nodes in 34 bits and those of ways in 31.
FIRST_NODE, FIRST_WAY, FIRST_RELATION = 17_000_000_000, 2_100_000_000, 2_000_000_000
BEYOND = 0.02  # of the shorter side: the sea goes on this far past the edge, so that none of its outline is in view


def bounds_of(pbf: Path) -> Box:
    """What the file says it covers; of a file that does not say, the box of its nodes. ValueError if it has none."""
    told = osmium.io.Reader(str(pbf)).header().box()
    if not told.valid():
        for node in osmium.FileProcessor(pbf, NODE):
            if isinstance(node, OsmNode):
                told.extend(node.location)
    if not told.valid() or told.size() == 0:
        raise ValueError(f"{pbf.name} covers no area")
    low, high = told.bottom_left, told.top_right
    return low.lon, low.lat, high.lon, high.lat


def sea_of(pbf: Path) -> MultiPolygon:
    """The sea of the extract and a little beyond its edge; empty far from one. Raises `geo.coast.BrokenCoast`."""
    west, south, east, north = bounds_of(pbf)
    more = BEYOND * min(east - west, north - south)
    return sea(_coast(pbf), (west - more, south - more, east + more, north + more))


def _coast(pbf: Path) -> list[Line]:
    """The coastlines in the file's direction, parted where the extract lacks a node."""
    lines = list[Line]()
    of_the_coast = TagFilter(("natural", "coastline"))
    for way in osmium.FileProcessor(pbf, NODE | WAY).with_locations().with_filter(of_the_coast):
        if isinstance(way, OsmWay):
            for known, nodes in itertools.groupby(way.nodes, key=lambda node: node.location.valid()):
                if known:
                    lines.append(tuple((node.lon, node.lat) for node in nodes))
    return lines


def with_water(pbf: Path, water: MultiPolygon, out: Path) -> None:
    """The extract with this water in it, in the order that extracts have. The new ids clash with nobody's.

    One file, because tilemaker 3.0 (Debian 13) does not survive a second one.
    """
    alone = out.with_name(f"water-{out.name}")
    _write_water(water, alone)
    merged = osmium.MergeInputReader()
    merged.add_file(str(alone))
    extract = osmium.io.Reader(str(pbf))
    writer = osmium.io.Writer(str(out), extract.header())
    merged.apply_to_reader(extract, writer)
    writer.close()
    extract.close()
    alone.unlink()


def _write_water(water: MultiPolygon, out: Path) -> None:
    nodes, ways, relations = list[Node](), list[Way](), list[Relation]()
    tags = {"natural": "water", "water": "sea"}

    def outline(ring: LinearRing) -> int:
        first = FIRST_NODE + len(nodes)
        corners = list(ring.coords)[:-1]
        nodes.extend(Node(id=first + at, location=corner) for at, corner in enumerate(corners))
        refs = [*range(first, first + len(corners)), first]
        ways.append(Way(id=FIRST_WAY + len(ways), nodes=refs, tags={}))
        return FIRST_WAY + len(ways) - 1

    for polygon in water.geoms:
        members = [("w", outline(polygon.exterior), "outer")]
        members += [("w", outline(hole), "inner") for hole in polygon.interiors]
        area = {"type": "multipolygon", **tags}
        relations.append(Relation(id=FIRST_RELATION + len(relations), members=members, tags=area))

    with osmium.SimpleWriter(str(out)) as writer:
        for thing in (*nodes, *ways, *relations):
            writer.add(thing)
