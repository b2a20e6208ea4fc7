"""The sea of a map's box, from the coastlines in it.

OpenStreetMap draws the coast as lines with the land on the left hand and the water on the right, cut where
an extract ends. The sea is what those lines and the box's edge enclose with the water on the right.
Points are (longitude, latitude) in degrees, taken as flat: a box is a city or a region.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import shapely
from shapely.geometry import LinearRing, MultiPolygon, Polygon, box

Point = tuple[float, float]
Line = tuple[Point, ...]
Box = tuple[float, float, float, float]  # west, south, east, north

REACH = (
    0.07  # of the box's shorter side: how far from the edge a coast may end whose next node the extract lacks
)

ROUNDING = 1e-9  # square degrees, ten square metres: what a ring may lose when it is mended


class BrokenCoast(ValueError):
    """The coastlines do not say on which side the sea is; the message says where, in a line."""


def sea(coast: Iterable[Sequence[Point]], bounds: Box) -> MultiPolygon:
    """The water of the box; empty where no coast is in it. The order of the lines does not matter.

    Lines that share an end are one coast. A coast with a loose end inside the box, or two that disagree
    about the water between them, is a `BrokenCoast`.
    """
    shores, rings = list[Line](), list[Line]()
    for chain in _chains(tuple(line) for line in coast if len(line) > 1):
        for piece in _inside(chain, bounds):
            (rings if piece[0] == piece[-1] else shores).append(piece)
    shores = [_to_the_edge(shore, bounds) for shore in shores]
    islands = sorted((ring for ring in rings if len(ring) > 3), key=_size, reverse=True)
    water = shapely.union_all([_area(ring) for ring in _along_the_edge(shores, bounds)])
    if not shores and islands and LinearRing(islands[0]).is_ccw:
        water = box(*bounds)  # islands and nothing else: they lie in the sea
    for ring in islands:  # the large before the small: an island may have a lagoon, and that an island
        inner = _area(ring)
        water = water.difference(inner) if LinearRing(ring).is_ccw else water.union(inner)
    return MultiPolygon([part for part in shapely.get_parts(water) if isinstance(part, Polygon)])


def _size(ring: Line) -> float:
    return float(Polygon(ring).area)


def _area(ring: Line) -> Polygon | MultiPolygon:
    area = Polygon(ring)
    if area.is_valid:
        return area
    # A cut at the edge may fall a rounding error beside a corner, and the ring touch itself there.
    parts = [
        part
        for part in shapely.get_parts(shapely.get_parts(shapely.make_valid(area)))
        if isinstance(part, Polygon)
    ]
    if abs(sum(part.area for part in parts) - area.area) > ROUNDING:
        raise BrokenCoast(f"the coast near {_say(ring[0])} crosses itself")
    return MultiPolygon(parts)


def _chains(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines joined end to start, as far as they go; a ring ends where it starts."""
    ends = set[Point]()
    by_start: dict[Point, list[Line]] = {}
    for line in sorted(set(lines), reverse=True):
        by_start.setdefault(line[0], []).append(line)
        ends.add(line[-1])
    heads = [start for start in sorted(by_start) if start not in ends]
    for start in [*heads, *sorted(by_start)]:  # a ring has no head: any of its lines will do
        while by_start.get(start):
            chain = [start]
            while following := by_start.get(chain[-1]):
                chain.extend(following.pop()[1:])
                if chain[-1] == start:
                    break
            yield tuple(chain)


def _inside(chain: Line, bounds: Box) -> Iterator[Line]:
    """The stretches of a line within the box, cut exactly at its edge, in the line's direction."""
    if chain[0] == chain[-1]:
        outside = next((at for at, point in enumerate(chain) if not _holds(bounds, point)), 0)
        chain = (*chain[outside:-1], *chain[: outside + 1])  # begun outside, a ring is never cut at its seam
    stretch: list[Point] = []
    for a, b in pairwise(chain):
        cut = _clipped(a, b, bounds)
        if cut is None:
            continue
        start, end = cut
        if stretch and stretch[-1] != start:
            yield tuple(stretch)
            stretch = []
        stretch = stretch or [start]
        stretch.append(end)
    if stretch:
        yield tuple(stretch)


def _holds(bounds: Box, point: Point) -> bool:
    west, south, east, north = bounds
    return west <= point[0] <= east and south <= point[1] <= north


def _clipped(a: Point, b: Point, bounds: Box) -> tuple[Point, Point] | None:
    """The part of a segment within the box (Liang and Barsky, 1984), `None` if it has no length there."""
    west, south, east, north = bounds
    dx, dy = b[0] - a[0], b[1] - a[1]
    first, last = 0.0, 1.0
    for step, room in ((-dx, a[0] - west), (dx, east - a[0]), (-dy, a[1] - south), (dy, north - a[1])):
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            first = max(first, room / step)
        else:
            last = min(last, room / step)
    if first >= last:
        return None

    def at(part: float) -> Point:
        x, y = a[0] + dx * part, a[1] + dy * part
        return min(max(x, west), east), min(max(y, south), north)

    return (a if first == 0 else at(first)), (b if last == 1 else at(last))


def _to_the_edge(shore: Line, bounds: Box) -> Line:
    """The shore with both ends on the box's edge, drawn on to the nearest point of it where it stops short."""
    west, south, east, north = bounds
    reach = REACH * min(east - west, north - south)
    ends = []
    for end in (shore[0], shore[-1]):
        nearest, off = _nearest_edge(end, bounds)
        if off > reach:
            raise BrokenCoast(f"the coast ends at {_say(end)}, inside the map")
        ends.append(nearest)
    return (ends[0], *shore, ends[1])


def _nearest_edge(point: Point, bounds: Box) -> tuple[Point, float]:
    west, south, east, north = bounds
    x, y = point
    ways = [
        (x - west, (west, y)),
        (north - y, (x, north)),
        (east - x, (east, y)),
        (y - south, (x, south)),
    ]
    off, nearest = min(ways)
    return nearest, off


def _along_the_edge(shores: list[Line], bounds: Box) -> Iterator[Line]:
    """The rings that shores make with the box's edge, followed clockwise: the box, too, has its inside on the right."""
    starts = sorted((_clockwise(shore[0], bounds), shore) for shore in shores)
    landfalls = sorted(_clockwise(shore[-1], bounds) for shore in shores)
    _must_alternate([at for at, _ in starts], landfalls, shores)
    while starts:
        _, shore = starts.pop()
        ring = [*shore]
        while True:
            here = _clockwise(ring[-1], bounds)
            onward = [(start - here) % 4 for start, _ in starts]
            home = (_clockwise(ring[0], bounds) - here) % 4
            if not onward or home <= min(onward):
                break
            at, shore = starts.pop(onward.index(min(onward)))
            ring += [*_corners(here, at, bounds), *shore]
        ring += [*_corners(here, _clockwise(ring[0], bounds), bounds), ring[0]]
        yield tuple(ring)


def _must_alternate(starts: list[float], landfalls: list[float], shores: list[Line]) -> None:
    """Round the box, water begins where a shore runs out of it and ends where the next comes in."""
    round_the_box = sorted([(at, "out") for at in landfalls] + [(at, "start") for at in starts])
    kinds = [kind for _, kind in round_the_box]
    if any(one == other for one, other in pairwise([*kinds, *kinds[:1]])):
        raise BrokenCoast(f"the coasts near {_say(shores[0][0])} disagree about where the water is")


def _clockwise(point: Point, bounds: Box) -> float:
    """How far round the box a point of its edge is: 0 in the south-west, 1 north-west, 2 north-east, 3 south-east."""
    west, south, east, north = bounds
    x, y = point
    if x == west:
        return (y - south) / (north - south)
    if y == north:
        return 1 + (x - west) / (east - west)
    if x == east:
        return 2 + (north - y) / (north - south)
    return 3 + (east - x) / (east - west)


def _corners(here: float, there: float, bounds: Box) -> list[Point]:
    """The box's corners on the way round from one place of its edge to another."""
    west, south, east, north = bounds
    corners = [(west, south), (west, north), (east, north), (east, south)]
    far = there if there >= here else there + 4
    return [corners[number % 4] for number in range(int(here) + 1, int(far) + 1)]


def _say(point: Point) -> str:
    return f"{point[1]:.5f}, {point[0]:.5f}"
