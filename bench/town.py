"""`town`: what the running town costs: memory and processor time of the engine, its phones and its database."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.figures import Outcome, Spread
from bench.processes import Cost, EngineProcess, children_of, cost_of, cost_of_postgres, data, engine

LOOK_EVERY: Final = 1.0  # s
END_WITHIN: Final = 90.0  # s over what was asked, to start, to settle and to stop

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The town's, as `up` has it."""

    seconds: float = 60.0
    speed: float = 12.0
    drivers: int = 60
    jobbers: int = 40
    customers: int = 80
    idle_s: float = 5.0  # of an engine nobody uses: the peer


@dataclass(frozen=True, slots=True)
class Look:
    """The three parts at one moment."""

    engine: Cost
    town: Cost
    postgres: Cost


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """`./coudmain up --for … --speed …` over a fresh database, watched from outside; first an idle `serve`."""
    with data() as directory:
        idle = await _idle(directory, sizes.idle_s)
        say(f"idle engine: {idle.engine.pss_mb:.0f} MB, its database {idle.postgres.pss_mb:.0f} MB")
        report, looks = await _watched(directory, sizes, seed)
    say(f"finished: {report['finished']}")
    return _outcome(sizes, report, looks, idle)


def _outcome(sizes: Sizes, report: dict[str, Any], looks: list[Look], idle: Look) -> Outcome:
    finished, last = report["finished"], looks[-1]
    figures: dict[str, Spread | float] = {
        "engine_mb": Spread.of([look.engine.pss_mb for look in looks]),
        "town_mb": Spread.of([look.town.pss_mb for look in looks]),
        "postgres_mb": Spread.of([look.postgres.pss_mb for look in looks]),
        "engine_cpu_s": last.engine.cpu_s,
        "town_cpu_s": max(look.town.cpu_s for look in looks),
        "postgres_cpu_s": last.postgres.cpu_s,
        "finished_rides": finished["rides"],
        "finished_odd_jobs": finished["odd_jobs"],
        "finished_parcels": finished["parcels"],
    }
    waits = report["town"].get("request_to_offer_ms")
    if waits:
        figures["request_to_offer_ms"] = Spread.of(waits)
    deeds = sum(finished.values())
    if deeds:
        figures["engine_cpu_ms_per_finished"] = (last.engine.cpu_s - idle.engine.cpu_s) * 1e3 / deeds
    broken = [f"{name}: {count}" for name, count in report["breaches"].items()]
    return Outcome(
        name="town",
        measures="memory (PSS) and processor seconds of the living town, each part by itself",
        peer="the same engine and database with nobody there",
        sizes={
            "seconds": sizes.seconds,
            "speed": sizes.speed,
            "drivers": sizes.drivers,
            "jobbers": sizes.jobbers,
            "customers": sizes.customers,
        },
        figures=figures
        | {
            "idle_engine_mb": idle.engine.pss_mb,
            "idle_postgres_mb": idle.postgres.pss_mb,
            "idle_engine_cpu_s": idle.engine.cpu_s,
        },
        ratios={
            "engine_memory_to_idle": _most(looks, "engine") / idle.engine.pss_mb,
            "postgres_memory_to_idle": _most(looks, "postgres") / idle.postgres.pss_mb,
        },
        notes=[
            "processor seconds count from the process's start: imports and street data are 2 to 3 of the engine's",
            f"phones move {sizes.speed:g} times faster than life; the engine's clocks are real",
            *broken,
        ],
        sound=bool(report["ok"]),
    )


def _most(looks: list[Look], part: str) -> float:
    return max(float(getattr(look, part).pss_mb) for look in looks)


async def _idle(directory: Path, seconds: float) -> Look:
    with engine(directory) as process:
        await asyncio.sleep(seconds)
        return _look(process, directory)


async def _watched(directory: Path, sizes: Sizes, seed: int) -> tuple[dict[str, Any], list[Look]]:
    told = directory / "town.json"
    process = EngineProcess(directory, [
        "up", "--for", str(sizes.seconds), "--speed", str(sizes.speed), "--seed", str(seed),
        "--drivers", str(sizes.drivers), "--jobbers", str(sizes.jobbers), "--customers", str(sizes.customers),
        "--json", str(told),
    ])  # fmt: skip
    looks: list[Look] = []
    try:
        async with asyncio.timeout(sizes.seconds + END_WITHIN):
            while process.process.poll() is None:
                look = _look(process, directory)
                if look.town.pss_mb and look.postgres.pss_mb:
                    looks.append(look)
                await asyncio.sleep(LOOK_EVERY)
    finally:
        process.end()
    if not told.exists() or not looks:
        raise RuntimeError(f"the town told nothing: {process.last_words()}")
    report: dict[str, Any] = json.loads(told.read_text())
    return report, looks


def _look(process: EngineProcess, directory: Path) -> Look:
    town = [cost_of(child) for child in children_of(process.process.pid) if _is_town(child)]
    return Look(cost_of(process.process.pid), sum(town, Cost()), cost_of_postgres(directory))


def _is_town(pid: int) -> bool:
    try:
        return b"app.town" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
