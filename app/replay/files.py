"""Reading recorded trips and shifts: CSV, gzipped or not, columns in any order, others ignored."""

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from geo.cells import cells_of
from geo.planes import Plane
from geo.points import LatLng
from matching.whatif.city import DAY_S, ZONE_RES, City, Day, Floats, Shifts

TRIP_COLUMNS: Final = (
    "pickup_unix",
    "dropoff_unix",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
)
SHIFT_COLUMNS: Final = ("cab_id", "start_unix", "end_unix", "start_lat", "start_lon")
OFFSETS_S: Final = range(-12 * 3_600, 14 * 3_600 + 1, 900)  # the world's clocks, in quarters of an hour
SATURDAY: Final = 5


class RecordingUnreadable(ValueError):
    """A file of trips or shifts that cannot be read; says which, where and why."""


def read_trips(path: Path) -> City:
    """The trips by local day, oldest first.

    `local_day` names a trip's day (else its day in UTC does), `gps_km` its length along the streets. Local
    midnight is what makes the days agree with the times: the offset from UTC is found, not asked for.
    """
    table, days = _table(path, TRIP_COLUMNS, number="gps_km", text="local_day")
    if not len(table["pickup_unix"]):
        raise RecordingUnreadable(f"{path}: no trip in it")
    for what in ("pickup", "dropoff"):
        _check_places(path, table[f"{what}_lat"], table[f"{what}_lon"])
    if bool(np.any(table["dropoff_unix"] < table["pickup_unix"])):
        raise RecordingUnreadable(f"{path}: a trip ends before it begins")
    request, offset_s = table["pickup_unix"], 0
    if not any(days):
        days = [datetime.fromtimestamp(unix, UTC).date().isoformat() for unix in request.tolist()]
    names = sorted(set(days))
    try:
        midnight = {name: datetime.fromisoformat(name).replace(tzinfo=UTC).timestamp() for name in names}
    except ValueError as told:
        raise RecordingUnreadable(f"{path}: local_day {told}") from told
    since_midnight = request - np.array([midnight[name] for name in days])
    offset_s = _offset_s(since_midnight)
    mid = LatLng(float(np.median(table["pickup_lat"])), float(np.median(table["pickup_lon"])))
    plane = Plane(mid)
    cells = cells_of(table["pickup_lat"], table["pickup_lon"], ZONE_RES)
    pickup = plane.to_xy(table["pickup_lat"], table["pickup_lon"])
    drop = plane.to_xy(table["dropoff_lat"], table["dropoff_lon"])
    of_day = np.array(days)
    found = []
    for name in names:
        mine = np.flatnonzero(of_day == name)
        mine = mine[np.argsort(request[mine], kind="stable")]
        found.append(
            Day(
                name=name,
                weekend=date.fromisoformat(name[:10]).weekday() >= SATURDAY,
                # A night when clocks change has an hour more or less: what falls out of the day is put at its ends.
                request_s=np.clip(since_midnight[mine] + offset_s, 0.0, DAY_S - 1),
                duration_s=(table["dropoff_unix"] - request)[mine],
                pickup=pickup[mine],
                drop=drop[mine],
                driven_m=table["gps_km"][mine] * 1_000.0,
                pickup_cell=cells[mine],
            )
        )
    return City(plane=plane, days=tuple(found), offset_s=float(offset_s))


def _offset_s(since_utc_midnight: Floats) -> int:
    """Seconds to add to UTC for the local time under which most trips lie within their day; the nearest to UTC of
    those that do equally well."""
    inside = [
        (int(((since_utc_midnight + offset >= 0) & (since_utc_midnight + offset < DAY_S)).sum()), offset)
        for offset in OFFSETS_S
    ]
    most = max(count for count, _ in inside)
    return min(
        (offset for count, offset in inside if count == most), key=lambda offset: (abs(offset), offset)
    )


def read_shifts(path: Path, city: City) -> dict[str, Shifts]:
    """The shifts of each of the city's days; those that cross midnight belong to both."""
    table, cabs = _table(path, SHIFT_COLUMNS[1:], number=None, text="cab_id")
    _check_places(path, table["start_lat"], table["start_lon"])
    places = city.plane.to_xy(table["start_lat"], table["start_lon"])
    _, car = np.unique(np.array(cabs), return_inverse=True)
    found = {}
    for day in city.days:
        midnight = datetime.fromisoformat(day.name).replace(tzinfo=UTC) - timedelta(seconds=city.offset_s)
        on, off = table["start_unix"] - midnight.timestamp(), table["end_unix"] - midnight.timestamp()
        mine = np.flatnonzero((on < DAY_S) & (off > 0) & (off > on))
        mine = mine[np.argsort(on[mine], kind="stable")]
        _, number = np.unique(car[mine], return_inverse=True)
        found[day.name] = Shifts(
            car=number.astype(np.intp), on_s=on[mine], off_s=off[mine], place=places[mine]
        )
    return found


def _check_places(path: Path, lat: Floats, lon: Floats) -> None:
    wrong = np.flatnonzero(~((np.abs(lat) <= 90) & (np.abs(lon) <= 180)))
    if len(wrong):
        at = int(wrong[0])
        raise RecordingUnreadable(f"{path}, line {at + 2}: no place on earth ({lat[at]}, {lon[at]})")


def _table(
    path: Path, columns: Sequence[str], *, number: str | None, text: str
) -> tuple[dict[str, Floats], list[str]]:
    """The numbers of `columns`, and of `number` (NaN where empty or absent); the words of `text`."""
    try:
        with _opened(path) as lines:
            rows = csv.reader(lines)
            head = next(rows, [])
            missing = [name for name in columns if name not in head]
            if missing:
                raise RecordingUnreadable(f"{path}: no column {', '.join(missing)}")
            body = list(rows)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as told:
        raise RecordingUnreadable(f"{path}: {told}") from told
    at = {name: head.index(name) for name in head}
    table = {name: np.fromiter(_numbers(path, body, name, at[name]), np.float64) for name in columns}
    if number is not None:
        table[number] = np.full(len(body), math.nan)
        if number in at:
            table[number] = np.fromiter(_numbers(path, body, number, at[number], empty=math.nan), np.float64)
    return table, [row[at[text]] if text in at and at[text] < len(row) else "" for row in body]


def _numbers(
    path: Path, body: Sequence[Sequence[str]], name: str, at: int, *, empty: float | None = None
) -> Iterator[float]:
    for line, row in enumerate(body, start=2):
        try:
            yield empty if empty is not None and not row[at] else _finite(row[at])
        except (IndexError, ValueError):
            told = row[at] if at < len(row) else "nothing"
            raise RecordingUnreadable(f"{path}, line {line}: {name} is not a number: {told!r}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _opened(path: Path) -> TextIO:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
