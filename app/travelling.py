"""The travel port as the engine uses it: OSRM where there is one, else the street graph, else straight lines.

The first that answers answers the whole question, and its name is on the answer. An OSRM that failed is not asked
again for a while, so that a dead one costs a market one wait and not one a round.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from domain.rules.ports import TravelTimes
from geo.calibration import CALIBRATION_RES, Calibration
from geo.cells import cell_of
from geo.crow import CrowTravel
from geo.points import LatLng
from geo.streets import StreetGraph
from geo.travel import Profile, Route, Travel

REST: Final = 5.0  # s without asking after a failure, doubled with each one that follows
LONGEST_REST: Final = 120.0

log = logging.getLogger(__name__)


class OsrmUnavailable(Exception):
    """OSRM did not answer, or not with what it promises. Somebody else must."""


class StreetTravel:
    """The travel port over a street graph in this process. Where it knows no street, straight lines, and it says so."""

    def __init__(self, streets: StreetGraph | None) -> None:
        self._streets, self._crow = streets, CrowTravel()

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        return self._way(profile).to_one(origins, destination, profile)

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        return self._way(profile).from_one(origin, destinations, profile)

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        return self._way(profile).route(origin, destination, profile)

    def _way(self, profile: Profile) -> StreetGraph | CrowTravel:
        known = self._streets is not None and self._streets.knows(profile)
        return self._streets if known and self._streets else self._crow


class CalibratedTravel:
    """A travel port under the factors learnt for its market. Ways (`route`) stay as the streets have them."""

    def __init__(self, inner: TravelTimes, timezone: str, now: Callable[[], datetime]) -> None:
        self._inner, self._zone, self._now = inner, ZoneInfo(timezone), now
        self._calibration = Calibration()

    def use(self, calibration: Calibration) -> None:
        """From now on with these factors."""
        self._calibration = calibration

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        travel = await self._inner.to_one(origins, destination, profile)
        return self._calibrated(travel, [destination], profile)

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        travel = await self._inner.from_one(origin, destinations, profile)
        return self._calibrated(travel, destinations, profile)

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        return await self._inner.route(origin, destination, profile)

    def _calibrated(self, travel: Travel, places: Sequence[LatLng], profile: Profile) -> Travel:
        """Drivers' times only: the hour's traffic is not the walkers'."""
        if profile is not Profile.DRIVE:
            return travel
        cells = [cell_of(place, CALIBRATION_RES) for place in places]
        return travel.calibrated(self._calibration, cells, self._now().astimezone(self._zone).hour)


class Breaker:
    """Whether to ask somebody who may be down: not for a while after a failure, longer after each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed_until = 0.0
        self._rest = REST

    @property
    def open(self) -> bool:
        return self._clock() >= self._closed_until

    def failed(self) -> None:
        self._closed_until = self._clock() + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)

    def answered(self) -> None:
        self._rest = REST


class FallingBack:
    """The travel port over OSRM, with streets underneath."""

    def __init__(self, osrm: TravelTimes, streets: StreetTravel, breaker: Breaker | None = None) -> None:
        self._osrm, self._streets, self._breaker = osrm, streets, breaker or Breaker()

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        if self._asks(profile):
            try:
                found = await self._osrm.to_one(origins, destination, profile)
            except OsrmUnavailable as failed:
                self._note(failed)
            else:
                self._breaker.answered()
                return found
        return await self._streets.to_one(origins, destination, profile)

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        if self._asks(profile):
            try:
                found = await self._osrm.from_one(origin, destinations, profile)
            except OsrmUnavailable as failed:
                self._note(failed)
            else:
                self._breaker.answered()
                return found
        return await self._streets.from_one(origin, destinations, profile)

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        if self._asks(profile):
            try:
                found = await self._osrm.route(origin, destination, profile)
            except OsrmUnavailable as failed:
                self._note(failed)
            else:
                self._breaker.answered()
                return found
        return await self._streets.route(origin, destination, profile)

    def _asks(self, profile: Profile) -> bool:
        return profile is Profile.DRIVE and self._breaker.open

    def _note(self, failed: OsrmUnavailable) -> None:
        self._breaker.failed()
        log.warning("OSRM does not answer (%s): travel times come from the street graph", failed)
