"""A made-up town of moving providers, requests and running work, as the ops map would tell it.

Its clock only moves when `beat()` is called, so that a test decides what the page sees. Same seed, same town.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Any

import h3

Json = dict[str, Any]
Point = tuple[float, float]

# A few loops through Monaco, (lat, lon): the default when no street file is given.
LOOPS: list[list[Point]] = [
    [(43.7396, 7.4272), (43.7384, 7.4240), (43.7362, 7.4218), (43.7340, 7.4194), (43.7325, 7.4180)],
    [(43.7402, 7.4290), (43.7414, 7.4312), (43.7440, 7.4334), (43.7466, 7.4362), (43.7489, 7.4390)],
    [(43.7312, 7.4190), (43.7296, 7.4170), (43.7284, 7.4148), (43.7300, 7.4130), (43.7322, 7.4150)],
    [(43.7384, 7.4200), (43.7402, 7.4222), (43.7418, 7.4250), (43.7432, 7.4276), (43.7446, 7.4300)],
]
FIRST = (
    "Anaïs",
    "Bruno",
    "Chloé",
    "Driss",
    "Élodie",
    "Farid",
    "Gaëlle",
    "Hugo",
    "Inès",
    "Jules",
    "Karim",
    "Léa",
)
SERVICES = [
    {"slug": "ride-vtc", "name": "VTC", "allocator": "dispatch"},
    {"slug": "ride-eco", "name": "Course éco", "allocator": "dispatch"},
    {"slug": "parcel", "name": "Colis", "allocator": "dispatch"},
    {"slug": "odd-job-now", "name": "Dépannage immédiat", "allocator": "dispatch"},
    {"slug": "odd-job", "name": "Petits travaux", "allocator": "call"},
]


def encode_polyline(points: list[Point]) -> str:
    """Google's encoded polyline, precision 5, of (lat, lon) points."""
    text, last = [], (0, 0)
    for lat, lon in points:
        now = (round(lat * 1e5), round(lon * 1e5))
        for delta in (now[0] - last[0], now[1] - last[1]):
            value = ~(delta << 1) if delta < 0 else delta << 1
            while value >= 0x20:
                text.append(chr((0x20 | (value & 0x1F)) + 63))
                value >>= 5
            text.append(chr(value + 63))
        last = now
    return "".join(text)


@dataclass
class Mover:
    """One provider: goes along its path at `speed` (m/s), takes another path at its end."""

    id: str
    name: str
    trade: str
    path: list[Point]
    speed: float
    state: str = "idle"
    leg: int = 0
    along: float = 0.0
    request: Json | None = None

    def step(self, seconds: float) -> bool:
        """Moves; true when the end of the path was reached."""
        left = self.speed * seconds
        while self.leg < len(self.path) - 1:
            length = meters(self.path[self.leg], self.path[self.leg + 1])
            if self.along + left < length:
                self.along += left
                return False
            left -= length - self.along
            self.leg, self.along = self.leg + 1, 0.0
        return True

    def place(self) -> Point:
        here = self.path[min(self.leg, len(self.path) - 1)]
        if self.leg >= len(self.path) - 1:
            return here
        there = self.path[self.leg + 1]
        part = self.along / max(1e-6, meters(here, there))
        return (here[0] + (there[0] - here[0]) * part, here[1] + (there[1] - here[1]) * part)

    def heading(self) -> float:
        a, b = (
            self.path[max(0, min(self.leg, len(self.path) - 2))],
            self.path[min(self.leg + 1, len(self.path) - 1)],
        )
        return math.degrees(math.atan2((b[1] - a[1]) * 0.722, b[0] - a[0])) % 360  # cos(43.74°)

    def left_m(self) -> float:
        ahead = [self.place(), *self.path[self.leg + 1 :]]
        return sum(meters(a, b) for a, b in itertools.pairwise(ahead))


def meters(a: Point, b: Point) -> float:
    """Flat distance, good enough for one town."""
    return math.hypot((a[0] - b[0]) * 111_200, (a[1] - b[1]) * 80_300)


@dataclass
class FakeTown:
    """Providers, requests and engagements that look alive; same seed, same town."""

    drivers: int = 60
    jobbers: int = 40
    paths: list[list[Point]] = field(default_factory=lambda: LOOPS)
    seed: int = 7
    done: Json = field(default_factory=lambda: {"rides": 128, "jobs": 31})
    n: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.movers: list[Mover] = []
        self.requests: list[Json] = []
        self.numbers = itertools.count(1)
        for index in range(self.drivers + self.jobbers):
            trade = "job" if index >= self.drivers else ("parcel" if index % 5 == 4 else "ride")
            name = f"{FIRST[index % len(FIRST)]} {chr(65 + index // len(FIRST))}."
            mover = Mover(self._id("p"), name, trade, self._path(), speed=1.4 if trade == "job" else 8.5)
            mover.step(self.random.uniform(0, 90))
            self.movers.append(mover)
        for mover in self.movers:
            mover.state = self.random.choices(
                ["idle", "offered", "approach", "busy", "stale"], [40, 5, 18, 32, 5]
            )[0]
            if mover.state in ("approach", "busy"):
                mover.request = self._request(mover.trade, "matched")
        if self.movers:
            self.requests = [
                self._request(self.random.choice(["ride", "ride", "parcel", "job"])) for _ in range(14)
            ]

    def _id(self, kind: str) -> str:
        return f"{kind}:0198f000-0000-7000-8000-{next(self.numbers):012d}"

    def _path(self) -> list[Point]:
        path = list(self.random.choice(self.paths))
        return path if self.random.random() < 0.5 or self.paths is not LOOPS else path[::-1]

    def _request(self, trade: str, state: str = "open") -> Json:
        services = [s["slug"] for s in SERVICES if trade in s["slug"]]
        lat, lon = self.random.choice(self.random.choice(self.paths))
        return {
            "kind": "request", "id": self._id("r"), "lat": lat, "lon": lon, "state": state,
            "service": self.random.choice(services), "age_s": self.random.randint(3, 240),
            "engagement": self._id("e"),
        }  # fmt: skip

    def beat(self, seconds: float = 1.0) -> None:
        """Lets the town live on: moves, arrivals, new requests, some matched."""
        for mover in self.movers:
            if mover.state == "stale" or not mover.step(seconds):
                continue
            mover.path, mover.leg, mover.along = self._path(), 0, 0.0
            if mover.state == "approach":
                mover.state = "busy"
            elif mover.state == "busy":
                mover.state, mover.request = "idle", None
                self.done["jobs" if mover.trade == "job" else "rides"] += 1
        for request in self.requests:
            request["age_s"] += seconds
        idle = [mover for mover in self.movers if mover.state == "idle"]
        if self.requests and idle and self.random.random() < 0.4:
            request, mover = self.requests.pop(0), self.random.choice(idle)
            mover.state, mover.request = "approach", {**request, "state": "matched"}
        if self.movers and len(self.requests) < 14:
            self.requests.append({**self._request(self.random.choice(["ride", "job", "parcel"])), "age_s": 1})

    def items(self) -> dict[str, Json]:
        """The whole map by id, as one full frame would tell it."""
        items: list[Json] = []
        for mover in self.movers:
            lat, lon = mover.place()
            items.append({
                "kind": "provider", "id": mover.id, "lat": round(lat, 6), "lon": round(lon, 6), "name": mover.name,
                "heading": round(mover.heading()), "state": mover.state, "trade": mover.trade,
                "age_s": 75 if mover.state == "stale" else 1,
            })  # fmt: skip
            if mover.request:
                eta = round(mover.left_m() / mover.speed)
                items.append({
                    "kind": "engagement", "id": mover.request["engagement"], "provider_id": mover.id[2:],
                    "request_id": mover.request["id"][2:], "service": mover.request["service"],
                    "state": "en_route" if mover.state == "approach" else "in_progress", "eta_s": eta,
                    "leg": "approach" if mover.state == "approach" else "trip",
                    "route": "" if mover.trade == "job" and mover.state == "busy"
                    else encode_polyline(mover.path),
                })  # fmt: skip
        items += [{k: v for k, v in request.items() if k != "engagement"} for request in self.requests]
        items += self._cells()
        return {item["id"]: item for item in items}

    def _cells(self) -> list[Json]:
        demand: dict[str, float] = {}
        asked = [*self.requests, *(mover.request for mover in self.movers if mover.request)]
        for request in asked:
            cell = h3.latlng_to_cell(request["lat"], request["lon"], 9)
            for ring in range(3):
                for near in h3.grid_ring(cell, ring):
                    demand[near] = demand.get(near, 0) + (4, 1.5, 0.5)[ring]
        return [
            {"kind": "cell", "id": f"c:{cell}", "cell": cell, "demand": math.ceil(weight), "supply": 0}
            for cell, weight in sorted(demand.items())
        ]

    def counters(self) -> Json:
        states = [mover.state for mover in self.movers]
        names = ("idle", "offered", "approach", "busy", "stale")
        running = sum(1 for mover in self.movers if mover.request)
        return {
            "providers": {**{name: states.count(name) for name in names}, "off": 12},
            "requests": {"open": len(self.requests), "matched": running},
            "engagements": {"running": running},
            "completed_today": self.done,
            "median_wait_s": 94,
        }

    def rounds(self, request_id: str) -> list[Json]:
        """Two rounds of a request: one that found nobody, one that asked the best of six."""
        dice = random.Random(request_id)
        some = dice.sample(self.movers, min(8, len(self.movers)))
        candidates = []
        for rank, mover in enumerate(some, 1):
            approach = 60 + rank * dice.randint(14, 40)
            passed = rank > 5
            candidates.append({
                "provider_id": mover.id[2:], "name": mover.name, "outcome": "offered" if rank == 1 else "passed",
                "reason": "too_far" if passed else None, "rank": None if passed else rank, "eta_s": approach,
                "words": "Plus de 10 minutes de route" if passed else None, "meters": approach * 7,
                "terms": {} if passed else {"approach": approach, "fairness": -dice.randint(2, 25), "idle": -rank * 6},
            })  # fmt: skip
        base = {"policy_version": "2026-11-01", "seed": 42, "travel_source": "graph"}
        return [
            {"id": f"{request_id}-2", "at": "2026-11-23T09:00:04Z", "objective": 212.5, "candidates": candidates,
             "unserved": None, **base},
            {"id": f"{request_id}-1", "at": "2026-11-23T09:00:02Z", "objective": 900.0, "candidates": candidates[5:],
             "unserved": "tous les prestataires proches sont occupés", **base},
        ]  # fmt: skip
