"""A city's ground: its street graph and its named places, built once from the OSM extract and kept beside it."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from app import cities
from app.clock import SystemClock
from app.directories import city_directory
from app.travelling import CalibratedTravel, FallingBack, StreetTravel
from domain.rules.ports import Clock, TravelTimes
from geo.cells import cell_of, center
from geo.points import LatLng
from geo.streets import StreetArrays, StreetGraph

log = logging.getLogger(__name__)

KEPT_STREETS = "streets-2.npz"  # a change of the import's rules changes this name
KEPT_PLACES = "places-1.json"
QUARTERS = frozenset({"suburb", "quarter", "neighbourhood", "town", "village"})


class Quarters:
    """The nearest quarter's name for a coarse cell: words that say no more than the cell does."""

    def __init__(self, named: Sequence[tuple[str, LatLng]]) -> None:
        self._names = [name for name, _ in named]
        self._tree = cKDTree(np.array([_flat(p) for _, p in named])) if named else None

    def of(self, p: LatLng) -> str:
        """The quarter nearest to the middle of the place's resolution-8 cell; empty when none is known."""
        if self._tree is None:
            return ""
        _, nearest = self._tree.query(_flat(center(cell_of(p, 8))))
        return self._names[int(nearest)]


@dataclass(frozen=True)
class Ground:
    """What the engine knows of a market's ground."""

    travel: CalibratedTravel
    streets: StreetGraph | None
    quarters: Quarters

    def address(self, p: LatLng) -> str:
        return self.streets.address(p) if self.streets else ""

    def quarter(self, p: LatLng) -> str:
        return self.quarters.of(p)


def build(slug: str) -> None:
    """Read the city's extract into its street graph and places, unless both are kept already."""
    kept = city_directory(slug)
    if not (kept / KEPT_STREETS).exists() or not (kept / KEPT_PLACES).exists():
        replace(slug, cities.extract(slug))


def replace(slug: str, extract: Path) -> None:
    """Keep the streets and places of an extract as the city's. What is no map changes nothing: CityUnavailable."""
    from app.mapimport import read_places, read_streets  # noqa: PLC0415 - reads maps: once a city

    try:
        places = [(place.name, place.kind, place.lat, place.lon) for place in read_places(extract)]
        streets = read_streets(extract)
    except RuntimeError as error:  # the reader's, of a file that is cut off or rubbish
        raise cities.CityUnavailable(f"{slug}: the extract cannot be read as a map: {error}") from error
    kept = city_directory(slug)
    _put(kept / KEPT_PLACES, json.dumps(places, ensure_ascii=False).encode())
    _put(kept / KEPT_STREETS, streets.to_bytes())


def load(
    slug: str, osrm: TravelTimes | None = None, *, timezone: str = "UTC", clock: Clock | None = None
) -> Ground:
    """The ground of a market: from the kept graph, built now if need be; straight lines where there is no extract.

    With an OSRM its times and ways come first. Factors are those of the hour in `timezone`.
    """
    now = (clock or SystemClock()).now
    kept = city_directory(slug)
    if not (kept / KEPT_STREETS).exists() and not cities.extract(slug).exists():
        log.warning("no street data for %s: travel times are straight lines (./coudmain up fetches it)", slug)
        return Ground(CalibratedTravel(_travel(None, osrm), timezone, now), None, Quarters([]))
    build(slug)
    streets = StreetGraph(StreetArrays.from_bytes((kept / KEPT_STREETS).read_bytes()))
    named = [(name, LatLng(lat, lon)) for name, kind, lat, lon in places(slug) if kind in QUARTERS]
    return Ground(CalibratedTravel(_travel(streets, osrm), timezone, now), streets, Quarters(named))


def _travel(streets: StreetGraph | None, osrm: TravelTimes | None) -> TravelTimes:
    on_streets = StreetTravel(streets)
    return on_streets if osrm is None else FallingBack(osrm, on_streets)


def places(slug: str) -> list[tuple[str, str, float, float]]:
    """The city's named places: name, kind, lat, lon."""
    kept = city_directory(slug) / KEPT_PLACES
    if not kept.exists():
        return []
    return [
        (str(name), str(kind), float(lat), float(lon))
        for name, kind, lat, lon in json.loads(kept.read_text())
    ]


def _flat(p: LatLng) -> tuple[float, float]:
    return p.lat, p.lon * np.cos(np.radians(p.lat))


def _put(kept: Path, content: bytes) -> None:
    partial = kept.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(kept)
