"""`index`: the nearest of a moving fleet, one question and a thousand at once, and fixes by the hundred thousand.

The peers, in the same run: Redis (GEOADD, GEOSEARCH) over a Unix socket, PostGIS (`<->` on a GiST of geographies),
and numpy over memory, of all rows and of no more than the candidates.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np

from bench.figures import Outcome, Spread
from bench.fleet import Fleet
from bench.spatial import Floats, Postgis, Redis, postgis, redis
from geo.live import Fixes, LiveIndex
from geo.points import LatLng, on_sphere
from geo.units import Meters

Say = Callable[[str], None]

K: Final = 16
EVERYWHERE: Final = Meters(25e6)
UNITS: Final = {"one": "us", "batch": "ms", "updates": "ms"}
SCANNED: Final = 20  # questions a round for a scan of all rows, 1 to 12 ms each
FEW_RADIUS_M, MANY_RADIUS_M = (
    2_000.0,
    1_000.0,
)  # where Redis begins: what served it best at 100,000 and a million


@dataclass(frozen=True, slots=True)
class Sizes:
    """For each fleet, `rounds` times: `moved` report, `asked` ask one by one, then all at once."""

    fleets: Sequence[int] = (100_000, 1_000_000)
    rounds: int = 3
    moved: int = 100_000
    asked: int = 1_000
    checked: int = 100


@dataclass(slots=True)
class Samples:
    """What was timed, by name: each sample in the unit that ends the name."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.taken.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return Spread.of(self.taken[name]).median


async def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Each peer in turn within each round, so that a slow minute hits all."""
    samples, wrong, notes = Samples(), list[str](), list[str]()
    ratios: dict[str, float] = {}
    for size in sizes.fleets:
        dice = np.random.default_rng([seed, size])
        with redis(FEW_RADIUS_M if size < 500_000 else MANY_RADIUS_M) as cache:
            async with postgis() as database:
                trial = Trial(sizes, Fleet.over_france(size, dice), dice, samples)
                await trial.load(cache, database, say)
                for round_ in range(sizes.rounds):
                    await trial.round(round_, cache, database)
                    say(f"{size} providers, round {round_ + 1}: {trial.said()}")
                wrong += trial.wrong
                notes += trial.notes
        if cache is None:
            notes.append("Redis left out: redis-server or its Python client is not installed here")
        ratios |= _ratios(samples, f"_{_short(size)}", sizes.asked, with_redis=cache is not None)
    return Outcome(
        name="index",
        measures="16 nearest of a moving fleet: one question, a batch, batched updates; in process, one thread",
        peer="Redis over a Unix socket, PostGIS without fsync, numpy over memory, in the same run",
        sizes={
            "rounds": sizes.rounds,
            "moved": sizes.moved,
            "asked": sizes.asked,
            "checked": sizes.checked,
            "k": K,
        },
        figures={name: Spread.of(values) for name, values in samples.taken.items()},
        ratios=ratios,
        notes=[*wrong, *notes],
        sound=not wrong,
    )


def _ratios(samples: Samples, of: str, asked: int, *, with_redis: bool) -> dict[str, float]:
    """How many times as long each peer takes, by the wall and in processor time (its server's included).

    The last: how many times as long as a bare scan of the candidates a question of a batch takes.
    """
    found: dict[str, float] = {}
    for peer in ("redis", "postgis") if with_redis else ("postgis",):
        for what, unit in UNITS.items():
            for clock in ("", "_cpu"):
                theirs = samples.median(f"{peer}_{what}{of}{clock}_{unit}")
                found[f"{peer}_to_ours_{what}{of}{clock}"] = theirs / samples.median(
                    f"{what}{of}{clock}_{unit}"
                )
    found[f"scan_of_all_to_one{of}"] = samples.median(f"scan_of_all{of}_us") / samples.median(f"one{of}_us")
    a_question_us = samples.median(f"batch{of}_cpu_ms") * 1e3 / asked
    found[f"batch_to_scan_of_candidates{of}"] = a_question_us / samples.median(f"scan_of_candidates{of}_us")
    return found


def _short(size: int) -> str:
    return (
        f"{size // 1_000_000}m" if size >= 1_000_000 else f"{size // 1_000}k" if size >= 1_000 else str(size)
    )


class Trial:
    """One fleet, in our index and in the peers."""

    def __init__(self, sizes: Sizes, fleet: Fleet, dice: np.random.Generator, samples: Samples) -> None:
        self.sizes, self.fleet, self.dice, self.samples = sizes, fleet, dice, samples
        self.of = f"_{_short(len(fleet.ids))}"
        self.wrong: list[str] = []
        self.notes: list[str] = []
        self.now = 1_700_000_000.0
        self.index = LiveIndex()
        self.moved = min(sizes.moved, len(fleet.ids))

    async def load(self, cache: Redis | None, database: Postgis, say: Say) -> None:
        """Everybody on duty, everywhere; then one question, so that loops are compiled before anything is timed."""
        fleet, began = self.fleet, time.process_time()
        for provider in fleet.ids:
            self.index.put_on_duty(provider, 1)
        self._report(fleet.ids, fleet.lat, fleet.lon)
        self.index.nearest(LatLng(48, 2), k=K, within_m=EVERYWHERE, now=self.now)
        self.samples.add(f"load{self.of}_cpu_s", time.process_time() - began)
        if cache is not None:
            cache.put([str(provider) for provider in fleet.ids], fleet.lat, fleet.lon)
        await database.load(fleet.ids, fleet.lat, fleet.lon)
        say(f"{len(fleet.ids)} providers are everywhere")

    async def round(self, round_: int, cache: Redis | None, database: Postgis) -> None:
        """Updates, one question at a time, and all of them at once; then whether all was right."""
        rows = self.fleet.move(self.moved, self.dice)
        ids = [self.fleet.ids[row] for row in rows.tolist()]
        lat, lon = self.fleet.lat[rows], self.fleet.lon[rows]
        self.now += 5.0
        with self._timed("updates", "ms"):
            taken = self._report(ids, lat, lon)
        if taken != self.moved:
            self.wrong.append(f"{self.moved - taken} of {self.moved} fixes refused")
        self._by_rows(ids, lat, lon)
        if cache is not None:
            members = [str(provider) for provider in ids]
            with self._timed("redis_updates", "ms", cache):
                cache.put(members, lat, lon)
        with self._timed("postgis_updates", "ms", database):
            await database.put(ids, lat, lon)
        lats, lons = self.fleet.askers(self.sizes.asked, self.dice)
        ours = await self._questions(lats, lons, cache, database)
        self._check(lats, lons, ours)
        if round_ == 0:
            self._recall(ours, "PostGIS", await database.nearest_many(lats.tolist(), lons.tolist(), K))
            if cache is not None:
                theirs = cache.nearest_many(lats.tolist(), lons.tolist(), K)
                self._recall(ours, "Redis", [[UUID(hit[0].decode()) for hit in hits] for hits in theirs])

    def _by_rows(self, ids: list[UUID], lat: Floats, lon: Floats) -> None:
        """The same again a moment later, by one who keeps the rows instead of the ids."""
        rows, self.now = self.index.rows_of(ids), self.now + 1.0
        with self._timed("updates_by_row", "ms"):
            self.index.report_rows(rows, Fixes.of(lat, lon, np.full(len(lat), self.now)), self.now)

    async def _questions(
        self, lats: Floats, lons: Floats, cache: Redis | None, database: Postgis
    ) -> list[list[UUID | None]]:
        pairs = list(zip(lats.tolist(), lons.tolist(), strict=True))
        with self._timed("one", "us", each=len(pairs)):
            for lat, lon in pairs:
                rows, _ = self.index.nearest_many([lat], [lon], k=K, within_m=EVERYWHERE, now=self.now)
                self.index.providers_of(rows[0])
        with self._timed("one_as_objects", "us", each=len(pairs)):
            for lat, lon in pairs:
                self.index.nearest(LatLng(lat, lon), k=K, within_m=EVERYWHERE, now=self.now)
        if cache is not None:
            with self._timed("redis_one", "us", cache, each=len(pairs)):
                for lat, lon in pairs:
                    cache.nearest(lat, lon, K)
        with self._timed("postgis_one", "us", database, each=len(pairs)):
            for lat, lon in pairs:
                await database.nearest(lat, lon, K)
        with self._timed("batch", "ms"):
            rows, away = self.index.nearest_many(lats, lons, k=K, within_m=EVERYWHERE, now=self.now)
        if cache is not None:
            with self._timed("redis_batch", "ms", cache):
                cache.nearest_many(lats.tolist(), lons.tolist(), K)
        with self._timed("postgis_batch", "ms", database):
            await database.nearest_many(lats.tolist(), lons.tolist(), K)
        self._scans(lats, lons, away)
        return [self.index.providers_of(hits) for hits in rows]

    def _scans(self, lats: Floats, lons: Floats, away: Floats) -> None:
        """All rows for a few questions; then, for the same, what lies within 1.5 times the last hit, laid out."""
        everybody, points = on_sphere(self.fleet.lat, self.fleet.lon), on_sphere(lats, lons)
        near: list[Floats] = []
        for point, last in zip(points[:SCANNED], away[:SCANNED, -1], strict=False):
            began = time.process_time()
            dx, dy, dz = (everybody - point).T
            chord2 = dx * dx + dy * dy + dz * dz
            nearest = np.argpartition(chord2, K - 1)[:K]
            nearest[np.argsort(chord2[nearest])]
            self.samples.add(f"scan_of_all{self.of}_us", (time.process_time() - began) * 1e6)
            near.append(everybody[chord2 <= (1.5 * last / 6.371e6) ** 2] - point)
        candidates = np.concatenate(near)
        again = 100
        began = time.process_time()
        for _ in range(again):
            dx, dy, dz = candidates.T
            dx * dx + dy * dy + dz * dz
        took = (time.process_time() - began) / again / len(near)
        self.samples.add(f"scan_of_candidates{self.of}_us", took * 1e6)
        self.samples.add(f"candidates{self.of}", len(candidates) / len(near))

    def _check(self, lats: Floats, lons: Floats, ours: list[list[UUID | None]]) -> None:
        """Against everybody measured, bit by bit; ties by id."""
        everybody = on_sphere(self.fleet.lat, self.fleet.lon)
        for point, told in zip(on_sphere(lats, lons)[: self.sizes.checked], ours, strict=False):
            dx, dy, dz = (everybody - point).T
            chord2 = dx * dx + dy * dy + dz * dz
            last = np.partition(chord2, K - 1)[K - 1]
            near = sorted((chord2[row], self.fleet.ids[row]) for row in np.flatnonzero(chord2 <= last))
            if [provider for _, provider in near[:K]] != told:
                self.wrong.append(f"not the nearest of {len(self.fleet.ids)} around {point}")

    def _recall(self, ours: list[list[UUID | None]], who: str, theirs: Sequence[Sequence[UUID]]) -> None:
        same = sum(len(set(mine) & set(found)) for mine, found in zip(ours, theirs, strict=True))
        self.notes.append(
            f"{who} names {same / sum(map(len, ours)):.4f} of our {len(self.fleet.ids)}'s nearest"
        )

    def _report(self, ids: Sequence[UUID], lat: Floats, lon: Floats) -> int:
        verdicts = self.index.report_many(ids, Fixes.of(lat, lon, np.full(len(lat), self.now)), self.now)
        return int(np.count_nonzero(verdicts == 0))

    def _timed(self, what: str, unit: str, server: Redis | Postgis | None = None, each: int = 1) -> "Timed":
        return Timed(self.samples, f"{what}{self.of}", unit, server, each)

    def said(self) -> str:
        """The round's own figures, in processor time, with the peers' beside them."""
        said = []
        for what, unit in UNITS.items():
            own = self.samples.taken[f"{what}{self.of}_cpu_{unit}"][-1]
            peers = [
                f"{peer} x {self.samples.taken[name][-1] / own:.0f}"
                for peer in ("redis", "postgis")
                if (name := f"{peer}_{what}{self.of}_cpu_{unit}") in self.samples.taken
            ]
            said.append(f"{what} {own:.3g} {unit} ({', '.join(peers)})")
        return ", ".join(said)


class Timed:
    """A block's wall time; and the processor time it took, here and in the server."""

    PER: Final = {"us": 1e6, "ms": 1e3}

    def __init__(
        self, samples: Samples, name: str, unit: str, server: Redis | Postgis | None, each: int
    ) -> None:
        self._samples, self._name, self._unit, self._server, self._each = samples, name, unit, server, each

    def __enter__(self) -> None:
        self._cpu = 0.0 if self._server is None else self._server.cpu_s()
        self._ours = time.process_time()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        per = self.PER[self._unit] / self._each
        wall, here = time.perf_counter() - self._began, time.process_time() - self._ours
        there = 0.0 if self._server is None else self._server.cpu_s() - self._cpu
        self._samples.add(f"{self._name}_{self._unit}", wall * per)
        self._samples.add(f"{self._name}_cpu_{self._unit}", (here + there) * per)
        if self._server is not None:
            self._samples.add(f"{self._name}_server_cpu_{self._unit}", there * per)
