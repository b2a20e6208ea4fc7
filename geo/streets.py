"""Travel along real streets, in process: all candidates to one pickup in a single Dijkstra.

Ways are counted between the nearest points of the streets; the few meters from a door to its street are not,
as OSRM does it. Drivers keep to turn restrictions and lose time turning. The hour of the day is not known here:
`calibration.py` is laid over these times.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby, pairwise
from math import isnan

import numpy as np
from numpy.typing import NDArray

from geo.network import Ends, Network, read
from geo.planes import Plane
from geo.points import LatLng
from geo.snapping import Snap, Snapper, Snaps, lines
from geo.streetarrays import StreetArrays
from geo.travel import Profile, Route, Travel
from geo.units import Meters, Seconds
from geo.zones import Zone

__all__ = ["Profile", "Route", "Snap", "StreetArrays", "StreetGraph", "Travel"]

SOURCE = "streets"
SNAP_WITHIN_M = 2_000.0  # farther from any street is off the map: unreachable, not a long walk
_DRAWS, _ROUNDS = 256, 64  # for a place inside a zone: a zone with 1/5,000 of the streets is still found

Stretch = tuple[int, float, float]  # an edge, from this share of it to that one


class StreetGraph:
    """A city's streets for every profile that has any. Immutable; safe to share between threads."""

    def __init__(self, streets: StreetArrays) -> None:
        """ValueError without junctions."""
        if not len(streets.node_lat):
            raise ValueError("a city without streets")
        self.version = streets.version
        self._streets = streets
        self._plane = Plane(LatLng(float(streets.node_lat.mean()), float(streets.node_lon.mean())))
        self._networks: dict[Profile, Network] = {}
        for profile in Profile:
            with suppress(LookupError):
                self._networks[profile] = Network(streets, profile, self._plane)
        named = np.flatnonzero(streets.edge_name > 0)
        self._named = Snapper(streets, named, self._plane) if len(named) else None

    def knows(self, profile: Profile) -> bool:
        """Whether there is any street for the profile; every other question raises LookupError where not."""
        return profile in self._networks

    def size(self, profile: Profile) -> tuple[int, int]:
        """How many junctions and directed edges the profile can use."""
        network = self._network(profile)
        return len(network.junctions), int(np.isfinite(network.weight).sum())

    def corners(self, profile: Profile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lat and lon of every corner of the profile's streets: a city's outline goes around them."""
        network, streets = self._network(profile), self._streets
        edges = np.flatnonzero(np.isfinite(network.weight))
        return self._plane.to_lat_lon(lines(streets, edges, self._plane)[0])

    def snap(self, p: LatLng, profile: Profile = Profile.DRIVE) -> Snap:
        """The nearest place on a street of the profile, however far."""
        at = self._network(profile).snapper.snap([p.lat], [p.lon])
        edge, share = int(at.edge[0]), float(at.share[0])
        node = self._streets.edge_from[edge] if share < 0.5 else self._streets.edge_to[edge]
        return Snap(int(node), float(at.offset_m[0]), _place(at), edge, share)

    def to_one(
        self,
        origins: Sequence[LatLng],
        destination: LatLng,
        profile: Profile = Profile.DRIVE,
        limit_s: float | None = None,
    ) -> Travel:
        """From each origin to one destination, as fast for 500 as for one; inf beyond `limit_s` (s)."""
        network = self._network(profile)
        many, one = _snap(network, origins), _snap(network, [destination])
        near = network.spread(network.backward, network.arrivals(one), limit_s)
        return _travel(near, network.departures(many), network.along(many, one), (many, one), limit_s)

    def from_one(
        self,
        origin: LatLng,
        destinations: Sequence[LatLng],
        profile: Profile = Profile.DRIVE,
        limit_s: float | None = None,
    ) -> Travel:
        """From one origin to each destination."""
        network = self._network(profile)
        one, many = _snap(network, [origin]), _snap(network, destinations)
        near = network.spread(network.forward, network.departures(one), limit_s)
        return _travel(near, network.arrivals(many), network.along(one, many), (many, one), limit_s)

    def route(self, origin: LatLng, destination: LatLng, profile: Profile = Profile.DRIVE) -> Route | None:
        """The fastest way along the streets; None if either place is off the map."""
        network = self._network(profile)
        a, b = _snap(network, [origin]), _snap(network, [destination])
        if max(a.offset_m[0], b.offset_m[0]) > SNAP_WITHIN_M:
            return None
        weight, edges, out, into = network.path(network.departures(a), network.arrivals(b))
        stay = float(network.along(a, b)[0])
        if stay <= weight:
            stretches = [self._stretch(int(a.edge[0]), float(a.share[0]), float(b.share[0]))]
            weight = stay
        else:
            begin, end = float(a.share[0]), float(b.share[0])
            stretches = [
                self._stretch(int(a.edge[0]), begin, begin if isnan(out) else out),
                *((edge, 0.0, 1.0) for edge in edges),
                self._stretch(int(b.edge[0]), end if isnan(into) else into, end),
            ]
        seconds, meters = read(np.array([weight]))
        return Route(
            points=tuple(self._draw(stretches)),
            meters=Meters(float(meters[0])),
            seconds=Seconds(float(seconds[0])),
            source=SOURCE,
            names=tuple(self._names(stretches)),
        )

    def address(self, p: LatLng) -> str:
        """The name of the nearest street that has one; "" off the map."""
        if self._named is None:
            return ""
        at = self._named.snap([p.lat], [p.lon])
        return self._name(int(at.edge[0])) if at.offset_m[0] <= SNAP_WITHIN_M else ""

    def random_point(
        self,
        rng: np.random.Generator,
        profile: Profile = Profile.DRIVE,
        within: Zone | None = None,
    ) -> LatLng:
        """A place on a street, each meter as likely. LookupError if the zone holds next to no street."""
        snapper = self._network(profile).snapper
        if within is None:
            return _place(snapper.anywhere(rng, 1))
        for _ in range(_ROUNDS):
            drawn = snapper.anywhere(rng, _DRAWS)
            inside = np.flatnonzero(within.contains_many(drawn.lat, drawn.lon))
            if len(inside):
                return LatLng(float(drawn.lat[inside[0]]), float(drawn.lon[inside[0]]))
        raise LookupError(f"no street to {profile} on in zone {within.slug}")

    def _network(self, profile: Profile) -> Network:
        network = self._networks.get(profile)
        if network is None:
            raise LookupError(f"the map has no street to {profile} on")
        return network

    def _stretch(self, edge: int, start: float, end: float) -> Stretch:
        """Against an edge's direction one is on its twin."""
        if start <= end:
            return edge, start, end
        return int(self._streets.edge_twin[edge]), 1 - start, 1 - end

    def _draw(self, stretches: Iterable[Stretch]) -> list[LatLng]:
        stretches = list(stretches)
        xy, start_of = lines(self._streets, np.array([edge for edge, _, _ in stretches]), self._plane)
        corners = [
            _cut(line, start, end) if end - start < 1 else line
            for line, (_, start, end) in zip(np.split(xy, start_of[1:-1]), stretches, strict=True)
        ]
        points = self._plane.points(np.concatenate(corners))
        kept = [points[0], *(b for a, b in pairwise(points) if a != b)]
        return kept if len(kept) > 1 else kept * 2

    def _names(self, stretches: Iterable[Stretch]) -> list[str]:
        driven = (self._name(edge) for edge, start, end in stretches if start < end)
        return [name for name, _ in groupby(filter(None, driven))]

    def _name(self, edge: int) -> str:
        return self._streets.names[int(self._streets.edge_name[edge])]


def _snap(network: Network, places: Sequence[LatLng]) -> Snaps:
    return network.snapper.snap([p.lat for p in places], [p.lon for p in places])


def _place(at: Snaps) -> LatLng:
    return LatLng(float(at.lat[0]), float(at.lon[0]))


def _travel(
    near: NDArray[np.float64],
    ends: Ends,
    along: NDArray[np.float64],
    snaps: tuple[Snaps, Snaps],
    limit_s: float | None,
) -> Travel:
    """`near` is the one place's weight to or from each stand; `ends` and `along` are the many's."""
    best = np.minimum((near[ends.stand] + ends.weight).min(axis=1), along)
    many, one = snaps
    best[(many.offset_m > SNAP_WITHIN_M) | (one.offset_m > SNAP_WITHIN_M)] = np.inf
    seconds, meters = read(best)
    if limit_s is not None:
        meters[seconds > limit_s] = seconds[seconds > limit_s] = np.inf
    return Travel(seconds.astype(np.float32), meters.astype(np.float32), SOURCE)


def _cut(xy: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
    """The part of a line between two shares of its length."""
    step = np.diff(xy, axis=0)
    along = np.concatenate(([0.0], np.cumsum(np.hypot(step[:, 0], step[:, 1]))))
    ends = np.array([start, end]) * along[-1]
    inside = xy[(along > ends[0]) & (along < ends[1])]
    tips = np.column_stack([np.interp(ends, along, xy[:, i]) for i in range(2)])
    return np.concatenate((tips[:1], inside, tips[1:]))
