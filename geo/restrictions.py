"""Turns one may not take: OpenStreetMap's `type=restriction` relations, as sequences of edges nobody drives.

https://wiki.openstreetmap.org/wiki/Relation:restriction. A `no_*` forbids one way through its via; an `only_*`
forbids every other one. The via is a node or one way or more. Left out, and driven as if they were not there:
restrictions for some hours or some vehicles only (`restriction:conditional`, `hour_on`, `except=motorcar`), and
those whose members do not meet, or meet more than once.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product

CAR_KEYS = ("restriction:motorcar", "restriction:motor_vehicle", "restriction")  # most specific first
CARS = {"motorcar", "motor_vehicle", "vehicle"}
FOR_SOME_HOURS = ("day_on", "day_off", "hour_on", "hour_off")
VIA_AT_MOST = 20  # edges along the via ways: longer ones are slips of the mapper

Banned = tuple[int, ...]  # edges that are not driven one after another: two, or more through via ways


@dataclass(frozen=True, slots=True)
class Member:
    """What a relation names: `kind` is "n" or "w", `ref` the node's or the way's number."""

    role: str
    kind: str
    ref: int


@dataclass(frozen=True, slots=True)
class Restriction:
    """From one way through a via to another way: never, or nothing else (`only`)."""

    only: bool
    u_turn: bool
    from_way: int
    to_way: int
    via_node: int | None
    via_ways: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectedEdge:
    """An edge in the map's numbers: its junctions, and the ways its first and its last step belong to."""

    start: int
    end: int
    first_way: int
    last_way: int


def restrictions_of(tags: Mapping[str, str], members: Sequence[Member]) -> list[Restriction]:
    """What a relation forbids a car at any hour; usually one, none when it is none, several of `no_entry`."""
    kind = next((tags[key] for key in CAR_KEYS if key in tags), "")
    only, turn = kind.startswith("only_"), kind.removeprefix("no_").removeprefix("only_")
    excepted = {word.strip() for word in tags.get("except", "").split(";")}
    if tags.get("type") != "restriction" or turn == kind or CARS & excepted:
        return []
    if any(key in tags for key in FOR_SOME_HOURS):
        return []
    role = {
        name: [one for one in members if one.role == name and one.kind in kinds]
        for name, kinds in (("from", "w"), ("to", "w"), ("via", "nw"))
    }
    nodes = [one.ref for one in role["via"] if one.kind == "n"]
    ways = tuple(one.ref for one in role["via"] if one.kind == "w")
    if len(nodes) + bool(ways) != 1:
        return []
    node = nodes[0] if nodes else None
    return [
        Restriction(only, turn == "u_turn", begin.ref, to.ref, node, ways)
        for begin, to in product(role["from"], role["to"])
    ]


class Turns:
    """The edges of a map by where they begin and end: what finds the edges a restriction speaks of."""

    def __init__(self, edges: Sequence[DirectedEdge], twins: Sequence[int]) -> None:
        """`twins` as in `StreetArrays.edge_twin`."""
        self._edges, self._twins = edges, twins
        self._into: dict[tuple[int, int], list[int]] = {}
        self._out_of: dict[int, list[int]] = {}
        self._last: dict[int, list[int]] = {}
        for number, edge in enumerate(edges):
            self._into.setdefault((edge.end, edge.last_way), []).append(number)
            self._out_of.setdefault(edge.start, []).append(number)
            self._last.setdefault(edge.last_way, []).append(number)

    def banned(self, restriction: Restriction, closed: AbstractSet[int]) -> Iterator[Banned]:
        """The sequences a restriction takes away; none where its members meet twice, or on `closed` edges only."""
        chains = [chain for chain in self._chains(restriction) if closed.isdisjoint(chain)]
        if restriction.u_turn and restriction.from_way == restriction.to_way:
            chains = [chain for chain in chains if chain[1] == self._twins[chain[0]]]
        elif len(chains) != 1:
            return
        for *before, to in chains:
            if not restriction.only:
                yield *before, to
                continue
            yield from ((*before, other) for other in self._out_of[self._edges[to].start] if other != to)

    def _chains(self, restriction: Restriction) -> Iterator[Banned]:
        """Every way of driving what the relation names, from, via and to."""
        if restriction.via_node is not None:
            for begin in self._into.get((restriction.via_node, restriction.from_way), []):
                for to in self._onto(restriction.via_node, restriction.to_way):
                    yield begin, to
            return
        for begin in self._last.get(restriction.from_way, []):
            yield from self._along([begin], list(restriction.via_ways), restriction.to_way)

    def _along(self, driven: list[int], via: list[int], to_way: int) -> Iterator[Banned]:
        """On from what is driven, over the ways of `via` in order, until one may turn into `to_way`."""
        here = self._edges[driven[-1]]
        if len(driven) > 1 and len(via) == 1 and (turns := self._onto(here.end, to_way)):
            yield from ((*driven, to) for to in turns)
            return
        if len(driven) > VIA_AT_MOST:
            return
        on_via = len(driven) > 1
        for ways in (via, via[1:]) if on_via else (via,):
            for step in self._onto(here.end, ways[0]) if ways else ():
                if step != self._twins[driven[-1]] and self._edges[step].last_way == ways[0]:
                    yield from self._along([*driven, step], ways, to_way)

    def _onto(self, node: int, way: int) -> list[int]:
        return [edge for edge in self._out_of.get(node, []) if self._edges[edge].first_way == way]
