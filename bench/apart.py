"""`apart`: rides beside thousands of drivers, with everything in one process and with a process of each kind, and what
a request costs in each of them. The peer of either is the other, in the same run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import Settings, keys
from bench.crowd import MARKET, SERVICE, WARM, hang_up, hold, more_files
from bench.figures import Outcome, Spread
from bench.ingest import Ears
from bench.machine import load
from bench.people import Person, Registry, registry, registry_of
from bench.processes import cluster_of, cost_of, cost_of_postgres, data, engine
from bench.rides import Rides
from bench.spread import Installation, NatsServer
from bench.wire import Line

SECRET: Final = "one secret for every part of an installation"
SETTINGS: Final = {"COUDMAIN_SECRET": SECRET, "COUDMAIN_ROUND_WINDOW": "2"}  # as the one process has it
PARTS: Final = ("api", "api", "dispatch", "relay")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """So many drivers report; at each pace so many customers ask, one after another."""

    drivers: int = 5_000
    paces: Sequence[tuple[int, float]] = ((50, 5.0), (100, 10.0), (200, 20.0))  # requests, so many a second

    @property
    def customers(self) -> int:
        return sum(requests for requests, _ in self.paces)


@dataclass(frozen=True, slots=True)
class House:
    """An installation that runs: its gateways' ports, its processes by kind, its database."""

    ports: Sequence[int]
    pids: Mapping[str, Sequence[int]]
    directory: Path
    people: Registry

    def cpu_s(self) -> dict[str, float]:
        """Processor time so far, by kind; what PostgreSQL takes too."""
        spent = {kind: sum(cost_of(pid).cpu_s for pid in pids) for kind, pids in self.pids.items()}
        return spent | {"postgres": cost_of_postgres(self.directory).cpu_s}


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """One process first, then one of each kind."""
    if more_files() < 2 * (sizes.drivers + sizes.customers):
        raise RuntimeError(f"{sizes.drivers} drivers need more open files (ulimit -n)")
    figures: dict[str, Spread | float] = {}
    notes, wrong = list[str](), 0
    for layout, house in (("one", _one()), ("apart", _apart())):
        async with house as running:
            found, slowest = await _ride(running, layout, sizes, seed, say)
        figures |= found
        wrong += slowest
    whole = {
        layout: sum(_figure(figures[name]) for name in figures if name.startswith(f"{layout}_request_ms"))
        for layout in ("one", "apart")
    }
    notes += [
        f"apart: {', '.join(PARTS)}, NATS between them (its own cost is not counted)",
        "request_ms is of the slowest pace, without calm_percent (of a core): the drivers' reports and idle sockets",
    ]
    return Outcome(
        name="apart",
        measures="rides by one process of everything, and by a process of each kind: CPU a request, and how soon",
        peer="the other layout, over its own database, in the same run",
        sizes={"drivers": sizes.drivers, "requests": sizes.customers, "gateways": PARTS.count("api")},
        figures=figures,
        ratios={"request_cpu_apart_to_one": whole["apart"] / whole["one"]},
        notes=notes,
        sound=not wrong,
    )


async def _ride(
    house: House, layout: str, sizes: Sizes, seed: int, say: Say
) -> tuple[dict[str, Spread | float], int]:
    """Everybody's socket, half at each gateway; then the paces. What it came to, and the errors of the slowest."""
    everybody = await house.people.people(sizes.drivers + sizes.customers + WARM * len(house.ports))
    await house.people.on_duty(everybody[: sizes.drivers], MARKET, SERVICE)
    spare = everybody[sizes.drivers + sizes.customers :]
    drivers, askers = everybody[: sizes.drivers], everybody[sizes.drivers : sizes.drivers + sizes.customers]
    first, step = next(iter(house.pids.values()))[0], len(house.ports)
    lines, asking = list[Line](), list[tuple[Line, Person]]()
    for n, port in enumerate(house.ports):
        mine, theirs = drivers[n::step], askers[n::step]
        held = await hold(port, first, [*spare[n * WARM : (n + 1) * WARM], *mine, *theirs], Ears())
        lines += held.lines[: len(mine)]
        asking += zip(held.lines[len(mine) :], theirs, strict=True)
    say(f"{layout}: {len(lines) + len(asking)} sockets at {step} gateways (load {load()[0]})")
    gateways = [f"http://127.0.0.1:{port}" for port in house.ports]
    figures: dict[str, Spread | float] = {}
    errors = list[int]()
    for requests, per_s in sizes.paces:
        ask, asking = asking[:requests], asking[requests:]
        rides = Rides(gateways, house.cpu_s, lines, ask, cluster_of(house.directory).url(), seed)
        await rides.run(per_s)
        if not errors:
            calm = {f"{layout}_calm_percent_{kind}": rate * 100 for kind, rate in rides.calm.items()}
            each = {f"{layout}_request_ms_{kind}": ms for kind, ms in rides.cpu_ms_a_request().items()}
            figures |= calm | each
        at, found = f"_at_{per_s:g}_a_s", rides.figures("")
        kept = ("offer_less_window_ms", "accept_to_both_told_ms", "position_to_tracker_ms", "errors")
        figures |= {f"{layout}_{name}{at}": found[name] for name in kept if name in found}
        errors.append(len(rides.wrong))
        say(f"{layout}: {requests} requests at {per_s:g} a second: {errors[-1]} errors (load {load()[0]})")
    hang_up([*lines, *(line for line, _ in asking)])
    return figures, errors[0]


@contextlib.asynccontextmanager
async def _one() -> AsyncIterator[House]:
    with data() as directory, engine(directory) as process:
        async with registry(directory) as people:
            yield House([process.port], {"engine": [process.process.pid]}, directory, people)


@contextlib.asynccontextmanager
async def _apart() -> AsyncIterator[House]:
    with data() as directory, cluster_of(directory) as cluster:
        cluster.prepare()
        nats = NatsServer()
        installation = Installation(directory, cluster.url(), nats.url, SETTINGS)
        try:
            parts = [installation.starting(name) for name in PARTS]
            for part in parts:
                await asyncio.to_thread(part.wait)
            pids = {name: [part.process.pid for part in parts if part.name == name] for name in PARTS}
            secret = keys(Settings(secret=SECRET)).tokens
            async with registry_of(cluster.url(), secret) as people:
                yield House([part.port for part in parts if part.port], pids, directory, people)
        finally:
            await asyncio.to_thread(installation.close)
            nats.kill()


def _figure(figure: Spread | float) -> float:
    return figure.median if isinstance(figure, Spread) else figure
