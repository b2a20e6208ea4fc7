"""`phones`: thousands of sockets on one engine process, drivers reporting and customers tracking, from outside.

The peer is a server that decodes the same frames and does nothing, under the same uvicorn, in the same run.
"""

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.figures import Outcome, Spread
from bench.ingest import Ears, PhoneClock, Taken, over_http, over_sockets
from bench.machine import load
from bench.people import Person, registry
from bench.processes import cluster_of, cost_of, data, engine
from bench.rides import Rides
from bench.wire import Line

MARKET: Final = "monaco"
SERVICE: Final = "ride-vtc"
TRIES: Final = 5  # to be welcomed: a busy engine says "not now; retry_ms", and a phone comes back
AT_ONCE: Final = 20  # sockets opened side by side
WARM: Final = 50  # sockets opened before memory is counted: pools and caches fill with them
SPARE_FILES: Final = 200  # descriptors of a process beside its sockets

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the sockets, `drivers` are on duty; `reporting` of them send as fast as the server takes it."""

    sockets: int = 10_000
    drivers: int = 5_000
    bare_sockets: int = 1_000
    reporting: int = 200
    rounds: int = 3
    posts: int = 4
    idle_s: float = 10.0
    paces: Sequence[tuple[int, float]] = (
        (100, 5.0),
        (200, 10.0),
        (300, 20.0),
        (500, 50.0),
    )  # requests, so many a second


@dataclass(frozen=True, slots=True)
class Held:
    """Sockets that are open, what each keeps, what opening one cost, and what keeping them idle does."""

    lines: list[Line]
    kb: float
    open_cpu_us: float


@dataclass(frozen=True, slots=True)
class Ingest:
    single: Taken
    tens: Taken
    posted: Taken


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """The bare server first, then the engine over a database of its own."""
    files = more_files()
    if files < sizes.sockets + SPARE_FILES:
        raise RuntimeError(f"{sizes.sockets} sockets need more than {files} open files (ulimit -n)")
    with _bare() as (port, pid):
        strangers = [Person.nobody()] * (sizes.bare_sockets + WARM)
        bare_ears = Ears()
        bare = await hold(port, pid, strangers, bare_ears)
        bare_ingest = await _ingest(port, pid, bare.lines[: sizes.reporting], strangers, bare_ears, sizes)
        hang_up(bare.lines)
    say(f"bare: {bare.kb:.1f} KB a socket, {bare_ingest.single.cpu_us:.1f} us a fix (load {load()[0]})")
    with data() as directory, engine(directory) as process:
        pid = process.process.pid
        async with registry(directory) as people:
            everybody = await people.people(sizes.sockets + WARM)
            drivers = everybody[WARM : WARM + sizes.drivers]
            await people.on_duty(drivers, MARKET, SERVICE)
        ears = Ears()
        held = await hold(process.port, pid, everybody, ears, say)
        say(f"{len(held.lines)} held: {held.kb:.1f} KB each (load {load()[0]})")
        before = cost_of(pid).cpu_s
        await asyncio.sleep(sizes.idle_s)
        idle = (cost_of(pid).cpu_s - before) / sizes.idle_s * 100
        taken = await _ingest(
            process.port, pid, held.lines[: sizes.reporting], drivers[: sizes.reporting], ears, sizes
        )
        say(f"{taken.single.cpu_us:.1f} us a fix, {taken.posted.cpu_us:.1f} posted (load {load()[0]})")
        customers = list(zip(held.lines, everybody[WARM:], strict=True))[sizes.drivers :]
        rides, database = dict[str, Rides](), cluster_of(directory).url()
        for requests, per_s in sizes.paces:
            ask, customers = customers[:requests], customers[requests:]
            ridden = rides[f"_at_{per_s:g}_a_s"] = Rides(
                [process.url],
                lambda: {"engine": cost_of(pid).cpu_s},
                held.lines[: sizes.drivers],
                ask,
                database,
                seed,
            )
            await ridden.run(per_s)
            say(f"{requests} requests at {per_s:g} a second: {len(ridden.wrong)} errors (load {load()[0]})")
        hang_up(held.lines)
    lost = sum(line.closed_with is not None for line in held.lines)
    notes = [
        f"{len(held.lines)} sockets held, {lost} closed by the server",
        f"{len(ears.turned_away)} times a phone had to come back to be welcomed",
        f"open files allowed: {files}, the soft limit raised to the hard one",
        "Centrifugo publishes 30-50 KB a connection, nammayatri 30 KB: theirs hold no cursor on a durable log",
        "nammayatri's TP99 of 697 ms is an FCM push to a real phone: these are sockets on a loopback, another thing",
        *(f"{count} times{at}: {words}" for at, words, count in _gone_wrong(rides)),
    ]
    slowest = next(iter(rides.values()))
    wrong = lost + len(slowest.wrong) + taken.single.answers + taken.tens.answers + taken.posted.answers
    return Outcome(
        name="phones",
        measures="sockets of one engine process: memory, processor time a fix, and rides from request to tracking",
        peer="a server that decodes the same frames and does nothing, under the same uvicorn, in the same run",
        sizes={
            "sockets": sizes.sockets,
            "drivers": sizes.drivers,
            "bare_sockets": sizes.bare_sockets,
            "reporting": sizes.reporting,
            "requests": sum(requests for requests, _ in sizes.paces),
        },
        figures={
            "kb_per_socket": held.kb,
            "bare_kb_per_socket": bare.kb,
            "open_cpu_us": held.open_cpu_us,
            "bare_open_cpu_us": bare.open_cpu_us,
            "idle_percent_of_a_core": idle,
            **_figures("", taken),
            **_figures("bare_", bare_ingest),
            **{name: figure for at, ridden in rides.items() for name, figure in ridden.figures(at).items()},
        },
        ratios={
            "fixes_in_single_frames_to_bare": _share(bare_ingest.single, taken.single),
            "fixes_in_tens_to_bare": _share(bare_ingest.tens, taken.tens),
            "posted_fixes_to_bare": _share(bare_ingest.posted, taken.posted),
            **(
                {"memory_to_bare": held.kb / bare.kb} if bare.kb > 0 else {}
            ),  # a few sockets may take no page
        },
        notes=notes,
        sound=not wrong,
    )


def _share(bare: Taken, ours: Taken) -> float:
    """How much of our processor time the bare server takes; 0 where the clock's ticks were too coarse to tell."""
    return bare.cpu_us / ours.cpu_us if ours.cpu_us > 0 else 0.0


def _gone_wrong(rides: Mapping[str, Rides]) -> Iterator[tuple[str, str, int]]:
    """At which pace, what, how often. Beyond what a process can take errors are a finding, not a defect of the run."""
    for at, ridden in rides.items():
        for words, count in Counter(ridden.wrong).most_common(5):
            yield at.replace("_", " "), words, count


def _figures(prefix: str, ingest: Ingest) -> dict[str, Spread | float]:
    figures: dict[str, Spread | float] = {}
    for name, taken in (("single", ingest.single), ("tens", ingest.tens), ("posted", ingest.posted)):
        figures[f"{prefix}fix_{name}_cpu_us"] = taken.cpu_us
        if taken.cpu_us > 0:  # the processor's clock ticks in hundredths: a small run may cost none
            figures[f"{prefix}fixes_{name}_per_s_a_core"] = 1e6 / taken.cpu_us
    return figures


async def _ingest(
    port: int, pid: int, lines: Sequence[Line], people: Sequence[Person], ears: Ears, sizes: Sizes
) -> Ingest:
    clock = PhoneClock(9_000)  # a minute and a half of fixes: the oldest a server takes is two minutes old
    tokens = [person.token for person in people[: len(lines)]]
    await over_sockets(lines, ears, pid, clock, rounds=1, together=1)  # duties are read, code is warm
    single = await over_sockets(lines, ears, pid, clock, rounds=sizes.rounds, together=1)
    tens = await over_sockets(lines, ears, pid, clock, rounds=sizes.rounds, together=10)
    await over_http(port, tokens, pid, clock, posts=1, together=1)
    posted = await over_http(port, tokens, pid, clock, posts=sizes.posts, together=500)
    return Ingest(single, tens, posted)


async def hold(port: int, pid: int, people: Sequence[Person], ears: Ears, say: Say = lambda _: None) -> Held:
    """Open a socket for each and say hello; the first `WARM` are hung up and not counted."""
    hang_up(await opened(port, people[:WARM], ears))
    await asyncio.sleep(1)
    before, lines = cost_of(pid), []
    for start in range(WARM, len(people), 500):
        lines += await opened(port, people[start : start + 500], ears)
        say(f"{len(lines)} sockets")
    after = cost_of(pid)
    await asyncio.sleep(1)
    kb = (cost_of(pid).pss_mb - before.pss_mb) * 1e3 / len(lines)
    return Held(lines, kb, (after.cpu_s - before.cpu_s) / len(lines) * 1e6)


async def opened(port: int, people: Sequence[Person], ears: Ears) -> list[Line]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> Line:
        async with gate:
            for _ in range(TRIES):
                line = await Line.connected(port, ears.take, token=person.token)
                line.send(json.dumps({"t": "hello", "token": person.token}).encode())
                if await ears.welcomed(line):
                    return line
                ears.turned_away.append(line.closed_with)
                await asyncio.sleep(1)
            raise RuntimeError(f"no welcome, but closes: {ears.turned_away}")

    return list(await asyncio.gather(*(one(person) for person in people)))


def hang_up(lines: Sequence[Line]) -> None:
    for line in lines:
        line.end()


@contextlib.contextmanager
def _bare() -> Iterator[tuple[int, int]]:
    """The port and the process of the bare server."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline()), server.pid
        finally:
            server.stdin.close()


def more_files() -> int:
    """Raise the soft limit of open files to the hard one, for this process and those it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
