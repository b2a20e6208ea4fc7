"""`./coudmain replay`: read, live, tell."""

import argparse
import json
import sys
from pathlib import Path

from app.replay.days import Asked, NothingToLive, report
from app.replay.files import RecordingUnreadable, read_shifts, read_trips
from app.replay.page import page
from app.replay.words import notes, table
from matching.whatif.simulate import Rules


def replay(asked: argparse.Namespace) -> int:
    """Live recorded trips as asked; the exit status."""
    if asked.trips is None:
        print("coudmain: replay wants TRIPS.csv, or --from-db DAY", file=sys.stderr)
        return 2
    try:
        city = read_trips(asked.trips)
        shifts = read_shifts(asked.shifts, city) if asked.shifts else {}
        told = report(
            Asked(
                days=asked.days,
                fleet=asked.fleet,
                policies=asked.policy,
                weights=asked.weights,
                seeds=asked.seed,
                rules=Rules(window_s=asked.window),
            ),
            city,
            shifts,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (RecordingUnreadable, NothingToLive) as problem:
        print(f"coudmain: {problem}", file=sys.stderr)
        return 1
    print(table(told))
    for note in notes(told):
        print(note)
    write(asked.json, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write(asked.html, page(told))
    return 0


def write(path: Path | None, text: str) -> None:
    """Write a report where one is wanted."""
    if path is not None:
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}", file=sys.stderr)
