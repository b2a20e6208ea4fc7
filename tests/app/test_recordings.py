"""Recordings as they come: untidy files, clocks that change, shifts that overlap, a city on the antimeridian."""

import csv
import gzip
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.cli import main
from app.replay.files import RecordingUnreadable, read_shifts, read_trips
from matching.whatif.city import DAY_S, City
from tests.app.recordings import COLUMNS, DAYS, OFFSET, trips_of, written

SHIFT = ("cab_id", "start_unix", "end_unix", "start_lat", "start_lon")
MIDNIGHT = (datetime.fromisoformat(DAYS[0]).replace(tzinfo=UTC) - OFFSET).timestamp()


def same(one: City, other: City) -> bool:
    """Whether two cities are told the same days."""
    return [day.name for day in one.days] == [day.name for day in other.days] and all(
        np.array_equal(a.request_s, b.request_s)
        and np.array_equal(a.pickup, b.pickup)
        and np.array_equal(a.driven_m, b.driven_m, equal_nan=True)
        for a, b in zip(one.days, other.days, strict=True)
    )


def test_empty_lines_quotes_and_spaces_change_nothing(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.csv", trips_of())
    head, *rows = plain.read_text().splitlines()
    untidy = tmp_path / "untidy.csv"
    untidy.write_text(
        "\ufeff"
        + head.replace(",", ", ")
        + "\r\n\r\n"
        + "\n\n".join(row.replace(",", ", ") for row in rows)
        + "\n\n",
        encoding="utf-8",
    )
    assert same(read_trips(untidy), read_trips(plain))
    quoted = tmp_path / "quoted.csv"
    with quoted.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(csv.reader([head, *rows]))
    assert same(read_trips(quoted), read_trips(plain))


def test_the_line_named_is_the_files_own(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    plain = written(tmp_path / "plain.csv", trips_of())
    head, *rows = plain.read_text().splitlines()
    wrong.write_text("\n".join([head, "", rows[0], "", rows[1].replace("2026-03-05", "today")]))
    with pytest.raises(RecordingUnreadable, match="line 5: local_day"):
        read_trips(wrong)


@pytest.mark.parametrize("nothing", ["", "NaN", "null", "NA", "\\N"])
def test_a_length_that_was_not_recorded_may_be_written_in_many_ways(tmp_path: Path, nothing: str) -> None:
    rows = trips_of(DAYS[:1], a_day=3)
    rows[1]["gps_km"] = nothing
    assert np.isnan(read_trips(written(tmp_path / "trips.csv", rows)).days[0].driven_m[1])


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    plain, pipe = written(tmp_path / "plain.csv", trips_of()), tmp_path / "pipe"
    for told in (plain.read_bytes(), gzip.compress(plain.read_bytes())):
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(told,))
        writer.start()
        assert same(read_trips(pipe), read_trips(plain))
        writer.join()
        pipe.unlink()


def test_another_separator_is_seen_in_what_is_told(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(written(tmp_path / "plain.csv", trips_of()).read_text().replace(",", ";"))
    with pytest.raises(RecordingUnreadable, match="first line is 'cab_id;pickup_unix"):
        read_trips(other)


def test_what_is_no_text_and_what_is_broken_is_said_so(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.csv", trips_of())
    (tmp_path / "wide.csv").write_text(plain.read_text(), encoding="utf-16")
    with pytest.raises(RecordingUnreadable, match="not text in UTF-8"):
        read_trips(tmp_path / "wide.csv")
    packed = bytearray(gzip.compress(plain.read_bytes()))
    packed[10] = 0xFF  # no such kind of block
    (tmp_path / "broken.csv.gz").write_bytes(bytes(packed))
    with pytest.raises(RecordingUnreadable, match=r"broken\.csv\.gz"):
        read_trips(tmp_path / "broken.csv.gz")


def trips_by(zone: str, days: tuple[str, ...], a_day: int = 600) -> list[dict[str, object]]:
    """Trips at even steps of true time through the days of a place where clocks change."""
    row, found = trips_of(DAYS[:1], a_day=1)[0], []
    for day in days:
        midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()
        next_day = datetime.fromtimestamp(midnight + 1.5 * DAY_S, ZoneInfo(zone)).date()
        end = datetime.combine(next_day, datetime.min.time(), ZoneInfo(zone)).timestamp()
        found += [
            {**row, "pickup_unix": int(at), "dropoff_unix": int(at) + 300, "local_day": day}
            for at in np.linspace(midnight, end - 1, a_day).tolist()
        ]
    return found


def most_in_a_minute(city: City, name: str) -> int:
    return int(np.bincount((city.day(name).request_s // 60).astype(int)).max())


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("America/Los_Angeles", ("2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10")),
        ("America/Los_Angeles", ("2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03")),
        ("Europe/Paris", ("2026-10-23", "2026-10-24", "2026-10-25", "2026-10-26")),
        ("Australia/Sydney", ("2026-04-04", "2026-04-05", "2026-04-06")),
        ("Australia/Sydney", ("2026-10-03", "2026-10-04", "2026-10-05")),
    ],
)
def test_a_day_keeps_its_own_clock_where_clocks_change(
    tmp_path: Path, zone: str, days: tuple[str, ...]
) -> None:
    """No day's last hour is pressed into one moment, and every day begins at its own midnight."""
    city = read_trips(written(tmp_path / "trips.csv", trips_by(zone, days)))
    for name in days:
        assert most_in_a_minute(city, name) <= 3, name  # one every 144 s, twice as many in an hour told twice
        assert city.day(name).request_s[0] < 3_601, name
        assert bool(np.all(np.diff(city.day(name).request_s) >= 0))
    for name in (days[0], days[-1]):
        assert city.day(name).request_s.min() == 0, f"{name}: an hour off"


def test_shifts_follow_the_clock_of_their_day(tmp_path: Path) -> None:
    days, zone = ("2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"), ZoneInfo("America/Los_Angeles")
    city = read_trips(written(tmp_path / "trips.csv", trips_by("America/Los_Angeles", days)))
    rows: list[dict[str, object]] = []
    for day in days:
        nine = datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=zone).timestamp()
        rows.append(dict(zip(SHIFT, ("a", nine, nine + 3_600, 43.7, 7.27), strict=True)))
    by_day, _ = read_shifts(written(tmp_path / "shifts.csv", rows, SHIFT), city)
    assert by_day[days[0]].on_s.tolist() == [9 * 3_600]
    assert by_day[days[-1]].on_s.tolist() == [9 * 3_600]


def test_a_trip_named_by_the_day_it_ends_on_moves_no_clock(tmp_path: Path) -> None:
    rows = trips_of(a_day=900)
    rows[900] |= {"pickup_unix": MIDNIGHT + DAY_S - 300, "dropoff_unix": MIDNIGHT + DAY_S + 300}
    city = read_trips(written(tmp_path / "trips.csv", rows))
    assert city.day(DAYS[1]).clock.midnight_unix == MIDNIGHT + DAY_S
    assert city.day(DAYS[1]).request_s[0] == 0


@pytest.mark.parametrize(("lon", "offset_h"), [(-122.4, -8), (7.27, 0), (151.2, 10)])
def test_where_nights_are_quiet_the_clock_is_near_the_suns(tmp_path: Path, lon: float, offset_h: int) -> None:
    """From six to six in the evening there is a trip, by a clock that full hours and the sun agree on."""
    rows = []
    for row in trips_of(DAYS[:1], a_day=200):
        noon = datetime.fromisoformat(DAYS[0]).replace(tzinfo=UTC).timestamp() + 43_200 - offset_h * 3_600
        at = noon + (float(str(row["pickup_unix"])) - MIDNIGHT - 43_200) / 2
        rows.append(row | {"pickup_unix": at, "dropoff_unix": at + 60, "pickup_lon": lon, "dropoff_lon": lon})
    assert read_trips(written(tmp_path / "trips.csv", rows)).offset_s == offset_h * 3_600


def test_a_day_may_have_its_hour_behind_it(tmp_path: Path) -> None:
    rows = [{**row, "local_day": f"{row['local_day']} 00:00:00"} for row in trips_of()]
    assert [day.name for day in read_trips(written(tmp_path / "trips.csv", rows)).days] == list(DAYS)


def test_a_city_on_the_antimeridian_is_one_city(tmp_path: Path) -> None:
    plain = read_trips(written(tmp_path / "plain.csv", trips_of()))
    rows = trips_of()
    for row in rows:
        for name in ("pickup_lon", "dropoff_lon"):
            lon = float(str(row[name])) - 7.27 + 180.0
            row[name] = lon if lon <= 180 else lon - 360
    city = read_trips(written(tmp_path / "trips.csv", rows))
    for ours, theirs in zip(city.days, plain.days, strict=True):
        assert ours.crow_m == pytest.approx(theirs.crow_m, abs=1e-3)
        assert float(np.hypot(*ours.pickup.T).max()) < 20_000


def shifts_of(path: Path, city: City, *spells: tuple[str, float, float]) -> tuple[list[float], list[float]]:
    """When the first day's cars come and go, of shifts given in seconds after its midnight."""
    rows: list[dict[str, object]] = [
        dict(zip(SHIFT, (car, MIDNIGHT + on, MIDNIGHT + off, 43.7, 7.27), strict=True))
        for car, on, off in spells
    ]
    by_day, _ = read_shifts(written(path, rows, SHIFT), city)
    found = by_day[DAYS[0]]
    return found.on_s.tolist(), found.off_s.tolist()


def test_shifts_of_one_car_that_overlap_are_one(tmp_path: Path) -> None:
    city, path = read_trips(written(tmp_path / "trips.csv", trips_of())), tmp_path / "shifts.csv"
    assert shifts_of(path, city, ("a", 0, 50), ("a", 0, 50)) == ([0], [50]), "written twice"
    assert shifts_of(path, city, ("a", 20, 90), ("a", 0, 50), ("a", 95, 99)) == ([0, 95], [90, 99])
    assert shifts_of(path, city, ("a", 0, 90), ("a", 10, 20), ("a", 80, 95)) == ([0], [95]), "one within"
    assert shifts_of(path, city, ("a", 0, 50), ("b", 20, 60)) == ([0, 20], [50, 60]), "two cars"
    assert shifts_of(path, city, ("a", 0, 50), ("a", 50, 60)) == ([0, 50], [50, 60]), "one after the other"


def test_a_shift_says_whose_it_is_and_goes_forward(tmp_path: Path) -> None:
    city, path = read_trips(written(tmp_path / "trips.csv", trips_of())), tmp_path / "shifts.csv"
    with pytest.raises(RecordingUnreadable, match="line 2: no cab_id"):
        shifts_of(path, city, ("", 0, 50))
    with pytest.raises(RecordingUnreadable, match="line 3: a shift ends before it begins"):
        shifts_of(path, city, ("a", 0, 50), ("a", 100, 60))
    with pytest.raises(RecordingUnreadable, match="no shift in it"):
        shifts_of(path, city)
    nobody = written(path, [], SHIFT[1:])
    with pytest.raises(RecordingUnreadable, match="no column cab_id"):
        read_shifts(nobody, city)
    assert COLUMNS[0] == SHIFT[0]


ODD: dict[str, object] = {"gps_km": -1}
ODD_TOO: dict[str, object] = {"pickup_lat": "north"}


def test_a_few_rows_that_cannot_be_true_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = trips_of(a_day=100)
    plain = read_trips(written(tmp_path / "plain.csv", [*rows[:40], *rows[41:200], *rows[201:]]))
    rows[40] |= ODD
    rows[200] |= ODD_TOO
    path, out = written(tmp_path / "trips.csv", rows), tmp_path / "out.json"
    city = read_trips(path)
    assert city.left_out == (
        "line 202: pickup_lat is not a number: 'north'",
        "line 42: gps_km is -1, not a length in kilometres",
    )
    for ours, theirs in zip(city.days, plain.days, strict=True):
        assert ours.request_s.tolist() == theirs.request_s.tolist()
        assert ours.pickup_cell.tolist() == theirs.pickup_cell.tolist()
    command = ["replay", str(path), "--fleet", "4", "--days", DAYS[0], "--window", "60", "--json", str(out)]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "2 rows that cannot be true are left out; the first: line 202" in told.err
    assert "2 trips that cannot be true left out." in told.out
    assert json.loads(out.read_text())["left_out"] == {"trips": 2, "shifts": 0}


def test_where_more_than_a_few_cannot_be_true_the_file_is_another(tmp_path: Path) -> None:
    rows = trips_of(a_day=100)
    for place in range(40, 43):
        rows[place] |= ODD
    assert len(read_trips(written(tmp_path / "trips.csv", rows)).left_out) == 3
    rows[7] |= ODD_TOO
    with pytest.raises(RecordingUnreadable, match="line 9: pickup_lat is not a number"):
        read_trips(written(tmp_path / "trips.csv", rows))
