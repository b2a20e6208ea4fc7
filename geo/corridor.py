"""Who goes that way anyway: routes as samples along their lines, and the few that pass near two places in order.

Places are meters on a plane (`geo.planes`). "Near" is to a sample of the line, so that a line's samples must lie
closer together than the places are looked around: `SPACING_M` to `REACH_M`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPACING_M = 600.0  # between samples of a line; the 500-800 m of the studies
REACH_M = (
    1_000.0  # a sample within this of a place passes it: no leg of a line comes nearer unnoticed by 50 m
)
MOST_DETOUR_S = 900.0  # a quarter of an hour, or
MOST_DETOUR_SHARE = 0.2  # a fifth of the way, whichever is less: above, it is another journey
# Lines that came since the large part was built stand in a small one, of at most this many or a tenth of the large:
_FEW, _FEW_SHARE = 256, 0.1  # building that many anew costs about a look
_CELL_M = REACH_M  # a look at the usual reach reads three rows of three cells
_STRIDE = 1 << 31  # cells to a row of the plane's grid: the globe has 40,000

Column = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Line:
    """A way somebody goes anyway. `from_s` to `until_s`: when they may set out, on the asker's clock."""

    id: str
    xy: NDArray[np.float64]
    """(n, 2) meters in the order driven, at least one."""
    seconds: float
    """The whole way takes so long; passing times are shared out by length."""
    from_s: float = -math.inf
    until_s: float = math.inf
    seats: int = 1

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1:] != (2,) or not len(self.xy):
            raise ValueError(f"line {self.id} has no points on a plane")
        if not bool(np.isfinite(self.xy).all()) or not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"line {self.id} holds a number that is not finite, or lasts less than nothing")
        if not self.from_s <= self.until_s or self.seats < 1:
            raise ValueError(f"line {self.id} sets out after it has, or has no seat")


@dataclass(frozen=True, slots=True)
class Trip:
    """From where to where somebody, or a parcel, wants to go, and when the pickup may be."""

    pickup: tuple[float, float]
    drop: tuple[float, float]
    from_s: float = -math.inf
    until_s: float = math.inf
    seats: int = 1


@dataclass(frozen=True, slots=True)
class Passing:
    """Lines that pass near a trip's two places in its order, in the order of their ids."""

    ids: tuple[str, ...]
    start: NDArray[np.float64]
    """(n, 2) where each sets out."""
    end: NDArray[np.float64]
    seconds: Column
    """The whole way without the trip."""
    early_s: Column
    """The earliest moment each passes the pickup;"""
    late_s: Column
    """and the latest."""


class Corridors:
    """Lines by id, kept as they come and go; what a look needs is built when one looks."""

    def __init__(self, lines: Iterable[Line] = (), *, spacing_m: float = SPACING_M) -> None:
        self._spacing_m = spacing_m
        self._lines: dict[str, Line] = {}
        self._new: dict[str, Line] = {}
        self._many, self._few = _Part([], spacing_m), _Part([], spacing_m)
        for line in lines:
            self.put(line)

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: Line) -> None:
        """Add a line, or replace the one of its id."""
        self.remove(line.id)
        self._lines[line.id] = self._new[line.id] = line

    def remove(self, line_id: str) -> None:
        """Forget a line; nothing happens where there is none."""
        if self._lines.pop(line_id, None) is None:
            return
        self._new.pop(line_id, None)
        self._many.forget(line_id)
        self._few.forget(line_id)

    def passing(self, trip: Trip, reach_m: float = REACH_M) -> Passing:
        """The lines with a sample within `reach_m` of the pickup, and one of the drop no earlier along the line,
        that pass the pickup (its first such sample) within the trip's window and have the seats."""
        self._refresh()
        found = [part.passing(trip, reach_m) for part in (self._many, self._few) if part.ids]
        if len(found) == 1:
            return found[0]
        return _together(found)

    def _refresh(self) -> None:
        if not self._new:
            return
        few = [self._lines[i] for i in self._few.alive_ids() if i not in self._new] + list(self._new.values())
        self._new = {}
        if len(few) <= max(_FEW, _FEW_SHARE * len(self._many.ids)) and self._many.ids:
            self._few = _Part(few, self._spacing_m)
        else:
            self._many = _Part(list(self._lines.values()), self._spacing_m)
            self._few = _Part([], self._spacing_m)


class _Part:
    """Lines sampled into a grid: samples in order of their cell, so that a row of cells is one stretch of memory."""

    def __init__(self, lines: Sequence[Line], spacing_m: float) -> None:
        lines = sorted(lines, key=lambda line: line.id)
        self.ids = [line.id for line in lines]
        self._row_of = {line_id: row for row, line_id in enumerate(self.ids)}
        self._alive = np.ones(len(lines), bool)
        self._lasts = np.array(
            [(line.seconds, line.from_s, line.until_s, line.seats) for line in lines]
        ).reshape(-1, 4)
        self._ends = np.array([(line.xy[0], line.xy[-1]) for line in lines]).reshape(-1, 2, 2)
        xy, along, row = samples([line.xy for line in lines], spacing_m)
        self._length_m = np.zeros(len(lines))
        np.maximum.at(self._length_m, row, along)
        keys = _cell(xy[:, 1]) * _STRIDE + _cell(xy[:, 0])
        order = np.argsort(keys, kind="stable")
        self._keys, self._along, self._row = keys[order], along[order], row[order]
        self._x, self._y = xy[order].T.copy()

    def alive_ids(self) -> list[str]:
        return [self.ids[row] for row in np.flatnonzero(self._alive).tolist()]

    def forget(self, line_id: str) -> None:
        row = self._row_of.get(line_id)
        if row is not None:
            self._alive[row] = False

    def passing(self, trip: Trip, reach_m: float) -> Passing:
        boards, leaves = self._near(trip.pickup, reach_m), self._near(trip.drop, reach_m)
        leaves = leaves[self._among(boards)[self._row[leaves]]]
        boards = boards[self._among(leaves)[self._row[boards]]]  # both name the same lines now, and few
        rows, first = _extreme(self._row[boards], self._along[boards], np.minimum)
        _, last = _extreme(self._row[leaves], self._along[leaves], np.maximum)
        ordered = (first <= last) & self._alive[rows]
        rows, first = rows[ordered], first[ordered]
        seconds, from_s, until_s, seats = self._lasts[rows].T
        to_here = seconds * first / np.maximum(self._length_m[rows], 1e-9)
        early, late = from_s + to_here, until_s + to_here
        fits = (early <= trip.until_s) & (late >= trip.from_s) & (seats >= trip.seats)
        rows = rows[fits]
        return Passing(
            ids=tuple(self.ids[row] for row in rows.tolist()),
            start=self._ends[rows, 0],
            end=self._ends[rows, 1],
            seconds=seconds[fits],
            early_s=early[fits],
            late_s=late[fits],
        )

    def _among(self, found: Rows) -> NDArray[np.bool_]:
        """Of each line, whether one of these samples is its."""
        marked = np.zeros(len(self.ids), bool)
        marked[self._row[found]] = True
        return marked

    def _near(self, place: tuple[float, float], reach_m: float) -> Rows:
        """The samples within reach of a place."""
        x, y = place
        west, south, east, north = (
            math.floor(v / _CELL_M) for v in (x - reach_m, y - reach_m, x + reach_m, y + reach_m)
        )
        bands = np.arange(south, north + 1) * _STRIDE
        stretches = np.searchsorted(self._keys, np.concatenate((bands + west, bands + (east + 1))))
        begins, ends = np.split(stretches, 2)
        found = []
        for a, b in zip(begins.tolist(), ends.tolist(), strict=True):
            east_m, north_m = self._x[a:b] - x, self._y[a:b] - y
            found.append(np.flatnonzero(east_m * east_m + north_m * north_m <= reach_m * reach_m) + a)
        return np.concatenate(found)


def samples(lines: Sequence[NDArray[np.float64]], spacing_m: float) -> tuple[Column, Column, Rows]:
    """Points along lines of (n, 2) meters: every `spacing_m` from the start, and the end. Their places (m, 2), the
    meters from the start of their line, and its index."""
    corners = np.concatenate([np.zeros((0, 2)), *lines])
    of = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    steps = np.hypot(*np.diff(corners, axis=0).T) if len(corners) else np.zeros(0)
    steps[np.diff(of) > 0] = 0.0  # from one line's end to the next one's start is nobody's way
    run = np.concatenate((np.zeros(min(1, len(corners))), np.cumsum(steps)))
    starts = np.searchsorted(of, np.arange(len(lines)))
    ends = np.searchsorted(of, np.arange(len(lines)), side="right") - 1
    length = _sums(steps, starts)  # not off `run`, whose rounding hangs on the lines before
    count = np.ceil(length / spacing_m).astype(np.int64) + 1  # the last one is the end, wherever it falls
    row = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    along = np.minimum(nth * spacing_m, length[row])
    at = along + run[starts][row]
    before = np.clip(
        np.searchsorted(run, at, side="right") - 1, starts[row], np.maximum(ends[row] - 1, starts[row])
    )
    after = np.minimum(before + 1, ends[row])
    stretch = run[after] - run[before]
    share = np.clip((at - run[before]) / np.where(stretch > 0, stretch, 1.0), 0.0, 1.0)[:, None]
    return corners[before] + share * (corners[after] - corners[before]), along, row


def _sums(steps: Column, starts: Rows) -> Column:
    """The length of each line: its own steps, and the step of 0 to the next line."""
    return np.add.reduceat(np.append(steps, 0.0), starts) if len(starts) else np.zeros(0)


def detour_s(to_pickup: Column, ride: Column, from_drop: Column, direct: Column) -> Column:
    """Seconds that a trip adds to each way: t(o,p) + t(p,q) + t(q,e) - t(o,e), never less than nothing."""
    return np.maximum(to_pickup + ride + from_drop - direct, 0.0)


def bearable(detour: Column, direct: Column) -> NDArray[np.bool_]:
    """Whether a detour stays within a quarter of an hour and a fifth of the way."""
    return np.asarray(detour <= np.minimum(MOST_DETOUR_S, MOST_DETOUR_SHARE * direct), bool)


def _extreme(rows: Rows, along: Column, least_or_most: np.ufunc) -> tuple[Rows, Column]:
    """Each row once, in order, with the least or the most of its meters along the line."""
    order = np.argsort(rows, kind="stable")
    rows, along = rows[order], along[order]
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    return rows[begins], least_or_most.reduceat(along, begins) if len(begins) else along


def _cell(meters: Column) -> Rows:
    return np.floor(meters / _CELL_M).astype(np.int64)


def _together(found: Sequence[Passing]) -> Passing:
    """Several answers as one, in order of id."""
    ids = [line_id for one in found for line_id in one.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)

    def column(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.concatenate([np.zeros((0, *shape)), *(getattr(one, name) for one in found)])[order]

    return Passing(
        ids=tuple(ids[k] for k in order),
        start=column("start", (2,)),
        end=column("end", (2,)),
        seconds=column("seconds", ()),
        early_s=column("early_s", ()),
        late_s=column("late_s", ()),
    )
