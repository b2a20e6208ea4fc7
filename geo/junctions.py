"""From mapped ways to a graph of junctions: cut where streets meet, join where a way merely changes hands."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain, count, pairwise
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from geo.osmtags import CYCLE_KMH, KMH, WALK_KMH, Street, Wait
from geo.points import crow_pairs_m
from geo.restrictions import Banned, DirectedEdge, Restriction, Turns
from geo.streetarrays import StreetArrays

_ROUND_THE_BOLLARD = Street(
    "", drive=(inf, inf), walk=(1 / (WALK_KMH * KMH),) * 2, cycle=(1 / (CYCLE_KMH * KMH),) * 2
)


@dataclass(frozen=True, slots=True)
class Way:
    """A street's line through numbered nodes (two or more), in the direction it was drawn.

    `ids` are the mapped ways that its first and its last step belong to.
    """

    nodes: Sequence[int]
    street: Street
    ids: tuple[int, int] = (0, 0)


def to_junctions(
    ways: Iterable[Way],
    places: Mapping[int, tuple[float, float]],
    closed_to_cars: AbstractSet[int] = frozenset(),
    *,
    waits: Mapping[int, Wait] | None = None,
    restrictions: Sequence[Restriction] = (),
) -> StreetArrays:
    """The street graph of the ways; `places` gives each node's (lat, lon), `closed_to_cars` are bollards on
    the way, `waits` what stops drivers for a moment.

    Same ways in the same order, same arrays.
    """
    where, ways = dict(places), list(ways)
    kept = _ends_of(ways, restrictions)
    lines = _cut_at_junctions(_split_at_bollards(ways, where, closed_to_cars), kept)
    lines = list(chain.from_iterable(_open_loop(line) for line in _join(lines, kept)))
    return _arrays(lines, where, _slow_steps(ways, waits or {}), restrictions)


def _ends_of(ways: Iterable[Way], restrictions: Sequence[Restriction]) -> set[int]:
    """The nodes where restrictions begin and end: junctions, whatever else meets there."""
    via = {way for one in restrictions for way in one.via_ways}
    ends = {node for way in ways if via & {*way.ids} for node in (way.nodes[0], way.nodes[-1])}
    return ends | {one.via_node for one in restrictions if one.via_node is not None}


def _slow_steps(ways: Iterable[Way], waits: Mapping[int, Wait]) -> dict[tuple[int, int], float]:
    """The seconds lost at the end of a step from one node to the next."""
    slow = {}
    for way in ways:
        for i, node in enumerate(way.nodes):
            wait = waits.get(node)
            if wait is None:
                continue
            if i > 0 and wait.with_it:
                slow[way.nodes[i - 1], node] = wait.seconds
            if i < len(way.nodes) - 1 and wait.against:
                slow[way.nodes[i + 1], node] = wait.seconds
    return slow


def _split_at_bollards(
    ways: Iterable[Way], where: dict[int, tuple[float, float]], closed: AbstractSet[int]
) -> list[Way]:
    """A bollard inside a way becomes two nodes at one place, joined for walkers and cyclists only."""
    fresh, out = count(min(where, default=0) - 1, -1), list[Way]()
    for way in ways:
        start = 0
        nodes = list(way.nodes)
        for i in range(1, len(nodes) - 1):
            if nodes[i] in closed:
                out.append(replace(way, nodes=nodes[start : i + 1]))
                twin = next(fresh)
                where[twin] = where[nodes[i]]
                out.append(Way([nodes[i], twin], _ROUND_THE_BOLLARD))
                nodes[i], start = twin, i
        out.append(replace(way, nodes=nodes[start:]))
    return out


def _cut_at_junctions(ways: Iterable[Way], kept: AbstractSet[int]) -> list[Way]:
    """No line of the answer has another line's node inside, or one of `kept`."""
    ways = list(ways)
    arms: Counter[int] = Counter()
    for way in ways:
        arms.update(way.nodes)
        arms.update(way.nodes[1:-1])  # passing through a node takes two arms of it, ending there one
    out = []
    for way in ways:
        start = 0
        for i in range(1, len(way.nodes)):
            if i == len(way.nodes) - 1 or arms[way.nodes[i]] > 2 or way.nodes[i] in kept:
                out.append(replace(way, nodes=way.nodes[start : i + 1]))
                start = i
    return out


def _join(lines: list[Way], kept: AbstractSet[int]) -> list[Way]:
    """Where exactly two lines meet, not at one of `kept`, and are the same street, they become one."""
    whole: dict[int, Way] = dict(enumerate(lines))
    ends: dict[int, list[int]] = {}
    for i, line in whole.items():
        ends.setdefault(line.nodes[0], []).append(i)
        ends.setdefault(line.nodes[-1], []).append(i)
    for node, meeting in ends.items():
        if len(meeting) != 2 or meeting[0] == meeting[1] or node in kept:
            continue
        a, b = meeting
        first = whole[a] if whole[a].nodes[-1] == node else _reversed(whole[a])
        second = whole[b] if whole[b].nodes[0] == node else _reversed(whole[b])
        if first.street != second.street:
            continue
        whole[a] = Way([*first.nodes, *second.nodes[1:]], first.street, (first.ids[0], second.ids[1]))
        del whole[b]
        far = ends[second.nodes[-1]]
        far[far.index(b)] = a
    return list(whole.values())


def _reversed(way: Way) -> Way:
    street = way.street
    turned = replace(street, drive=street.drive[::-1], walk=street.walk[::-1], cycle=street.cycle[::-1])
    return Way(way.nodes[::-1], turned, way.ids[::-1])


def _open_loop(line: Way) -> list[Way]:
    """An edge leads somewhere else: a line that ends where it began is cut in the middle."""
    if line.nodes[0] != line.nodes[-1]:
        return [line]
    middle = len(line.nodes) // 2
    halves = (line.nodes[: middle + 1], line.nodes[middle:])
    return [replace(line, nodes=half) for half in halves if half[0] != half[-1]]


def _arrays(
    lines: list[Way],
    where: Mapping[int, tuple[float, float]],
    slow: Mapping[tuple[int, int], float],
    restrictions: Sequence[Restriction],
) -> StreetArrays:
    junctions: dict[int, int] = {}
    names: dict[str, int] = {"": 0}
    rows: list[tuple[int, int, int, int, float, float, float]] = []  # from, to, twin, name, seconds a meter
    shapes: list[Sequence[int]] = []  # node ids strictly inside the edge
    lost: list[float] = []  # s at lights and the like
    mapped: list[DirectedEdge] = []
    for line in lines:
        a, b = (junctions.setdefault(node, len(junctions)) for node in (line.nodes[0], line.nodes[-1]))
        name = names.setdefault(line.street.name, len(names))
        paces = list(zip(line.street.drive, line.street.walk, line.street.cycle, strict=True))
        both = all(isfinite(min(pace)) for pace in paces)
        for start, end, pace, way in ((a, b, paces[0], line), (b, a, paces[1], _reversed(line))):
            if isfinite(min(pace)):
                here = len(rows)
                twin = -1 if not both else here + 1 if start == a else here - 1
                rows.append((start, end, twin, name, *pace))
                shapes.append(way.nodes[1:-1])
                lost.append(sum(slow.get(step, 0.0) for step in pairwise(way.nodes)))
                mapped.append(DirectedEdge(way.nodes[0], way.nodes[-1], *way.ids))
    columns = list(zip(*rows, strict=True)) or [()] * 7
    start_of = np.concatenate(([0], np.cumsum([len(shape) for shape in shapes], dtype=np.int64)))
    inner = np.array([where[node] for shape in shapes for node in shape], np.float64).reshape(-1, 2)
    at = np.array([where[node] for node in junctions], np.float64).reshape(-1, 2)
    froms, tos = np.array(columns[0], np.int32), np.array(columns[1], np.int32)
    meters = _lengths(at[froms], at[tos], inner, start_of)
    drive, walk, cycle = (np.array(pace, np.float64) for pace in columns[4:])
    bans = _bans(restrictions, Turns(mapped, columns[2]), set(np.flatnonzero(np.isinf(drive)).tolist()))
    return StreetArrays(
        node_lat=at[:, 0].copy(),
        node_lon=at[:, 1].copy(),
        edge_from=froms,
        edge_to=tos,
        edge_twin=np.array(columns[2], np.int32),
        edge_m=meters.astype(np.float32),
        edge_s_drive=_seconds(meters, drive) + np.array(lost, np.float32),
        edge_s_walk=_seconds(meters, walk),
        edge_s_cycle=_seconds(meters, cycle),
        edge_name=np.array(columns[3], np.int32),
        edge_geom_start=start_of.astype(np.int32),
        geom_lat=inner[:, 0].copy(),
        geom_lon=inner[:, 1].copy(),
        ban_start=np.cumsum([0, *map(len, bans)]).astype(np.int32),
        ban_edge=np.array(list(chain.from_iterable(bans)), np.int32),
        names=tuple(names),
    )


def _bans(restrictions: Sequence[Restriction], turns: Turns, closed: AbstractSet[int]) -> list[Banned]:
    return sorted({ban for one in restrictions for ban in turns.banned(one, closed)})


def _seconds(meters: NDArray[np.float64], pace: NDArray[np.float64]) -> NDArray[np.float32]:
    closed = np.isinf(pace)
    return np.where(closed, np.inf, meters * np.where(closed, 0.0, pace)).astype(np.float32)


def _lengths(
    first: NDArray[np.float64],
    last: NDArray[np.float64],
    inner: NDArray[np.float64],
    start_of: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Meters of each edge along `first`, its part of `inner`, `last` (lat, lon rows)."""
    corners = np.diff(start_of) + 2
    begin = np.cumsum(corners) - corners
    line = np.empty((int(corners.sum()), 2))
    inside = np.ones(len(line), np.bool_)
    inside[begin] = inside[begin + corners - 1] = False
    line[begin], line[begin + corners - 1], line[inside] = first, last, inner
    steps = np.zeros(len(line))
    steps[:-1] = crow_pairs_m(line[:-1, 0], line[:-1, 1], line[1:, 0], line[1:, 1])
    steps[begin + corners - 1] = 0.0  # from one edge's end to the next one's start
    return np.add.reduceat(steps, begin) if len(begin) else np.empty(0)
