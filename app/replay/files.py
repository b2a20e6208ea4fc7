"""Reading recorded trips and shifts: CSV, gzipped or not, columns in any order, others ignored."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from geo.cells import cells_of
from geo.planes import Plane
from geo.points import LatLng
from matching.whatif.city import DAY_S, HOUR_S, ZONE_RES, City, Clock, Day, Floats, Shifts

TRIP_COLUMNS: Final = (
    "pickup_unix",
    "dropoff_unix",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
)
SHIFT_COLUMNS: Final = ("start_unix", "end_unix", "start_lat", "start_lon")
CAR: Final = "cab_id"
OFFSETS_S: Final = range(-12 * 3_600, 14 * 3_600 + 1, 900)  # the world's clocks, in quarters of an hour
SUN_S: Final = DAY_S / 360.0  # s of the sun's clock a degree eastwards
SATURDAY: Final = 5
NOTHING: Final = ("", "nan", "null", "none", "na", "n/a", "\\n")
"""How a file says that a number was not recorded."""
LATEST_UNIX: Final = 4_102_444_800.0
"""The year 2100: beyond it are milliseconds."""
FARTHEST_M: Final = 1_000_000.0
"""m from the middle of the pick-ups: no city has places further away, and no plane holds them. A judgement: what it is
to catch are the zeros of a receiver without a fix."""
LONGEST_S: Final = DAY_S
LONGEST_KM: Final = 2_000.0
"""km along the streets; above it are metres."""
BESIDE_S: Final = 3 * HOUR_S
"""s that a trip may begin outside its day: named by its end, or by a clock that has changed."""
LEFT_OUT_SHARE: Final = 0.01
"""Share of a file's rows that may be left out: receivers and clocks fail now and then; more of them is another file."""
TWICE_SHARE: Final = 0.01
"""Share of a day's trips in a 25th hour: a few that fall out of the day make no longer night."""


class RecordingUnreadable(ValueError):
    """A file of trips or shifts that cannot be read; says which, where and why."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Table:
    """The rows of a file as columns, the line that each row ends on, and what was left out so far."""

    path: Path
    lines: NDArray[np.int64]
    numbers: dict[str, Floats]
    texts: dict[str, NDArray[np.str_]]
    words: NDArray[np.str_]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def without(self, wrong: NDArray[np.bool_], why: str) -> "_Table":
        """The rows that are not wrong. `why` may hold names of columns in braces: what is written there.
        `RecordingUnreadable`, of the first that is wrong, where too many are."""
        if not wrong.any():
            return self
        told = (*self.left_out, *(self._told(row, why) for row in np.flatnonzero(wrong).tolist()))
        if len(told) > LEFT_OUT_SHARE * (len(self) + len(self.left_out)):
            raise RecordingUnreadable(f"{self.path}, {told[0]}")
        return replace(
            self,
            lines=self.lines[~wrong],
            numbers={name: column[~wrong] for name, column in self.numbers.items()},
            texts={name: column[~wrong] for name, column in self.texts.items()},
            words=self.words[~wrong],
            left_out=told,
        )

    def _told(self, row: int, why: str) -> str:
        texts = {name: str(column[row]) or "nothing" for name, column in self.texts.items()}
        return f"line {self.lines[row]}: {why.format(**texts)}"


def read_trips(path: Path) -> City:
    """The trips by local day, oldest first.

    `local_day` names a trip's day (else its day in UTC does), `gps_km` its length along the streets. Local
    midnight is what makes the days agree with the times: the offset from UTC is found, not asked for, and each day
    may be an hour off it, for clocks change. Rows that cannot be true are left out and counted, as long as they are
    few.
    """
    table = _table(path, TRIP_COLUMNS, number="gps_km", text="local_day")
    if not len(table):
        raise RecordingUnreadable(f"{path}: no trip in it")
    table = _with_times(table, "pickup_unix", "dropoff_unix", "a trip")
    lasted_s = table.numbers["dropoff_unix"] - table.numbers["pickup_unix"]
    table = table.without(lasted_s > LONGEST_S, "a trip of more than a day: to {dropoff_unix}")
    driven_km = table.numbers["gps_km"]
    wrong = ~np.isnan(driven_km) & ~((driven_km >= 0) & (driven_km <= LONGEST_KM))
    table = table.without(wrong, "gps_km is {gps_km}, not a length in kilometres")
    table = _on_earth(_on_earth(table, "pickup"), "dropoff")
    plane = _plane(table)
    table = _nearby(_nearby(table, plane, "pickup"), plane, "dropoff")
    table, offset_s = _on_their_days(table, plane.origin.lon)
    names, of_day = _days(table)
    midnights = _midnights(names)
    request, driven_km = table.numbers["pickup_unix"], table.numbers["gps_km"]
    pickup, drop = (_places(table, plane, what) for what in ("pickup", "dropoff"))
    cells = cells_of(table.numbers["pickup_lat"], table.numbers["pickup_lon"], ZONE_RES)
    found = []
    for number, name in enumerate(names):
        mine = np.flatnonzero(of_day == number)
        mine = mine[np.argsort(request[mine], kind="stable")]
        clock_of_day = _clock(float(midnights[number]), offset_s, request[mine])
        # In order of request even on the night that has an hour twice.
        seconds = np.clip(clock_of_day.seconds(request[mine]), 0.0, DAY_S - 1)
        order = np.argsort(seconds, kind="stable")
        mine = mine[order]
        found.append(
            Day(
                name=name,
                weekend=date.fromisoformat(name).weekday() >= SATURDAY,
                request_s=seconds[order],
                duration_s=(table.numbers["dropoff_unix"] - request)[mine],
                pickup=pickup[mine],
                drop=drop[mine],
                driven_m=driven_km[mine] * 1_000.0,
                pickup_cell=cells[mine],
                clock=clock_of_day,
            )
        )
    return City(
        plane=plane,
        days=tuple(found),
        offset_s=float(offset_s),
        days_named=bool(np.any(table.words != "")),
        left_out=table.left_out,
    )


def _on_their_days(table: _Table, lon: float) -> tuple[_Table, int]:
    """The trips that are on the day they say, by the clock of most of them; and how far that is ahead of UTC, s."""
    if not np.any(table.words != ""):
        return table, 0
    table = table.without(
        np.array([_day(word) is None for word in table.words]),
        "local_day is not a day (YYYY-MM-DD): {local_day!r}",
    )
    names, of_day = _days(table)
    since_midnight = table.numbers["pickup_unix"] - _midnights(names)[of_day]
    offset_s = _offset_s(since_midnight, lon)
    outside = (since_midnight + offset_s < -BESIDE_S) | (since_midnight + offset_s >= DAY_S + BESIDE_S)
    clock = f"by the clock of most of the trips, {offset_s / HOUR_S:+g} h from UTC"
    return table.without(outside, f"pickup_unix {{pickup_unix}} is not on {{local_day}}, {clock}"), offset_s


def _midnights(names: Sequence[str]) -> Floats:
    """Each day's midnight in UTC, Unix seconds."""
    return np.array([datetime.fromisoformat(name).replace(tzinfo=UTC).timestamp() for name in names])


def _days(table: _Table) -> tuple[list[str], NDArray[np.intp]]:
    """The days' names in order, and the number of each trip's."""
    if np.any(table.words != ""):
        told = [str(_day(word)) for word in table.words]
    else:
        told = [
            datetime.fromtimestamp(unix, UTC).date().isoformat()
            for unix in table.numbers["pickup_unix"].tolist()
        ]
    names, of_day = np.unique(np.array(told), return_inverse=True)
    return [str(name) for name in names], of_day.astype(np.intp)


def _day(word: str) -> str | None:
    """The day that is written, whatever time of day stands behind it; `None` where it is none."""
    try:
        return date.fromisoformat(word[:10]).isoformat()
    except ValueError:
        return None


def _offset_s(since_utc_midnight: Floats, lon: float) -> int:
    """Seconds to add to UTC for the local time under which most trips lie within their day. Where nights are quiet
    several do equally well: of these one of full hours, and the nearest to the sun's."""
    inside = [(_inside(since_utc_midnight + offset), offset) for offset in OFFSETS_S]
    most = max(count for count, _ in inside)
    return min(
        (offset for count, offset in inside if count == most),
        key=lambda offset: (offset % 3_600 > 0, abs(offset - lon * SUN_S), offset),
    )


def _inside(local_s: Floats) -> int:
    return int(((local_s >= 0) & (local_s < DAY_S)).sum())


def _clock(utc_midnight: float, offset_s: int, request: Floats) -> Clock:
    """One day's clock: the file's, or an hour off it where more trips lie within the day then; or the clock of a day
    that has an hour twice, where that brings in a good part of the trips."""
    midnights = [utc_midnight - offset for offset in (offset_s, offset_s - 3_600, offset_s + 3_600)]

    def inside(clock: Clock) -> int:
        return _inside(clock.seconds(request))

    best = max(map(Clock, midnights), key=inside)  # the first of equals: the file's
    longer = max((Clock(midnight, back=True) for midnight in midnights), key=inside)
    return longer if inside(longer) - inside(best) > TWICE_SHARE * len(request) else best


def read_shifts(path: Path, city: City) -> tuple[dict[str, Shifts], tuple[str, ...]]:
    """The shifts of each of the city's days, and what was left out; those that cross midnight belong to both. Shifts
    of one car that overlap are one shift, from where the first of them began."""
    table = _table(path, SHIFT_COLUMNS, number=None, text=CAR)
    if not len(table):
        raise RecordingUnreadable(f"{path}: no shift in it")
    table = table.without(table.words == "", f"no {CAR}")
    table = _with_times(table, "start_unix", "end_unix", "a shift")
    table = _nearby(_on_earth(table, "start"), city.plane, "start")
    places = _places(table, city.plane, "start")
    start = table.numbers["start_unix"]
    _, car = np.unique(table.words, return_inverse=True)
    kept, until = _merged(car, start, table.numbers["end_unix"])
    car, start, places = car[kept], start[kept], places[kept]
    found = {}
    for day in city.days:
        on, off = day.clock.seconds(start), day.clock.seconds(until)
        mine = np.flatnonzero((on < DAY_S) & (off > 0) & (off > on))
        mine = mine[np.argsort(on[mine], kind="stable")]
        _, number = np.unique(car[mine], return_inverse=True)
        found[day.name] = Shifts(
            car=number.astype(np.intp), on_s=on[mine], off_s=off[mine], place=places[mine]
        )
    return found, table.left_out


def _merged(car: NDArray[np.intp], start: Floats, end: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The first row of each run of one car's overlapping shifts, in the file's order, and when the run ends."""
    until: dict[int, float] = {}
    running: dict[int, int] = {}
    for row in np.lexsort((np.arange(len(car)), start, car)).tolist():
        first = running.get(int(car[row]))
        if first is not None and start[row] < until[first]:
            until[first] = max(until[first], float(end[row]))
        else:
            running[int(car[row])], until[row] = row, float(end[row])
    kept = sorted(until)
    return np.array(kept, dtype=np.intp), np.array([until[row] for row in kept])


def _with_times(table: _Table, first: str, last: str, what: str) -> _Table:
    """The rows whose times can be true."""
    for name in (first, last):
        unix = table.numbers[name]
        table = table.without(
            (unix < 0) | (unix >= LATEST_UNIX), f"{name} is {{{name}}}, not seconds since 1970"
        )
    return table.without(table.numbers[last] < table.numbers[first], f"{what} ends before it begins")


def _plane(table: _Table) -> Plane:
    """The plane around the middle of the pick-ups; where they lie about the antimeridian too."""
    lat, lon = table.numbers["pickup_lat"], table.numbers["pickup_lon"]
    if np.ptp(lon) > 180.0:
        lon = np.where(lon < 0, lon + 360.0, lon)
    middle = float(np.median(lon))
    return Plane(LatLng(float(np.median(lat)), middle if middle <= 180.0 else middle - 360.0))


def _on_earth(table: _Table, what: str) -> _Table:
    """The rows whose place is one."""
    lat, lon = table.numbers[f"{what}_lat"], table.numbers[f"{what}_lon"]
    wrong = ~((np.abs(lat) <= 90) & (np.abs(lon) <= 180))
    return table.without(wrong, f"no place on earth ({{{what}_lat}}, {{{what}_lon}})")


def _nearby(table: _Table, plane: Plane, what: str) -> _Table:
    """The rows whose place is in or about the city."""
    told = f"{what} at ({{{what}_lat}}, {{{what}_lon}}) is over 1,000 km from the middle of the pick-ups"
    return table.without(np.hypot(*_places(table, plane, what).T) > FARTHEST_M, told)


def _places(table: _Table, plane: Plane, what: str) -> Floats:
    """Metres on the plane."""
    return plane.to_xy(table.numbers[f"{what}_lat"], table.numbers[f"{what}_lon"])


def _table(path: Path, columns: Sequence[str], *, number: str | None, text: str) -> _Table:
    """The numbers of `columns`, and of `number` (NaN where empty or absent); the words of `text`, which trips may
    lack."""
    try:
        with _opened(path) as lines:
            rows = csv.reader(lines)
            head = [name.strip() for name in next(rows, [])]
            needed = columns if number is not None else (*columns, text)
            missing = [name for name in needed if name not in head]
            if missing:
                there = f"; its first line is {','.join(head)[:100]!r}" if head else ": it is empty"
                raise RecordingUnreadable(f"{path}: no column {', '.join(missing)}{there}")
            read = [(rows.line_num, row) for row in rows if any(row)]  # an empty line is no row
    except UnicodeDecodeError as told:
        raise RecordingUnreadable(f"{path}: not text in UTF-8 ({told.reason})") from told
    except (OSError, EOFError, zlib.error, csv.Error) as told:
        said = told.strerror if isinstance(told, OSError) and told.strerror else told
        raise RecordingUnreadable(f"{path}: {said}") from told
    at = {name: head.index(name) for name in head}
    texts = {
        name: np.array([row[at[name]].strip() if at[name] < len(row) else "" for _, row in read], np.str_)
        for name in (*columns, *(one for one in (number, text) if one in at))
    }
    nothing = np.full(len(read), "", np.str_)
    table = _Table(
        path=path,
        lines=np.array([line for line, _ in read], dtype=np.int64),
        numbers={name: _floats(column) for name, column in texts.items() if name != text},
        texts=texts,
        words=texts.get(text, nothing),
    )
    for name in columns:
        table = table.without(np.isnan(table.numbers[name]), f"{name} is not a number: {{{name}!r}}")
    if number in at:
        says_nothing = np.isin(np.strings.lower(table.texts[number]), NOTHING)
        unread = np.isnan(table.numbers[number]) & ~says_nothing
        table = table.without(unread, f"{number} is not a number: {{{number}!r}}")
    elif number is not None:
        table.numbers[number] = np.full(len(table), math.nan)
    return table


def _floats(texts: NDArray[np.str_]) -> Floats:
    """The numbers; NaN where there is none, or none that is finite."""
    try:
        found = texts.astype(np.float64)
    except ValueError:
        found = np.fromiter(map(_float, texts.tolist()), np.float64, len(texts))
    return np.where(np.isfinite(found), found, math.nan)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file's text, read once from its beginning: it may be a pipe."""
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        with io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8-sig", newline="") as text:
            yield text
