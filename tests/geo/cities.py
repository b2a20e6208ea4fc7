"""Small towns to travel in."""

from math import inf

from geo.junctions import Way, to_junctions
from geo.osmtags import KMH, Street
from geo.streetarrays import StreetArrays

NODE_STEP = 0.001  # degrees: about 111 m north, 80 m east at 43.7 N
HERE = (43.7, 7.4)


def street(name: str = "", kmh: float = 36.0, *, one_way: bool = False, drive: bool = True) -> Street:
    """Driven at `kmh` (36: ten meters a second), walked and cycled at 3.6 either way."""
    pace, slow = 1 / (kmh * KMH), 1 / (3.6 * KMH)
    there = pace if drive else inf
    return Street(name, drive=(there, inf if one_way else there), walk=(slow, slow), cycle=(slow, slow))


def place_of(column: int, row: int) -> tuple[float, float]:
    return HERE[0] + row * NODE_STEP, HERE[1] + column * NODE_STEP


def grid_town(columns: int = 4, rows: int = 4) -> StreetArrays:
    """Two-way streets: "Row r" from west to east, "Column c" from south to north."""
    places = {r * columns + c: place_of(c, r) for r in range(rows) for c in range(columns)}
    ways = [Way([r * columns + c for c in range(columns)], street(f"Row {r}")) for r in range(rows)]
    ways += [Way([r * columns + c for r in range(rows)], street(f"Column {c}")) for c in range(columns)]
    return to_junctions(ways, places)
