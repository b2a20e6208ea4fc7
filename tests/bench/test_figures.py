"""Figures say what was measured, and the command line says what can be."""

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import machine
from bench.figures import Outcome, Spread, keep, significant, table


def an_outcome(**changes: object) -> Outcome:
    fields: dict[str, object] = {
        "name": "accepts",
        "measures": "how fast",
        "peer": "the least there can be",
        "sizes": {"requests": 2},
        "figures": {"won_ms": Spread.of([3.0, 1.0, 2.0]), "winners_per_s": 12.34567},
        "ratios": {"to_bare": 0.25},
    }
    return Outcome(**(fields | changes))  # type: ignore[arg-type]


def test_a_spread_is_made_of_samples_that_were_measured():
    spread = Spread.of([float(number) for number in range(100, 0, -1)])
    assert (spread.n, spread.median, spread.p95, spread.least, spread.most) == (100, 50.5, 95.0, 1.0, 100.0)
    assert Spread.of([7.0]).p95 == 7.0


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_figures_keep_four_digits():
    assert significant(1234.567) == 1235.0
    assert significant(0.0012345) == pytest.approx(0.001234, abs=1e-6)
    assert significant(0) == 0


def test_a_kept_report_can_be_read_again(tmp_path: Path):
    file = keep(an_outcome().as_json(), "accepts", tmp_path / "results")
    report = json.loads(file.read_text())
    assert report["figures"]["won_ms"] == {"n": 3, "median": 2.0, "p95": 3.0, "min": 1.0, "max": 3.0}
    assert report["figures"]["winners_per_s"] == 12.35
    assert report["ratios"] == {"to_bare": 0.25}


def test_the_table_says_when_something_was_unsound():
    assert "UNSOUND" not in table(an_outcome())
    said = table(an_outcome(sound=False, notes=["a request engaged twice: 1"]))
    assert "UNSOUND" in said
    assert "engaged twice" in said


def test_the_machine_is_told_with_its_versions():
    told = machine.describe()
    assert told["cores"] >= 1
    assert told["memory_gb"] > 0
    assert told["packages"]["asyncpg"]
    assert len(machine.load()) == 3


def test_a_name_that_is_not_there_is_told_what_is(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        bench.main(["speed"])
    assert left.value.code == 2
    words = capsys.readouterr().err
    assert "no benchmark 'speed'" in words
    assert all(known in words for known in bench.BENCHMARKS)


def test_a_run_keeps_each_report_with_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(bench.BENCHMARKS, "accepts", lambda seed, say: an_outcome())
    all_of_it = tmp_path / "all.json"
    assert bench.main(["accepts", "--seed", "7", "--json", str(all_of_it)], tmp_path) == 0
    kept = json.loads((tmp_path / "accepts.json").read_text())
    assert kept["seed"] == 7
    assert kept["machine"]["load_before"]
    assert json.loads(all_of_it.read_text())["accepts"]["date"] == kept["date"]
    assert "how fast" in capsys.readouterr().out


def test_an_unsound_run_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(bench.BENCHMARKS, "town", lambda seed, say: an_outcome(sound=False))
    assert bench.main(["town"], tmp_path) == 1
