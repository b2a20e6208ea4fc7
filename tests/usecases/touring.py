"""What staff ask of the planner, made short: places of Monaco, moments after dawn."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.rules.tours import ErrandAsked, StopAsked, VehicleAsked
from domain.usecases.tours import Mode, RequestAsked, ToursAsked
from geo.points import LatLng
from geo.travel import Profile
from tests.factories import DAWN, PORT


def after(minutes: float) -> datetime:
    return DAWN + timedelta(minutes=minutes)


def stop(point: LatLng, pointer: str = "", **about: Any) -> StopAsked:
    return StopAsked(point=point, pointer=pointer, **about)


def errand(name: str, start: LatLng, end: LatLng, *, number: int = 0, **about: Any) -> ErrandAsked:
    where = f"/errands/{number}"
    whole = {"pickup": stop(start, f"{where}/pickup"), "drop": stop(end, f"{where}/drop")} | about
    return ErrandAsked(id=name, pointer=f"{where}/id", **whole)


def vehicle(name: str = "bike", start: LatLng = PORT, number: int = 0, **about: Any) -> VehicleAsked:
    return VehicleAsked(id=name, pointer=f"/vehicles/{number}", start=start, **about)


def request(name: UUID, number: int = 0, **about: Any) -> RequestAsked:
    return RequestAsked(id=name, pointer=f"/errands/{number}/request_id", **about)


def asked(
    *errands: ErrandAsked | RequestAsked,
    vehicles: tuple[VehicleAsked, ...] | None = None,
    mode: Mode = Mode.DAY,
    **about: Any,
) -> ToursAsked:
    whole: dict[str, Any] = {"market": "monaco", "at": None, "profile": Profile.DRIVE, "seed": 3} | about
    return ToursAsked(mode=mode, vehicles=vehicles or (vehicle(),), errands=errands, **whole)
