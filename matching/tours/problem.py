"""What is to be carried, by whom, and how far it all is: a frozen `TourProblem`.

Places are rows and columns of one matrix of travel seconds. Windows are promises: a plan that starts from
running ones may change them in any way that keeps every window.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FOREVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A stop to be made at a place: the work there begins within the window and takes `service_s`. Times in seconds
    from the problem's moment."""

    place: int
    earliest_s: float = 0.0
    latest_s: float = FOREVER
    service_s: float = 0.0

    def __post_init__(self) -> None:
        if math.isnan(self.earliest_s) or not self.earliest_s <= self.latest_s:
            raise ValueError(f"a window from {self.earliest_s} to {self.latest_s} s holds no moment")
        if not (math.isfinite(self.service_s) and self.service_s >= 0):
            raise ValueError(f"a service of {self.service_s} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something or somebody to be fetched and brought, by one vehicle."""

    id: str
    pickup: Halt
    drop: Halt
    load: int = 1
    nobody_s: float = 3_600.0
    """The price of leaving it to nobody, in seconds of road."""

    def __post_init__(self) -> None:
        if self.load < 0:
            raise ValueError(f"errand {self.id} has a load of {self.load}")
        if not (math.isfinite(self.nobody_s) and self.nobody_s >= 0):
            raise ValueError(f"errand {self.id}: {self.nobody_s} s is no price")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """Who carries. `onboard` are the drops still owed to what is aboard; `plan` names, in order, the stops promised
    already: `+id` an errand's pickup, `-id` its drop, `=k` the k-th of `onboard`."""

    id: str
    start: int
    end: int | None = None
    """The place to end at; None: wherever the last stop is."""
    from_s: float = 0.0
    until_s: float = FOREVER
    capacity: int = 4
    onboard: tuple[tuple[Halt, int], ...] = ()
    """(where it goes, how much it is)."""
    plan: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.from_s <= self.until_s:
            raise ValueError(
                f"vehicle {self.id} ends at {self.until_s} s, before it begins at {self.from_s} s"
            )
        if sum(load for _, load in self.onboard) > self.capacity:
            raise ValueError(f"vehicle {self.id} carries more than its capacity {self.capacity}")


_T = TypeVar("_T", Errand, Vehicle)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TourProblem:
    """The whole input. Errands and vehicles are put in order of their ids. Raises `ValueError` for an id used
    twice, a place that is not in the matrix, a negative or missing time, and a plan that names unknown stops."""

    errands: tuple[Errand, ...]
    vehicles: tuple[Vehicle, ...]
    seconds: NDArray[np.float64]
    """(places, places): from row to column; infinite where there is no way."""
    seed: int
    room: int = 12
    """Stops a vehicle may have ahead of it at once, at most; a tour of a day has more."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "errands", _in_order("errand", self.errands))
        object.__setattr__(self, "vehicles", _in_order("vehicle", self.vehicles))
        matrix = np.array(self.seconds, np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"travel times of shape {matrix.shape} are not a square")
        if not bool(np.all(matrix >= 0)):
            raise ValueError("a travel time is negative or not a number")
        matrix.setflags(write=False)
        object.__setattr__(self, "seconds", matrix)
        halts = [halt for errand in self.errands for halt in (errand.pickup, errand.drop)]
        halts += [halt for vehicle in self.vehicles for halt, _ in vehicle.onboard]
        ends = [place for v in self.vehicles for place in (v.start, v.end) if place is not None]
        for place in [halt.place for halt in halts] + ends:
            if not 0 <= place < len(matrix):
                raise ValueError(f"place {place} is not one of the matrix's {len(matrix)}")
        self._check_plans()

    def _check_plans(self) -> None:
        known = {errand.id for errand in self.errands}
        planned: set[str] = set()
        for vehicle in self.vehicles:
            owed = [f"={k}" for k in range(len(vehicle.onboard))]
            errands = {stop[1:] for stop in vehicle.plan if not stop.startswith("=")}
            in_order = [stop for stop in vehicle.plan if stop.startswith("=")]
            if sorted(in_order) != owed:
                raise ValueError(
                    f"vehicle {vehicle.id}: the plan does not make each stop owed to what is aboard once"
                )
            for errand in errands:
                pair = [stop for stop in vehicle.plan if stop in {f"+{errand}", f"-{errand}"}]
                if errand not in known or errand in planned or pair != [f"+{errand}", f"-{errand}"]:
                    raise ValueError(
                        f"vehicle {vehicle.id}: the plan's errand {errand} is unknown, split or planned twice"
                    )
            planned |= errands

    @property
    def planned(self) -> frozenset[str]:
        """The errands in running plans."""
        return frozenset(s[1:] for v in self.vehicles for s in v.plan if not s.startswith("="))


def halt_of(stop: str, vehicle: Vehicle, errands: Mapping[str, Errand]) -> tuple[Halt, int]:
    """Where a stop of a vehicle's plan is made, and how much is taken aboard there (negative: set down)."""
    if stop[0] == "=":
        halt, load = vehicle.onboard[int(stop[1:])]
        return halt, -load
    errand = errands[stop[1:]]
    return (errand.pickup, errand.load) if stop[0] == "+" else (errand.drop, -errand.load)


def _in_order(noun: str, records: Iterable[_T]) -> tuple[_T, ...]:
    ordered = tuple(sorted(records, key=lambda record: record.id))
    if len({record.id for record in ordered}) < len(ordered):
        raise ValueError(f"a {noun} id is used twice")
    return ordered
