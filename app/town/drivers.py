"""Drivers and couriers: they cruise, are offered rides and parcels, and drive them along the streets."""

from collections.abc import Callable
from typing import Any

from app.town.people import CARS
from app.town.ways import somewhere
from app.town.work import Gone, Worker
from geo.points import LatLng
from geo.travel import Profile

CRUISE_PACE = 0.6  # of street speed: nobody hurries without a passenger
HANDOVER_S = 20.0  # real-life seconds at each stop on the way


class Driver(Worker):
    """A VTC driver, or a courier on a bicycle (`services` say which)."""

    def __init__(self, *parts: Any, services: tuple[str, ...], **more: Any) -> None:
        super().__init__(*parts, **more)
        self.services = services
        self.trade = "parcel" if "parcel" in services else "ride"

    def profile(self) -> dict[str, Any]:
        if "parcel" in self.services:
            return {**super().profile(), "vehicle": {"kind": "bicycle"}}
        make, model, color = CARS[self.person.number % len(CARS)]
        plate = f"{'ABCDEFGH'[self.person.number % 8]}T-{self.person.number + 100:03d}-MC"
        vehicle = {"kind": "car", "make": make, "model": model, "color": color, "plate": plate}
        return {**super().profile(), "vehicle": vehicle}

    async def wander(self) -> None:
        """Cruise to somewhere, then wait there for a while: at a stand, near a hotel."""
        streets = self.walker.ground.streets
        if streets is not None and self.person.chance(0.5):
            to = somewhere(streets, self.person.rng, Profile.DRIVE)
            await self.walker.go(to, self.wanted, pace=CRUISE_PACE)
        await self.walker.stand(self.person.about(60.0 / self.walker.speed + 1.0), self.wanted)

    async def perform(self, stops: list[LatLng], duration_s: float, ended: Callable[[], bool]) -> None:
        """Along the streets; `duration_s` is what the engine expects, the road decides."""
        del duration_s
        for stop in stops[1:]:
            if not await self.walker.go(stop, ended):
                raise Gone
            await self.walker.stand(HANDOVER_S / self.walker.speed, ended)
