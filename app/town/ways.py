"""Moving about: along real streets at street speed, a fix every second."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from app.ground import Ground
from app.town.phone import Phone
from domain.rules.wire import moment
from geo.points import LatLng, crow_m
from geo.polylines import point_along
from geo.streets import StreetGraph
from geo.travel import Profile

FIX_EVERY = 1.0  # s of real time between two fixes, as a navigation app reports
STILL_EVERY = 8.0  # s between fixes of somebody standing
NOISE_M = 3.0  # a good phone's error in a street


class Walker:
    """Somebody with a phone and a place; `speed` is how many times faster than life they move."""

    def __init__(self, phone: Phone, ground: Ground, start: LatLng, profile: Profile, speed: float) -> None:
        self.phone = phone
        self.ground = ground
        self.here = start
        self.profile = profile
        self.speed = speed
        self._heading = 0.0
        self._last_fix = 0.0

    async def report(self) -> None:
        """Tell the engine where the phone thinks it is."""
        error = self.phone.person.rng.normal(0.0, NOISE_M / 111_320, 2)
        lat, lon = self.here.lat + float(error[0]), self.here.lon + float(error[1])
        fix: dict[str, Any] = {
            "t": "position",
            "lat": round(lat, 6),
            "lon": round(lon, 6),
            "at": moment(datetime.now(UTC)),
            "accuracy_m": NOISE_M * 2,
            "heading_deg": round(self._heading, 1),
        }
        self._last_fix = asyncio.get_running_loop().time()
        await self.phone.send(fix)

    async def stand(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Stay for some real seconds, reporting now and then; ends early when `until` says so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            if until():
                return True
            if loop.time() - self._last_fix >= STILL_EVERY:
                await self.report()
            await asyncio.sleep(min(0.25, max(end - loop.time(), 0.0)))
        return until()

    async def go(self, to: LatLng, until: Callable[[], bool] = lambda: False, *, pace: float = 1.0) -> bool:
        """Travel to a place along streets; `True` when there, `False` when `until` stopped it on the way."""
        route = await self.ground.travel.route(self.here, to, self.profile)
        if route is None or route.meters < 1 or len(route.points) < 2:
            self.here = to
            return True
        points = _with_ends(route.points, self.here, to)
        length = sum(crow_m(a, b) for a, b in pairwise(points))
        mps = max(length / max(route.seconds, 1.0), 0.8) * pace * self.speed
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (done := (loop.time() - began) * mps) < length:
            if until():
                return False
            self.here, self._heading = point_along(points, done)
            await self.report()
            await asyncio.sleep(FIX_EVERY)
        self.here = to
        await self.report()
        return True


def _with_ends(points: Sequence[LatLng], start: LatLng, end: LatLng) -> list[LatLng]:
    """The street route with the steps from the door to the street and back."""
    whole = [start, *points, end]
    return [whole[0], *(b for a, b in pairwise(whole) if a != b)]


def somewhere(streets: StreetGraph, rng: np.random.Generator, profile: Profile) -> LatLng:
    """A place at random on the streets somebody may use."""
    return streets.random_point(rng, profile)


def on_a_street(streets: StreetGraph | None, place: LatLng, profile: Profile) -> LatLng:
    """The nearest place that somebody can be at: some steps from a street of a port there is the sea."""
    return place if streets is None else streets.snap(place, profile).place


def near(place: LatLng, rng: np.random.Generator, meters: float) -> LatLng:
    """A place within some meters of another."""
    north, east = rng.normal(0.0, meters / 2, 2) / 111_320
    return LatLng(place.lat + float(north), place.lon + float(east / np.cos(np.radians(place.lat))))
