"""Tours as they are asked for, in moments and places: checked here, and laid out for `matching.tours`. Pure.

Whatever is wrong raises `Invalid` with the JSON pointer of the value in the question.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.rules.errors import Invalid
from geo.points import LatLng
from matching.tours.problem import FOREVER, Errand, Halt, TourProblem, Vehicle
from matching.tours.promises import Broken, broken

HORIZON: Final = timedelta(days=7)
"""From the moment of a plan on; no moment lies beyond. A vehicle without an end of its own stops then: a way that does
not exist is longer than that, so that no planner takes one for a long way."""

MOST_ERRANDS: Final = (
    200  # and their stops, 500 places with fifty vehicles: seconds of CPU for the ways and the tours
)
MOST_VEHICLES: Final = 50

StopKind = Literal["pickup", "drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """A place, the window in which the work there begins, and how long it takes."""

    point: LatLng
    pointer: str
    earliest: datetime | None = None
    latest: datetime | None = None
    service_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandAsked:
    """Something to be fetched and brought. `pointer` is its name's."""

    id: str
    pointer: str
    pickup: StopAsked
    drop: StopAsked
    load: int = 1
    nobody_s: int = 3_600
    """The price of leaving it over, in seconds of road."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboardAsked:
    """What a vehicle carries already: its pickup is made."""

    id: str
    pointer: str
    drop: StopAsked
    load: int = 1


@dataclass(frozen=True, slots=True)
class Promised:
    """One stop of a running plan."""

    errand: str
    kind: StopKind


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleAsked:
    """Who carries. Without a `plan`, what is aboard is set down in the order it is named in."""

    id: str
    pointer: str
    start: LatLng
    end: LatLng | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    capacity: int = 4
    onboard: tuple[AboardAsked, ...] = ()
    plan: tuple[Promised, ...] | None = None

    def promised(self, number: int) -> str:
        """The pointer of a stop of the plan."""
        return self.onboard[number].pointer if self.plan is None else f"{self.pointer}/plan/{number}"


@dataclass(frozen=True, slots=True)
class Laid:
    """What was asked, as errands and vehicles between places that are numbered: `points` in that order.

    `stops` are the stops as asked, by errand and kind.
    """

    at: datetime
    points: tuple[LatLng, ...]
    errands: tuple[Errand, ...]
    vehicles: tuple[Vehicle, ...]
    stops: Mapping[tuple[str, StopKind], StopAsked]

    def problem(self, seconds: NDArray[np.float64], seed: int) -> TourProblem:
        """To be solved; `seconds` are between the points. Any number of stops a vehicle."""
        owed = max((len(vehicle.onboard) for vehicle in self.vehicles), default=0)
        return TourProblem(
            errands=self.errands,
            vehicles=self.vehicles,
            seconds=seconds,
            seed=seed,
            room=2 * len(self.errands) + owed,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Travel between places, each to each, and where it comes from."""

    seconds: NDArray[np.float64]  # (places, places): from row to column; inf: no way
    meters: NDArray[np.float64]
    source: str
    calibration: str


def lay_out(at: datetime, vehicles: Sequence[VehicleAsked], errands: Sequence[ErrandAsked]) -> Laid:
    """Check all of it, and number its places. `Invalid` for the first thing wrong."""
    _check_names(vehicles, errands)
    places: dict[LatLng, int] = {}
    laid_errands = tuple(
        Errand(
            id=one.id,
            pickup=_halt(at, one.pickup, places),
            drop=_halt(at, one.drop, places),
            load=one.load,
            nobody_s=float(one.nobody_s),
        )
        for one in errands
    )
    free = {one.id for one in errands}
    laid_vehicles = []
    for vehicle in vehicles:
        plan = _plan(vehicle, free)
        free -= {stop[1:] for stop in plan if stop[0] == "+"}
        laid_vehicles.append(_vehicle(at, vehicle, plan, places))
    stops: dict[tuple[str, StopKind], StopAsked] = {}
    for one in errands:
        stops[one.id, "pickup"], stops[one.id, "drop"] = one.pickup, one.drop
    stops |= {(one.id, "drop"): one.drop for vehicle in vehicles for one in vehicle.onboard}
    return Laid(at, tuple(places), laid_errands, tuple(laid_vehicles), stops)


def stop_named(stop: str, vehicle: VehicleAsked) -> tuple[str, StopKind]:
    """The errand and kind of a stop of `matching.tours`: `+id`, `-id`, `=k`."""
    if stop[0] == "=":
        return vehicle.onboard[int(stop[1:])].id, "drop"
    return stop[1:], "pickup" if stop[0] == "+" else "drop"


def check_promises(problem: TourProblem, vehicles: Sequence[VehicleAsked]) -> None:
    """Running plans can be kept by the times of the problem; `Invalid` names the first stop that cannot."""
    asked = {vehicle.id: vehicle for vehicle in vehicles}
    for vehicle in problem.vehicles:
        if (wrong := broken(problem, vehicle)) is not None:
            one = asked[vehicle.id]
            where = one.promised(vehicle.plan.index(wrong.stop)) if wrong.stop else f"{one.pointer}/until"
            raise Invalid.field(where, _words(wrong))


def _words(wrong: Broken) -> str:
    if wrong.late_s == FOREVER:
        return "no way leads there"
    if wrong.late_s == 0:
        return "more would be aboard than the vehicle holds"
    return f"this cannot be kept any more: it would be {max(1, round(wrong.late_s))} s late"


def _check_names(vehicles: Sequence[VehicleAsked], errands: Sequence[ErrandAsked]) -> None:
    """Names are used once, and there are not too many."""
    seen: set[str] = set()
    for vehicle in vehicles:
        if vehicle.id in seen:
            raise Invalid.field(f"{vehicle.pointer}/id", "this id is used twice")
        seen.add(vehicle.id)
    names = [(one.id, one.pointer) for one in errands]
    names += [(one.id, one.pointer) for vehicle in vehicles for one in vehicle.onboard]
    seen = set()
    for name, pointer in names:
        if name in seen:
            raise Invalid.field(pointer, "this errand is named twice")
        seen.add(name)
        if len(seen) > MOST_ERRANDS:
            raise Invalid.field(pointer, f"at most {MOST_ERRANDS} errands, those aboard included")


def _plan(vehicle: VehicleAsked, free: AbstractSet[str]) -> tuple[str, ...]:
    """The promised stops as `matching.tours` names them; `free` are the errands in nobody else's plan."""
    aboard = {one.id: f"={k}" for k, one in enumerate(vehicle.onboard)}
    if vehicle.plan is None:
        return tuple(aboard.values())
    made: list[str] = []
    for k, stop in enumerate(vehicle.plan):
        where = vehicle.promised(k)
        if stop.kind == "drop" and stop.errand in aboard:
            code = aboard[stop.errand]
        elif stop.errand in free:
            code = ("+" if stop.kind == "pickup" else "-") + stop.errand
            if stop.kind == "drop" and f"+{stop.errand}" not in made:
                raise Invalid.field(where, "this is set down before it is picked up")
        else:
            raise Invalid.field(
                where, "no such stop: no errand of this question, not aboard, or in another plan"
            )
        if code in made:
            raise Invalid.field(where, "this stop is made twice")
        made.append(code)
    owed = [name for name, code in aboard.items() if code not in made]
    owed += [stop[1:] for stop in made if stop[0] == "+" and f"-{stop[1:]}" not in made]
    if owed:
        raise Invalid.field(f"{vehicle.pointer}/plan", f"this is never set down: {owed[0]}")
    return tuple(made)


def _vehicle(
    at: datetime, vehicle: VehicleAsked, plan: tuple[str, ...], places: dict[LatLng, int]
) -> Vehicle:
    from_s = max(0.0, _seconds(at, vehicle.from_at, f"{vehicle.pointer}/from", 0.0))
    until_s = _seconds(at, vehicle.until_at, f"{vehicle.pointer}/until", HORIZON.total_seconds())
    if until_s < from_s:
        raise Invalid.field(f"{vehicle.pointer}/until", "this vehicle ends before it begins")
    if sum(one.load for one in vehicle.onboard) > vehicle.capacity:
        raise Invalid.field(f"{vehicle.pointer}/onboard", "more is aboard than the vehicle holds")
    return Vehicle(
        id=vehicle.id,
        start=_place(vehicle.start, places),
        end=None if vehicle.end is None else _place(vehicle.end, places),
        from_s=from_s,
        until_s=until_s,
        capacity=vehicle.capacity,
        onboard=tuple((_halt(at, one.drop, places), one.load) for one in vehicle.onboard),
        plan=plan,
    )


def _halt(at: datetime, stop: StopAsked, places: dict[LatLng, int]) -> Halt:
    earliest = _seconds(at, stop.earliest, stop.pointer, -FOREVER)
    latest = _seconds(at, stop.latest, stop.pointer, FOREVER)
    if latest < earliest:
        raise Invalid.field(stop.pointer, "this window ends before it begins")
    if latest < 0:
        raise Invalid.field(stop.pointer, "this window has passed")
    return Halt(
        place=_place(stop.point, places),
        earliest_s=max(0.0, earliest),
        latest_s=latest,
        service_s=float(stop.service_s),
    )


def _place(point: LatLng, places: dict[LatLng, int]) -> int:
    return places.setdefault(point, len(places))


def _seconds(at: datetime, moment: datetime | None, pointer: str, unsaid: float) -> float:
    if moment is None:
        return unsaid
    if moment > at + HORIZON:
        raise Invalid.field(pointer, f"at most {HORIZON.days} days after the moment of the plan")
    return (moment - at).total_seconds()
