"""Reading a city from an OpenStreetMap extract: its streets, its named places, its outline.

The data is under the ODbL: whoever shows it shows `ATTRIBUTION`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import osmium
from osmium.filter import KeyFilter
from osmium.osm import NODE, RELATION, WAY
from osmium.osm import Relation as OsmRelation
from osmium.osm import Way as OsmWay
from shapely.geometry import Polygon

from geo.junctions import Way, to_junctions
from geo.osmtags import Wait, stops_cars, street_of, wait_of
from geo.points import LatLng
from geo.restrictions import Member, Restriction, restrictions_of
from geo.streets import Profile, StreetArrays, StreetGraph
from geo.zones import area_around

ATTRIBUTION = "© OpenStreetMap contributors"

# Named things a town's people start from, go to and meet at; the first key a thing has gives its kind.
PLACE_KEYS = ("place", "railway", "amenity", "tourism", "shop", "leisure", "office", "healthcare")

NOT_PLACES = {"yes", "no", "rail", "tram", "subway", "switch", "level_crossing", "signal", "locality"}


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """`kind` is OpenStreetMap's word: suburb, station, restaurant, hotel, supermarket …"""

    name: str
    kind: str
    lat: float
    lon: float

    @property
    def place(self) -> LatLng:
        return LatLng(self.lat, self.lon)


def read_streets(pbf: Path) -> StreetArrays:
    """The street graph of an extract (.osm.pbf, .osm, .opl …). RuntimeError if the file cannot be read."""
    ways, places = list[Way](), dict[int, tuple[float, float]]()
    closed, waits = set[int](), dict[int, Wait]()
    for thing in _things(pbf, "highway", "barrier"):
        tags = dict(thing.tags)
        if isinstance(thing, OsmWay):
            street = street_of(tags)
            if street is not None:
                ids = (thing.id, thing.id)
                ways.extend(Way(stretch, street, ids) for stretch in _located(thing, places))
        elif stops_cars(tags):
            closed.add(thing.id)
        elif (wait := wait_of(tags)) is not None:
            waits[thing.id] = wait
    return to_junctions(ways, places, closed, waits=waits, restrictions=read_restrictions(pbf))


def read_restrictions(pbf: Path) -> list[Restriction]:
    """The turns that the extract forbids to cars at all hours, in the file's order."""
    relations = osmium.FileProcessor(pbf, RELATION).with_filter(KeyFilter("type"))
    return [
        restriction
        for relation in relations
        if isinstance(relation, OsmRelation)
        for restriction in restrictions_of(
            dict(relation.tags), [Member(member.role, member.type, member.ref) for member in relation.members]
        )
    ]


def read_places(pbf: Path) -> list[NamedPlace]:
    """The named places of an extract, outlines at the middle of their corners, in the file's order."""
    found = []
    for thing in _things(pbf, *PLACE_KEYS):
        name = thing.tags.get("name")
        kind = next((thing.tags[key] for key in PLACE_KEYS if key in thing.tags), "")
        if not name or kind in NOT_PLACES:
            continue
        if isinstance(thing, OsmWay):
            corners = [(node.lat, node.lon) for node in thing.nodes if node.location.valid()]
            if corners:
                lat, lon = np.mean(corners, axis=0).tolist()
                found.append(NamedPlace(name, kind, lat, lon))
        else:
            found.append(NamedPlace(name, kind, thing.lat, thing.lon))
    return found


def read_outline(pbf: Path) -> Polygon:
    """A service area for the extract: within 300 m of the streets one can drive to and from all others."""
    lat, lon = StreetGraph(read_streets(pbf)).corners(Profile.DRIVE)
    return area_around(lat, lon)


def _things(pbf: Path, *keys: str) -> Iterable[Any]:
    """Nodes and ways with any of the keys; a way's nodes know where they are."""
    return osmium.FileProcessor(pbf, NODE | WAY).with_locations().with_filter(KeyFilter(*keys))


def _located(way: OsmWay, places: dict[int, tuple[float, float]]) -> Iterator[list[int]]:
    """The stretches of a way whose nodes are in the extract (its edge cuts ways), repeats left out."""
    stretch: list[int] = []
    for node in way.nodes:
        if not node.location.valid():
            if len(stretch) > 1:
                yield stretch
            stretch = []
        elif not stretch or stretch[-1] != node.ref:
            places[node.ref] = (node.lat, node.lon)
            stretch.append(node.ref)
    if len(stretch) > 1:
        yield stretch
