"""What turning costs, in a graph that stays nearly as small as one without turns.

Turns cost what OSRM's car profile says (car.lua `process_turn`): a sigmoid of the angle up to 7.5 s, and up to 2 s
more across oncoming traffic. A graph whose nodes are the streets one comes from would hold every one of them, and
be two to four times as large. Here a junction is a few *stands*: streets whose turns cost the same, but for a part
that belongs to the street one comes from (`in`) and a part that belongs to the street one takes (`out`).

- Up to three arms make one stand: `in + out` misses only one of six costs' degrees of freedom.
- More arms make two, one for each axis: going straight on and turning off are told apart.
- A street from which something is banned (`StreetArrays.bans`) makes a stand of its own, and so does each step
  of a ban through via ways.

The parts are fitted by least squares, closest where one goes straight on. Bans are exact. At a junction next to a
restricted one nobody turns around unless the street ends there: that would be the restriction's way around.
Elsewhere turning around is not forbidden, and gains next to nothing. Traffic is taken to drive on the right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.osmtags import URBAN_DELAY
from geo.planes import Plane
from geo.restrictions import Banned
from geo.snapping import lines
from geo.streetarrays import StreetArrays

TURN_S, ONCOMING_S, U_TURN_S = 7.5, 2.0, 20.0  # free-flow s: car.lua `turn_penalty` and the two after it
_BIAS = 1.075  # car.lua `turn_bias`: turning right is a little easier
_SIGHT_M = 15.0  # a street's direction at a junction is its first meters', not its first corner's
_SPOILT_S = 0.5  # a fit that pays more for turning around is not used
_FITS = 24  # rounds of fitting one part to the other; twice as many change nothing by 0.01 s

Edges = NDArray[np.int64]
Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stands:
    """Arc `i` takes edge `edge[i]` from stand `start[i]` to stand `end[i]`.

    It costs `out_s[i]`, the edge's own seconds, and `in_s[edge[i]]`. One who began on an edge stands at
    `after[edge]` at its end (-1: no edge of these).
    """

    junction: Edges  # of each stand
    start: Edges
    edge: Edges
    end: Edges
    out_s: Seconds
    in_s: Seconds  # by edge
    after: Edges  # by edge


def plain_stands(streets: StreetArrays, edges: Edges) -> Stands:
    """A stand a junction; every turn is free and allowed."""
    junction, end = np.unique(streets.edge_to[edges].astype(np.int64), return_inverse=True)
    stand_at = np.full(len(streets.node_lat), -1)
    stand_at[junction] = np.arange(len(junction))
    start, after = stand_at[streets.edge_from[edges]], np.full(len(streets.edge_m), -1)
    after[edges] = end
    free, begun = np.zeros(len(streets.edge_m)), start >= 0  # nobody arrives where the others begin
    return Stands(junction, start[begun], edges[begun], end[begun], free[edges[begun]], free, after)


def driven_stands(streets: StreetArrays, edges: Edges, plane: Plane) -> Stands:
    """The stands of a car on `edges`: turns cost what they cost, and the bans hold."""
    if not len(edges):
        return plain_stands(streets, edges)
    bans = _held(streets, edges)
    into, out = _turns(streets, edges)
    cost = _turn_seconds(streets, edges, into, out, plane) * URBAN_DELAY
    alone = np.array(sorted({edge for ban in bans for edge in ban[:-1]}), np.int64)
    after, (in_s, cell, out_s) = _fit(streets, edges, plane, alone, (into, out, cost))
    while len(more := _gains_by_turning_around(streets, edges, after, in_s, cell, out_s)):
        alone = np.append(alone, more)
        after, (in_s, cell, out_s) = _fit(streets, edges, plane, alone, (into, out, cost))
    start, edge = np.divmod(cell, len(streets.edge_m))
    junction = np.zeros(int(after.max()) + 1, np.int64)
    junction[after[edges]] = streets.edge_to[edges]
    out_s = np.maximum(out_s, -streets.edge_s_drive[edge])  # a stand's cheap street must not take time back
    stands = Stands(junction, start, edge, after[edge], out_s, in_s, after)
    at = np.isin(into, alone)
    rows = zip(into[at].tolist(), out[at].tolist(), cost[at].tolist(), strict=True)
    return _with_bans(stands, bans, {(i, o): seconds for i, o, seconds in rows})


def _held(streets: StreetArrays, edges: Edges) -> list[Banned]:
    """The bans on these edges, and those on turning around next to a restricted junction."""
    here = set(edges.tolist())
    bans = {ban for ban in streets.bans() if here.issuperset(ban)}
    restricted = {int(streets.edge_from[edge]) for ban in bans for edge in ban[1:]}
    exits = np.bincount(streets.edge_from[edges], minlength=len(streets.node_lat))
    for edge in edges[np.isin(streets.edge_from[edges], sorted(restricted))].tolist():
        twin = int(streets.edge_twin[edge])
        if twin in here and exits[streets.edge_to[edge]] > 1:
            bans.add((edge, twin))
    return sorted(bans)


def _turns(streets: StreetArrays, edges: Edges) -> tuple[Edges, Edges]:
    """Every pair of edges of which the second begins where the first ends."""
    by_start = edges[np.argsort(streets.edge_from[edges], kind="stable")]
    starts = streets.edge_from[by_start]
    first = np.searchsorted(starts, streets.edge_to[edges], side="left")
    count = np.searchsorted(starts, streets.edge_to[edges], side="right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(edges, count), by_start[np.repeat(first, count) + within]


def _turn_seconds(streets: StreetArrays, edges: Edges, into: Edges, out: Edges, plane: Plane) -> Seconds:
    """Free-flow seconds of each turn. Where no third street meets there is no turn, however the road bends."""
    coming, going = _headings(streets, edges, plane)
    right = (going[out] - coming[into] + 540.0) % 360.0 - 180.0  # degrees; to the left is negative
    bias = np.where(right >= 0, _BIAS, 1 / _BIAS)
    sharp = np.abs(right) / 180
    turning = TURN_S / (1 + np.exp(-(13 / bias * sharp - 6.5 * bias)))
    oncoming = np.where(right < 0, ONCOMING_S / (1 + np.exp(-(13 * sharp - 3.25))), 0.0)
    around = streets.edge_twin[into] == out
    crossed = _arms(streets, edges)[streets.edge_to[into]] > 2
    return np.where(around, TURN_S + U_TURN_S, np.where(crossed, turning + oncoming, 0.0))


def _arms(streets: StreetArrays, edges: Edges) -> Edges:
    """How many streets meet at each junction: a two-way street is one arm, whatever its edges."""
    given = np.zeros(len(streets.edge_m) + 1, np.bool_)
    given[edges] = True
    one_way = edges[~given[streets.edge_twin[edges]]]
    count = np.bincount(streets.edge_from[edges], minlength=len(streets.node_lat))
    return count + np.bincount(streets.edge_to[one_way], minlength=len(streets.node_lat))


def _headings(streets: StreetArrays, edges: Edges, plane: Plane) -> tuple[Seconds, Seconds]:
    """Degrees clockwise from north in which each edge arrives and sets off; 0 of edges not given."""
    xy, start = lines(streets, edges, plane)
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))))
    first, last = start[:-1], start[1:] - 1
    found = []
    for tip, sign in ((last, -1), (first, 1)):
        seen = np.clip(along[tip] + sign * _SIGHT_M, along[first], along[last])
        dx, dy = (sign * (np.interp(seen, along, xy[:, i]) - xy[tip, i]) for i in range(2))
        heading = np.zeros(len(streets.edge_m))
        heading[edges] = np.degrees(np.arctan2(dx, dy))
        found.append(heading)
    return found[0], found[1]


def _grouped(streets: StreetArrays, edges: Edges, plane: Plane, alone: Edges) -> Edges:
    """The stand at each edge's end, numbered from 0 in the order of junctions; -1 of edges not given."""
    coming = _headings(streets, edges, plane)[0][edges]
    junction = streets.edge_to[edges].astype(np.int64)
    _, first, at = np.unique(junction, return_index=True, return_inverse=True)
    off_axis = np.abs((coming - coming[first][at] + 90.0) % 180.0 - 90.0)
    crossing = (_arms(streets, edges)[junction] > 3) & (off_axis > 45.0)
    group = np.where(np.isin(edges, alone), 2 + edges, crossing)
    names = junction * (len(streets.edge_m) + 2) + group
    after = np.full(len(streets.edge_m), -1)
    after[edges] = np.unique(names, return_inverse=True)[1]
    return after


def _fit(
    streets: StreetArrays, edges: Edges, plane: Plane, alone: Edges, turns: tuple[Edges, Edges, Seconds]
) -> tuple[Edges, tuple[Seconds, Edges, Seconds]]:
    """The stand after each edge, and what `_fitted` makes of the turns; `alone` are edges with stands of their own."""
    into, out, cost = turns
    after = _grouped(streets, edges, plane, alone)
    fit = _needed(streets, after, into, out)
    return after, _fitted(after, into[fit], out[fit], cost[fit])


def _gains_by_turning_around(
    streets: StreetArrays, edges: Edges, after: Edges, in_s: Seconds, cell: Edges, out_s: Seconds
) -> Edges:
    """The edges at whose end the fit would pay for turning around, where streets that differ share a stand."""
    both = edges[np.isin(streets.edge_twin[edges], edges)]
    key = after[both] * len(after) + streets.edge_twin[both]
    found = np.minimum(np.searchsorted(cell, key), len(cell) - 1)
    shared = np.bincount(after[edges])[after[both]] > 1
    return np.asarray(
        both[shared & (cell[found] == key) & (in_s[both] + out_s[found] < -_SPOILT_S)], np.int64
    )


def _needed(streets: StreetArrays, after: Edges, into: Edges, out: Edges) -> NDArray[np.bool_]:
    """Which turns a stand's costs are fitted to: turning around only where no other of its streets goes there."""
    around = streets.edge_twin[into] == out
    cell = after[into] * len(streets.edge_m) + out
    return np.asarray(~around | ~np.isin(cell, cell[~around]))


def _fitted(after: Edges, into: Edges, out: Edges, cost: Seconds) -> tuple[Seconds, Edges, Seconds]:
    """`in` by edge, the cells (stand times the number of edges, plus the edge taken), and `out` by cell."""
    size = len(after)
    cell, of = np.unique(after[into] * size + out, return_inverse=True)
    trust = 1 / (0.5 + cost) ** 2  # going straight on is the commonest and the cheapest: it is fitted closest
    sum_in, sum_out = np.bincount(into, trust, minlength=size), np.bincount(of, trust)
    sum_in[sum_in == 0] = 1.0
    in_s, out_s = np.zeros(size), np.zeros(len(cell))
    for _ in range(_FITS):
        in_s = np.bincount(into, trust * (cost - out_s[of]), minlength=size) / sum_in
        out_s = np.bincount(of, trust * (cost - in_s[into])) / sum_out
    least = np.full(int(after.max()) + 1, np.inf)
    np.minimum.at(least, after[into], in_s[into])
    in_s[into] -= least[after[into]]
    return in_s, cell, out_s + least[cell // size]


def _with_bans(stands: Stands, bans: list[Banned], cost: dict[tuple[int, int], float]) -> Stands:
    """The same without the turns banned, and with a stand for each step on the way to a ban's last turn."""
    steps = sorted({ban[:i] for ban in bans for i in range(2, len(ban))})
    stand_of = {step: len(stands.junction) + i for i, step in enumerate(steps)}
    forbidden = set(bans)
    alone = {edge: int(stands.after[edge]) for ban in bans for edge in ban[:-1]}
    plain = ~np.isin(stands.start, list(alone.values()))
    arcs: list[tuple[int, int, int, float]] = []
    places: list[tuple[Banned, int]] = [((edge,), stand) for edge, stand in sorted(alone.items())]
    for driven, stand in [*places, *stand_of.items()]:
        first, last = np.searchsorted(stands.start, [alone[driven[-1]], alone[driven[-1]] + 1])
        for edge in stands.edge[first:last].tolist():
            now = [(*driven, edge)[i:] for i in range(len(driven))]
            if forbidden.isdisjoint(now):
                step = next((tail for tail in now if tail in stand_of), None)
                to = int(stands.after[edge]) if step is None else stand_of[step]
                out_s = cost[driven[-1], edge] - float(stands.in_s[driven[-1]])
                arcs.append((stand, edge, to, out_s))
    table = np.array(arcs, np.float64).reshape(-1, 4)  # edge numbers are whole in a float64
    starts, taken, to_stands = (table[:, i].astype(np.int64) for i in range(3))
    ends = [stands.junction[stands.after[step[-1]]] for step in steps]
    return Stands(
        np.concatenate((stands.junction, np.array(ends, np.int64))),
        np.concatenate((stands.start[plain], starts)),
        np.concatenate((stands.edge[plain], taken)),
        np.concatenate((stands.end[plain], to_stands)),
        np.concatenate((stands.out_s[plain], table[:, 3])),
        stands.in_s,
        stands.after,
    )
