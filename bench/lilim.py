"""Pickup and delivery with windows: the instances of Li and Lim (2003), or made-up ones of the same families.

The published files (SINTEF's collection) are not part of the project: point `COUDMAIN_BENCH_LILIM` at a directory or a
`.tar.xz` that holds them, and at `best_known.csv` beside it. Without, six seeded instances of the same make are used.
"""

import csv
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from matching.tours.problem import Errand, Halt, TourProblem, Vehicle

WHERE: Final = "COUDMAIN_BENCH_LILIM"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance. `best`: the best known (vehicles, distance), where published."""

    name: str
    problem: TourProblem
    best: tuple[int, float] | None


def instances(seed: int) -> list[Instance]:
    """The published ones where they are to be had, else made-up ones."""
    found = os.environ.get(WHERE)
    return list(_published(Path(found))) if found else list(_made_up(seed))


def _published(where: Path) -> Iterator[Instance]:
    folder = where if where.is_dir() else where.parent
    best = {}
    if (folder / "best_known.csv").exists():
        with (folder / "best_known.csv").open() as lines:
            best = {
                row["instance"].lower(): (int(row["vehicles"]), float(row["distance"]))
                for row in csv.DictReader(lines)
            }
    texts = {name: text for name, text in _texts(where) if _is_instance(text)}
    if not texts:
        raise SystemExit(f"{WHERE}={where}: no instance there, neither as .txt nor in a .tar.xz")
    for name in sorted(texts):
        yield Instance(name, read(texts[name]), best.get(name.lower()))


def _texts(where: Path) -> Iterator[tuple[str, str]]:
    """Name and text of what may be instances: of this archive, else of the directory's files and archives."""
    for archive in [where] if where.is_file() else sorted(where.glob("*.tar.xz")):
        with tarfile.open(archive) as opened:
            for member in opened.getmembers():
                handle = opened.extractfile(member)
                if member.name.lower().endswith(".txt") and handle is not None:
                    yield Path(member.name).stem, handle.read().decode(errors="replace")
    for file in where.iterdir() if where.is_dir() else ():
        if file.suffix.lower() == ".txt":
            yield file.stem, file.read_text(errors="replace")


def _is_instance(text: str) -> bool:
    """Whether it begins as one: how many vehicles, their capacity, their speed; then nine numbers a task."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and [len(line) for line in lines[:2]] == [3, 9] and lines[0][0].isdecimal()


def read(text: str) -> TourProblem:
    """An instance file: vehicles and capacity; then a line a task: x, y, demand, window, service, its partner."""
    head, *lines = (list(map(float, line.split())) for line in text.splitlines() if line.strip())
    vehicles, capacity = int(head[0]), int(head[1])
    tasks = np.array(lines)
    xy = tasks[:, 1:3]
    seconds = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    errands = tuple(
        Errand(
            id=f"{int(task[0]):04}",
            pickup=_halt(task),
            drop=_halt(tasks[int(task[8])]),
            load=int(task[3]),
            nobody_s=1e6,
        )
        for task in tasks[1:]
        if task[3] > 0
    )
    fleet = tuple(
        Vehicle(id=f"{v:03}", start=0, end=0, until_s=float(tasks[0, 5]), capacity=capacity)
        for v in range(vehicles)
    )
    return TourProblem(errands=errands, vehicles=fleet, seconds=seconds, seed=1, room=len(tasks))


def _halt(task: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Halt:
    return Halt(
        place=int(task[0]), earliest_s=float(task[4]), latest_s=float(task[5]), service_s=float(task[6])
    )


def _made_up(seed: int) -> Iterator[Instance]:
    """Clustered, random and mixed places; short and long horizons: the six families, 50 pairs each."""
    for family in ("c1", "c2", "r1", "r2", "rc1", "rc2"):
        rng = np.random.default_rng([seed, *family.encode()])
        yield Instance(f"made-{family}", _made(rng, family), None)


def _made(rng: np.random.Generator, family: str, pairs: int = 50) -> TourProblem:
    long = family.endswith("2")
    horizon, capacity = (1_000.0, 1_000) if long else (240.0, 200)
    stops = 2 * pairs
    clustered = {"c": stops, "r": 0, "rc": stops // 2}[family[:-1]]
    hearts = rng.uniform(10, 90, (8, 2))
    near = hearts[rng.integers(8, size=clustered)] + rng.normal(0, 4, (clustered, 2))
    xy = np.rint(np.vstack(([[50, 50]], near, rng.uniform(0, 100, (stops - clustered, 2)))))
    seconds = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    order = 1 + rng.permutation(stops)
    errands = []
    for k, (p, d) in enumerate(zip(order[:pairs].tolist(), order[pairs:].tolist(), strict=True)):
        width = float(rng.uniform(0.1, 0.5) * horizon)
        service = 10.0
        latest = horizon - seconds[d, 0] - service - seconds[p, d] - service
        opens = float(rng.uniform(seconds[0, p], max(seconds[0, p], latest - width)))
        errands.append(
            Errand(
                id=f"{k:04}",
                pickup=Halt(
                    place=p,
                    earliest_s=opens,
                    latest_s=max(opens, min(opens + width, latest)),
                    service_s=service,
                ),
                drop=Halt(place=d, latest_s=horizon - seconds[d, 0] - service, service_s=service),
                load=int(rng.integers(5, 40)),
                nobody_s=1e6,
            )
        )
    fleet = tuple(
        Vehicle(id=f"{v:03}", start=0, end=0, until_s=horizon, capacity=capacity) for v in range(pairs)
    )
    return TourProblem(errands=tuple(errands), vehicles=fleet, seconds=seconds, seed=1, room=stops)
