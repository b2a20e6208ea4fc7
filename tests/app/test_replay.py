"""`./coudmain replay` on a small made-up city: what it reads, what it writes, what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.cli import main
from app.replay.arguments import add_to
from app.replay.files import RecordingUnreadable, read_shifts, read_trips
from matching.whatif.outcome import SENIORITY
from matching.whatif.policies import POLICIES
from tests.app.recordings import COLUMNS, DAYS, OFFSET, trips_of, written

pytestmark = pytest.mark.usefixtures("log_of_its_own")  # the command sets up the log of its process


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    return written(tmp_path / "trips.csv.gz", trips_of())


@pytest.fixture
def shifts(tmp_path: Path) -> Path:
    midnight = (datetime.fromisoformat(DAYS[0]).replace(tzinfo=UTC) - OFFSET).timestamp()
    rows: list[dict[str, object]] = [
        {
            "cab_id": cab,
            "start_unix": midnight + start,
            "end_unix": midnight + start + 80_000,
            "start_lat": 43.70,
            "start_lon": 7.27,
            "fixes": 1,
        }
        for cab in range(4)
        for start in (-3_600, 86_400, 2 * 86_400)
    ]
    return written(tmp_path / "shifts.csv", rows, tuple(rows[0]))


def test_the_local_clock_is_found_from_the_days(trips: Path) -> None:
    city = read_trips(trips)
    assert city.offset_s == OFFSET.total_seconds()
    assert [day.name for day in city.days] == list(DAYS)
    assert [day.weekend for day in city.days] == [False, False, True]
    assert all(len(day) == 60 for day in city.days)


def test_without_days_they_are_those_of_utc(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.csv", trips_of(), COLUMNS[1:7])
    assert sum(len(day) for day in read_trips(plain).days) == 180


def test_a_shift_that_crosses_midnight_belongs_to_both_days(trips: Path, shifts: Path) -> None:
    by_day, left_out = read_shifts(shifts, read_trips(trips))
    assert not left_out
    assert [of.cars for of in by_day.values()] == [4, 4, 4]
    assert by_day[DAYS[0]].on_s.min() == -3_600


def test_a_replay_compares_policies_in_pairs_and_says_what_it_learnt_from(
    trips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    command = ["replay", str(trips), "--fleet", "4", "--policy", "batch,nearest,fair", "--window", "60"]
    assert main([*command, "--json", str(out), "--html", str(page)]) == 0
    told = json.loads(out.read_text())
    for of in (told, *told["policies"], *told["per_day"]):
        for name in ("policy", "fleet", "days", "service_rate", "revenue_share", "mean_wait_s", "p95_wait_s",
                     "dead_km_per_trip", "gini"):  # fmt: skip
            assert name in of, name
    assert (told["policy"], told["fleet"], told["days"]) == ("batch", 4, list(DAYS))
    assert [of["day"] for of in told["per_day"]] == list(DAYS)
    assert [(of["policy"], of["less"]) for of in told["differences"]] == [
        ("nearest", "batch"),
        ("fair", "batch"),
    ]
    assert told["differences"][0]["pairs"] == 3
    for day in DAYS:
        assert day not in told["learnt"][day]["travel_from"]
        assert told["learnt"][day]["honest"]
    said = capsys.readouterr().out
    assert "Leave one day out" in said
    assert "nearest less batch" in said
    check_page(page.read_text())


def test_a_policy_that_looks_ahead_learns_from_other_days_and_differs_only_by_its_term(
    tmp_path: Path,
) -> None:
    """One car for a town that wants three: with its term switched off it is `batch`, with it it is not."""
    trips = written(tmp_path / "trips.csv", trips_of(DAYS[:2], a_day=300))
    found = []
    for said in ([], ["--weights", "anticipation=0"]):
        out = tmp_path / "out.json"
        command = ["replay", str(trips), "--days", DAYS[0], "--fleet", "1", "--policy", "batch,anticipate"]
        assert main([*command, "--window", "60", *said, "--json", str(out)]) == 0
        found.append(
            [
                {**of, "policy": "", "cpu_s": 0, "per_day": []}
                for of in json.loads(out.read_text())["policies"]
            ]
        )
    assert found[0][0] == found[1][0] == found[1][1]
    assert found[0][1] != found[0][0]


class Reader(HTMLParser):
    """Counts what a page opens and closes, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.images = 0
        self.described = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe"}:
            self.fetched.append(tag)
        self.fetched += [f"{name}={value}" for name, value in attrs if name in {"src", "href"}]
        named = dict(attrs)
        if tag == "svg" and named.get("role") == "img":
            self.images += 1
            assert named.get("aria-label")
        self.described += tag == "desc"
        if tag not in {"meta", "line", "rect", "path"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "path"}:
            assert self.open.pop() == tag


def check_page(html: str) -> None:
    """One file, nothing fetched, every plot with its description, light and dark, fit for a phone."""
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    assert reader.fetched == []
    assert reader.images == reader.described >= 5
    assert "prefers-color-scheme" in html
    order = [html.index(f">{words}</text>") for words in SENIORITY]
    assert order == sorted(order), "time on duty from the shortest to the longest"
    below = re.findall(r'text-anchor="middle">([^<]*)</text>', html)
    assert not [label for label in below if len(label) > 24 or label.endswith("fff")], (
        "too long for its place"
    )
    assert re.search(r"<th scope=row>1: 87[0-9a-f]{13}</th>", html), "a zone's id is in the table"
    assert 'name="viewport"' in html
    assert not re.search(r"https?://|NaN|Infinity", html)


def test_the_same_seed_gives_the_same_report(trips: Path, tmp_path: Path) -> None:
    reports = []
    for name in ("a.json", "b.json"):
        out = tmp_path / name
        assert main(["replay", str(trips), "--days", DAYS[1], "--fleet", "3", "--json", str(out)]) == 0
        reports.append(re.sub(r'"cpu_s": [0-9.]+', "", out.read_text()))
    assert reports[0] == reports[1]


def test_real_shifts_are_the_fleet_where_they_are_given(trips: Path, shifts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = ["replay", str(trips), "--shifts", str(shifts), "--days", ",".join(DAYS[:2])]
    assert main([*command, "--policy", "nearest", "--json", str(out)]) == 0
    told = json.loads(out.read_text())
    assert told["fleet"] == "shifts"
    assert told["learnt"][DAYS[0]]["travel_from"] == [DAYS[2]], "only days that are not lived teach"


def test_without_a_fleet_it_fits_the_demand_of_other_days(trips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert main(["replay", str(trips), "--days", DAYS[0], "--policy", "nearest", "--json", str(out)]) == 0
    assert 1 <= json.loads(out.read_text())["fleet"] <= 10


def test_a_single_day_was_learnt_from_itself_and_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = written(tmp_path / "one.csv", trips_of(DAYS[:1]))
    assert main(["replay", str(alone), "--fleet", "3", "--policy", "nearest"]) == 0
    assert "flatter" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "2026-04-01"], "no trip on 2026-04-01"),
        (["--fleet", "shifts"], "needs --shifts"),
        (["--shifts", "/nowhere.csv"], "nowhere.csv"),
        (["--json", "/nowhere/out.json"], "no directory /nowhere"),
        (["--html", "/"], "/ is a directory"),
        (["--fleet", "1", "--window", "300", "--json", "/dev/full"], "/dev/full: No space left"),
    ],
)
def test_what_cannot_be_lived_is_refused_in_a_line(
    trips: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["replay", str(trips), *arguments]) == 1
    assert words in capsys.readouterr().err


def test_it_says_by_which_clock_and_how_far_it_is(
    trips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.replay.days.QUIET_S", 0.0)
    command = ["--fleet", "3", "--policy", "nearest", "--window", "300"]
    assert main(["replay", str(trips), "--days", DAYS[0], *command]) == 0
    told = capsys.readouterr()
    assert "-7 h from UTC" in told.out
    assert f"{DAYS[0]} nearest seed 1: lived until 01:00" in told.err
    plain = written(tmp_path / "plain.csv", trips_of(), COLUMNS[1:7])
    assert main(["replay", str(plain), *command]) == 0
    assert "days and hours are UTC's" in capsys.readouterr().out


def test_a_day_on_which_nobody_works_wants_a_fleet(
    trips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    midnight = (datetime.fromisoformat(DAYS[0]).replace(tzinfo=UTC) - OFFSET).timestamp()
    shift: dict[str, object] = {
        "cab_id": 1,
        "start_unix": midnight,
        "end_unix": midnight + 80_000,
        "start_lat": 43.7,
        "start_lon": 7.27,
    }
    file = written(tmp_path / "shifts.csv", [shift], tuple(shift))
    assert main(["replay", str(trips), "--shifts", str(file)]) == 1
    assert f"no shift on {DAYS[1]}: leave the day out" in capsys.readouterr().err
    assert main(["replay", str(trips), "--shifts", str(file), "--days", DAYS[0], "--policy", "nearest"]) == 0


@pytest.mark.parametrize(("loaded", "said"), [("numpy", "trips.csv"), ("sqlalchemy", "--from-db=2026-03-05")])
def test_an_interrupt_while_it_loads_is_quiet(tmp_path: Path, loaded: str, said: str) -> None:
    (tmp_path / f"{loaded}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join((str(tmp_path), str(Path.cwd())))
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "app.replay", said],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


def test_a_replay_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay"]) == 2
    assert "TRIPS.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pickup_lat": "north"}, "line 3: pickup_lat is not a number"),
        ({"pickup_lat": 95}, "line 3: no place on earth"),
        ({"pickup_lon": "nan"}, "line 3: pickup_lon is not a number"),
        ({"dropoff_unix": 0}, "line 3: a trip ends before it begins"),
        ({"dropoff_unix": 4_000_000_000}, "line 3: a trip of more than a day"),
        ({"pickup_unix": 1_772_733_600_000}, "line 3: pickup_unix is 1772733600000, not seconds"),
        ({"pickup_lat": 0, "pickup_lon": 0}, "line 3: pickup at (0, 0) is over 1,000 km"),
        ({"dropoff_lat": 0, "dropoff_lon": 0}, "line 3: dropoff at (0, 0) is over 1,000 km"),
        ({"gps_km": -1}, "line 3: gps_km is -1, not a length"),
        ({"gps_km": 4263}, "line 3: gps_km is 4263, not a length in kilometres"),
        ({"local_day": "yesterday"}, "line 3: local_day is not a day"),
        ({"local_day": ""}, "line 3: local_day is not a day"),
        ({"local_day": "2026-01-01"}, "is not on 2026-01-01"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    rows = trips_of(DAYS[:1], a_day=3)
    rows[1] |= change
    with pytest.raises(RecordingUnreadable, match=re.escape(words)):
        read_trips(written(tmp_path / "wrong.csv", rows))


def test_a_missing_column_and_an_empty_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnreadable, match="no column dropoff_unix"):
        read_trips(written(tmp_path / "short.csv", trips_of(), ("pickup_unix", *COLUMNS[3:])))
    with pytest.raises(RecordingUnreadable, match="no trip"):
        read_trips(written(tmp_path / "empty.csv", []))
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(RecordingUnreadable, match=r"broken\.csv\.gz"):
        read_trips(tmp_path / "broken.csv.gz")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--policy", "kind"],
        ["--fleet", "0"],
        ["--fleet", "many"],
        ["--seed", "-1"],
        ["--seed", "one"],
        ["--window", "0"],
        ["--window", "long"],
        ["--weights", "kindness=1"],
        ["--weights", "fairness_s=-1"],
        ["--weights", "fairness_s=much"],
        ["--weights", "nobody_s=1e308"],
        ["--days", ","],
        ["--from-db", "yesterday"],
    ],
)
def test_an_argument_that_means_nothing_is_refused(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = ArgumentParser()
    add_to(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["trips.csv", *wrong])
    assert "value: '" not in capsys.readouterr().err, (
        "says what is wanted, not which function was not content"
    )
    assert set(POLICIES) >= {"batch", "nearest"}
