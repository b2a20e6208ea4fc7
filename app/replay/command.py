"""`./coudmain replay`: read, live, tell."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
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
        check_targets((asked.json, asked.html))
        tell(f"reading {asked.trips}")
        city = read_trips(asked.trips)
        shifts, odd_shifts = read_shifts(asked.shifts, city) if asked.shifts else ({}, ())
        for path, left_out in ((asked.trips, city.left_out), (asked.shifts, odd_shifts)):
            if left_out:
                tell(
                    f"{path}: {len(left_out)} rows that cannot be true are left out; the first: {left_out[0]}"
                )
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
            tell,
        )
        told["left_out"] = {"trips": len(city.left_out), "shifts": len(odd_shifts)}
        print(table(told))
        for note in notes(told):
            print(note)
        write(asked.json, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        write(asked.html, page(told))
    except (RecordingUnreadable, NothingToLive, Unwritable) as problem:
        print(f"coudmain: {problem}", file=sys.stderr)
        return 1
    return 0


def tell(line: str) -> None:
    """Say what is being done, beside the report."""
    print(line, file=sys.stderr, flush=True)


class Unwritable(ValueError):
    """A report that cannot be written where it is wanted."""


def check_targets(paths: Iterable[Path | None]) -> None:
    """`Unwritable` for a report that has no place, before minutes are spent on it. Creates nothing."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise Unwritable(f"{path} is a directory: the report wants the name of a file")
        if not path.parent.is_dir():
            raise Unwritable(f"{path}: there is no directory {path.parent} to write the report in")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise Unwritable(f"{path}: the report may not be written there")


def write(path: Path | None, text: str) -> None:
    """Write a report where one is wanted. `Unwritable` where that fails."""
    if path is not None:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as told:
            raise Unwritable(f"{path}: {told.strerror}") from told
        tell(f"written: {path}")
