"""Rides among held sockets: a request, the offer on a phone, its acceptance told to both, the driver tracked."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx

from bench.figures import Spread
from bench.offers import DROP, MARKET, PICKUP, SERVICE
from bench.people import Person
from bench.wire import Line

REPORT_EVERY: Final = 5.0  # s between two fixes of a driver
PROBE_EVERY: Final = 0.05  # s between two looks at how soon the loop answers
AROUND: Final = 0.004  # degrees, about 400 m: where the drivers stand
RESTS: Final = """
    select requests.id, extract(epoch from min(decisions.at) - requests.created_at) as rest_s
    from requests join decisions on decisions.request_id = requests.id
    where requests.id = any($1::uuid[]) group by requests.id
"""
WITHIN: Final = 20.0  # s for a ride to be told of to the end

__all__ = ["MARKET", "SERVICE", "Rides"]


@dataclass(slots=True)
class Ride:
    """What happened when, by the wall's clock of this process."""

    asked: float
    offered: float = 0.0
    accepted: float = 0.0
    told: dict[str, float] = field(default_factory=dict)
    driver: Line | None = None
    engagement: str = ""
    reported: float = 0.0
    tracked: float = 0.0
    rest_ms: float | None = None  # how long it waited for its round, where the stored round says so
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Tap:
    """A driver's acceptance of an offer, sent at this moment."""

    ride: Ride
    at: float


class Rides:
    """Drivers who report and accept whatever they are offered; customers who ask once each."""

    def __init__(
        self,
        gateways: Sequence[str],
        spent: Callable[[], Mapping[str, float]],
        drivers: Sequence[Line],
        customers: Sequence[tuple[Line, Person]],
        database: str,
        seed: int,
    ) -> None:
        """`gateways`: the URLs that customers ask at, in turn; `spent`: processor time so far, s, by what spent it;
        `database`: the URL of the engine's, to read what was stored of the rounds."""
        self._gateways, self._spent = list(gateways), spent
        self._database, self._dice = database, random.Random(seed)
        self._drivers, self._customers = drivers, customers
        self._rides: dict[str, Ride] = {}
        self._early: dict[str, list[tuple[float, Line, dict[str, Any]]]] = {}
        self._taps: dict[str, Tap] = {}
        self.lost = 0
        self.turned_away = 0
        self._by_engagement: dict[str, Ride] = {}
        self._places = [
            (PICKUP[0] + self._dice.uniform(-AROUND, AROUND), PICKUP[1] + self._dice.uniform(-AROUND, AROUND))
            for _ in self._drivers
        ]
        self._probes: list[float] = []
        self._frames, self._frames_s = 0, 1.0
        self.calm: dict[str, float] = {}  # cores, before anybody asks
        self.busy: dict[str, float] = {}  # and from the first request to the last track
        self.wrong: list[str] = []

    async def run(self, per_s: float) -> None:
        """A request of each customer, at that pace, each followed to the first track frame its customer gets."""
        for line in (*self._drivers, *(line for line, _ in self._customers)):
            line.take = self._heard
        fixes = asyncio.create_task(self._report())
        await asyncio.sleep(REPORT_EVERY)
        quiet, since = self._spent(), time.perf_counter()
        await asyncio.sleep(REPORT_EVERY)
        before, began = self._spent(), time.perf_counter()
        self.calm = _rates(quiet, before, began - since)
        probe = asyncio.create_task(self._probe())
        self._frames = 0
        async with httpx.AsyncClient(timeout=WITHIN) as http:
            async with asyncio.TaskGroup() as group:
                for (_, person), gateway in zip(self._customers, cycle(self._gateways), strict=False):
                    group.create_task(self._ask(http, gateway, person))
                    await asyncio.sleep(1 / per_s)
            self._frames_s = time.perf_counter() - began
            self.busy = _rates(before, self._spent(), self._frames_s)
            fixes.cancel()
            probe.cancel()
            await self._look_up_rests()

    def figures(self, at: str) -> dict[str, Spread | float]:
        """Milliseconds, of what was heard; `at` ends each name."""
        rides = list(self._rides.values())
        offers = [(ride.offered - ride.asked) * 1e3 for ride in rides if ride.offered]
        less = [
            (ride.offered - ride.asked) * 1e3 - ride.rest_ms
            for ride in rides
            if ride.offered and ride.rest_ms is not None
        ]
        told = [(max(ride.told.values()) - ride.accepted) * 1e3 for ride in rides if len(ride.told) == 2]
        tracks = [(ride.tracked - ride.reported) * 1e3 for ride in rides if ride.tracked]
        figures: dict[str, Spread | float] = {
            f"rides_cpu_ms_a_request{at}": sum(self.cpu_ms_a_request(calm_too=True).values()),
            f"deliveries_per_s{at}": self._frames / self._frames_s,
            f"accepts_refused{at}": float(self.lost),
            f"turned_away{at}": float(self.turned_away),
            f"errors{at}": float(len(self.wrong)),
        }
        for name, samples in (
            ("offer_ms", offers),
            ("offer_less_window_ms", less),
            ("accept_to_both_told_ms", told),
            ("position_to_tracker_ms", tracks),
            ("answers_to_a_probe_ms", self._probes),
        ):
            if samples:
                ordered = sorted(samples)
                figures[f"{name}{at}"] = Spread.of(samples)
                figures[f"{name}_p99{at}"] = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        return figures

    def cpu_ms_a_request(self, *, calm_too: bool = False) -> dict[str, float]:
        """What a request cost, by what spent it; without what the drivers' reports and idle sockets cost anyway."""
        return {
            name: (busy - (0.0 if calm_too else self.calm[name]))
            * self._frames_s
            / max(1, len(self._rides))
            * 1e3
            for name, busy in self.busy.items()
        }

    async def _ask(self, http: httpx.AsyncClient, gateway: str, person: Person) -> None:
        headers = {"Authorization": f"Bearer {person.token}"}
        stops = [
            {"kind": kind, "lat": lat, "lon": lon}
            for kind, (lat, lon) in (("pickup", PICKUP), ("drop", DROP))
        ]
        try:
            quote = await http.post(
                f"{gateway}/v1/quotes", json={"service": SERVICE, "stops": stops}, headers=headers
            )
            asked = time.perf_counter()
            made = await http.post(
                f"{gateway}/v1/requests",
                json={"quote_id": quote.raise_for_status().json()["quote_id"]},
                headers={**headers, "Idempotency-Key": str(uuid4())},
            )
            request = made.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                self.turned_away += 1  # with the moment to come back: overload, said plainly
            else:
                self.wrong.append(f"a request was not taken: {error!r}")
            return
        except httpx.HTTPError as error:
            self.wrong.append(f"a request was not taken: {error!r}")
            return
        ride = self._rides[request["id"]] = Ride(asked)
        for at, where, event in self._early.pop(request["id"], []):
            self._event(at, where, event)
        try:
            async with asyncio.timeout(WITHIN):
                await ride.over.wait()
        except TimeoutError:
            self.wrong.append(
                f"a ride was not told to its end: offered {bool(ride.offered)}, told {len(ride.told)}"
            )

    def _heard(self, line: Line, text: bytes) -> None:
        at = time.perf_counter()
        self._frames += 1
        frame = json.loads(text)
        match frame["t"]:
            case "ping":
                line.send(b'{"t":"pong"}')
            case "event":
                self._event(at, line, frame)
            case "done":
                if (tap := self._taps.get(frame["id"])) is not None:
                    ride, ride.driver = tap.ride, line
                    ride.told["driver"], ride.accepted = at, tap.at
            case "failed" if frame["id"] in self._taps:
                self.lost += 1  # another was faster, or the driver has just been taken by another ride
            case "subscribed":
                self._watched(frame["channel"].partition(":")[2])
            case "track":
                followed = self._by_engagement.get(frame["engagement_id"])
                if followed is not None and followed.reported and not followed.tracked:
                    followed.tracked = at
                    followed.over.set()
            case "error" | "failed":
                self.wrong.append(f"refused: {frame['problem'].get('code')}")

    def _event(self, at: float, line: Line, event: dict[str, Any]) -> None:
        kind, told = event["type"], event["data"]
        if kind not in {"offer.created", "engagement.confirmed"}:
            return
        ride = self._rides.get(told["request_id"])
        if ride is None:  # heard before the answer to the request
            self._early.setdefault(told["request_id"], []).append((at, line, event))
        elif kind == "offer.created":
            ride.offered = ride.offered or at
            self._taps[told["id"]] = Tap(ride, time.perf_counter())
            tap = {"t": "do", "id": told["id"], "op": "offer.accept", "args": {"id": told["id"]}}
            line.send(json.dumps(tap).encode())
        elif kind == "engagement.confirmed" and told["role"] == "customer":
            ride.told["customer"] = at
            ride.engagement = told["id"]
            self._by_engagement[ride.engagement] = ride
            line.send(json.dumps({"t": "subscribe", "channel": f"engagement:{ride.engagement}"}).encode())

    def _watched(self, engagement: str) -> None:
        """Its customer follows it: the driver sets off, and moves."""
        ride = self._by_engagement[engagement]
        if ride.driver is None:  # the winner has not heard of it yet
            asyncio.get_running_loop().call_later(0.05, self._watched, engagement)
            return
        off = {
            "t": "do",
            "id": engagement,
            "op": "engagement.action",
            "args": {"id": engagement, "verb": "set_off"},
        }
        ride.driver.send(json.dumps(off).encode())
        asyncio.get_running_loop().call_later(1.0, self._move, ride)

    def _move(self, ride: Ride) -> None:
        assert ride.driver is not None
        ride.reported = time.perf_counter()
        ride.driver.send(_fix(*self._places[self._drivers.index(ride.driver)]))

    async def _report(self) -> None:
        """Everybody every few seconds, spread evenly."""
        beats = 50
        while True:
            for beat in range(beats):
                for line, place in zip(self._drivers[beat::beats], self._places[beat::beats], strict=True):
                    line.send(_fix(*place))
                await asyncio.sleep(REPORT_EVERY / beats)

    async def _probe(self) -> None:
        """How long an answer that costs nothing takes: what stands in the loop's way, this process's included."""
        url = f"{self._gateways[0]}/healthz"
        async with httpx.AsyncClient(timeout=WITHIN) as http:
            while True:
                began = time.perf_counter()
                await http.get(url)
                self._probes.append((time.perf_counter() - began) * 1e3)
                await asyncio.sleep(PROBE_EVERY)

    async def _look_up_rests(self) -> None:
        """How long each request waited for its round, by the stored decisions. Read beside the engine, which shall not
        answer a thousand questions about what it has just done."""
        line = await asyncpg.connect(self._database.replace("postgresql+asyncpg", "postgresql"))
        try:
            rows = await line.fetch(RESTS, [UUID(request_id) for request_id in self._rides])
        finally:
            await line.close()
        rests = {str(row["id"]): float(row["rest_s"]) * 1e3 for row in rows}
        for request_id, ride in self._rides.items():
            if (rest_ms := rests.get(request_id)) is not None:
                ride.rest_ms = max(0.0, rest_ms)
            elif ride.offered:
                self.wrong.append("an offer without a stored round")


def _rates(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    return {name: (after[name] - spent) / seconds for name, spent in before.items()}


def _fix(lat: float, lon: float) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"t": "position", "lat": lat, "lon": lon, "at": at, "accuracy_m": 8}).encode()
