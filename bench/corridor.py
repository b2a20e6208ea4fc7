"""`corridor`: who goes that way anyway, of 20,000 routes, by the index and by a scan of every route's samples."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.figures import Outcome, Spread
from geo.corridor import REACH_M, SPACING_M, Corridors, Line, Passing, Trip, bearable, detour_s, samples

SIDE_M: Final = 60_000.0  # of the made-up region
SPEED_MPS: Final = 12.0
WINDING: Final = 1.3  # of a road to the straight line, where a detour is not asked of the streets
BENDS: Final = 12  # corners of a route between its ends
DAY_S: Final = 86_400.0

Say = Callable[[str], None]
Table = NDArray[np.float64]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done."""

    routes: int = 20_000
    queries: int = 400
    scans: int = 60  # of the same queries, by the peer; it is slow
    changes: int = 200  # routes replaced one by one, a look after each


def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Build, look, scan, change; every figure is CPU time of this process."""
    chance = np.random.default_rng(seed)
    lines = _routes(chance, sizes.routes)
    trips = _trips(chance, sizes.queries)
    index, build_s = _timed(lambda: _looked_at(Corridors(lines), trips[0]))
    say(f"{sizes.routes} routes built in {build_s:.2f} s")
    found, look_s = _each(index.passing, trips)
    borne, bear_s = _each(lambda trip: _bearable(index.passing(trip), trip), trips)
    scan = Scan(lines)
    scanned, scan_s = _each(scan.passing, trips[: sizes.scans])
    sound = all(one.ids == ids for one, ids in zip(found, scanned, strict=False))
    say(f"a look {1e3 * float(np.median(look_s)):.3f} ms, a scan {1e3 * float(np.median(scan_s)):.1f} ms")
    replaced = _routes(chance, sizes.changes)
    change_s = [_timed(partial(_changed, index, line, trips[0]))[1] for line in replaced]
    anew = Corridors([*replaced, *lines[len(replaced) :]])
    sound = sound and all(index.passing(trip).ids == anew.passing(trip).ids for trip in trips[: sizes.scans])
    passing = [len(one.ids) for one in found]
    return Outcome(
        name="corridor",
        measures="routes that pass near a pickup and then near a drop, windows overlapping; CPU",
        peer="a scan in numpy of every sample of every route",
        sizes={"routes": sizes.routes, "samples": len(scan.along), "queries": sizes.queries},
        figures={
            "build_s": build_s,
            "look_ms": Spread.of([1e3 * s for s in look_s]),
            "look_and_detour_ms": Spread.of([1e3 * s for s in bear_s]),
            "scan_ms": Spread.of([1e3 * s for s in scan_s]),
            "change_and_look_ms": Spread.of([1e3 * s for s in change_s]),
            "passing": Spread.of(passing),
            "within_detour": Spread.of([int(one.sum()) for one in borne]),
        },
        ratios={"scan_to_look": float(np.median(scan_s) / np.median(look_s))},
        notes=[
            "a made-up region of 60 km with five centres",
            "sound: index and scan name the same routes, and so do the changed index and one built anew",
            f"straight lines times {WINDING} for detours: by road they are asked of the streets, for those who pass",
        ],
        sound=sound,
    )


class Scan:
    """The peer: every sample looked at, for every question."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = sorted(lines, key=lambda line: line.id)
        self.xy, self.along, self.row = samples([line.xy for line in self.lines], SPACING_M)
        self.length = np.zeros(len(lines))
        np.maximum.at(self.length, self.row, self.along)

    def passing(self, trip: Trip) -> tuple[str, ...]:
        """The ids of those who pass, in order."""
        first, last = np.full(len(self.lines), np.inf), np.full(len(self.lines), -np.inf)
        boards, leaves = self._near(trip.pickup), self._near(trip.drop)
        np.minimum.at(first, self.row[boards], self.along[boards])
        np.maximum.at(last, self.row[leaves], self.along[leaves])
        named = []
        for row in np.flatnonzero(first <= last).tolist():
            line = self.lines[row]
            to_here = line.seconds * first[row] / self.length[row]
            in_time = line.from_s + to_here <= trip.until_s and line.until_s + to_here >= trip.from_s
            if in_time and line.seats >= trip.seats:
                named.append(line.id)
        return tuple(named)

    def _near(self, place: tuple[float, float]) -> NDArray[np.bool_]:
        away = self.xy - place
        return np.asarray((away * away).sum(axis=1) <= REACH_M * REACH_M, bool)


def _bearable(passing: Passing, trip: Trip) -> NDArray[np.bool_]:
    """Who of them bears the detour, as the crow flies and winding."""
    pickup, drop = np.array(trip.pickup), np.array(trip.drop)
    direct = _drive_s(passing.end - passing.start)
    ride = _drive_s((drop - pickup)[None, :])
    detour = detour_s(_drive_s(passing.start - pickup), ride, _drive_s(passing.end - drop), direct)
    return bearable(detour, direct)


def _drive_s(leg: Table) -> Table:
    return np.hypot(leg[:, 0], leg[:, 1]) * (WINDING / SPEED_MPS)


def _changed(index: Corridors, line: Line, trip: Trip) -> Passing:
    index.put(line)
    return index.passing(trip)


def _looked_at(index: Corridors, trip: Trip) -> Corridors:
    index.passing(trip)  # what a look needs is built now
    return index


def _routes(chance: np.random.Generator, n: int) -> list[Line]:
    """Commutes: from anywhere to near one of five centres, over corners that wander off the straight line."""
    centres = chance.uniform(0.2 * SIDE_M, 0.8 * SIDE_M, (5, 2))
    home = chance.uniform(0, SIDE_M, (n, 2))
    work = centres[chance.integers(0, 5, n)] + chance.normal(0, 4_000, (n, 2))
    share = np.linspace(0, 1, BENDS + 2)[None, :, None]
    bend = chance.normal(0, 600, (n, BENDS + 2, 2))
    bend[:, [0, -1]] = 0.0
    corners = home[:, None] + share * (work - home)[:, None] + bend
    seconds = np.hypot(*np.moveaxis(np.diff(corners, axis=1), 2, 0)).sum(axis=1) / SPEED_MPS
    begin = chance.uniform(0, DAY_S / 4, n)
    seats = chance.integers(1, 4, n)
    return [
        Line(
            f"{k:05}", corners[k], float(seconds[k]), float(begin[k]), float(begin[k]) + 900.0, int(seats[k])
        )
        for k in range(n)
    ]


def _trips(chance: np.random.Generator, n: int) -> list[Trip]:
    """Trips such as other commuters make: from before the middle of their way to after it, met within an hour."""
    ways = _routes(chance, n)
    board, leave = chance.integers(0, BENDS // 2, n), chance.integers(BENDS // 2 + 2, BENDS + 2, n)
    begin = chance.uniform(0, DAY_S / 4, n)
    return [
        Trip(_corner(way, p), _corner(way, q), float(b), float(b) + 3_600.0)
        for way, p, q, b in zip(ways, board.tolist(), leave.tolist(), begin, strict=True)
    ]


def _corner(way: Line, k: int) -> tuple[float, float]:
    x, y = way.xy[k].tolist()
    return x, y


def _each(deed: Callable[[Trip], _T], trips: Sequence[Trip]) -> tuple[list[_T], list[float]]:
    timed = [_timed(partial(deed, trip)) for trip in trips]
    return [answer for answer, _ in timed], [cpu_s for _, cpu_s in timed]


def _timed(deed: Callable[[], _T]) -> tuple[_T, float]:
    began = time.process_time()
    done = deed()
    return done, time.process_time() - began
