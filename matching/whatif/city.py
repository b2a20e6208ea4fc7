"""Recorded days of one city, as arrays on its plane."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geo.planes import Plane
from matching.forecast import SLOT_S

Floats = NDArray[np.float64]

DAY_S = 86_400.0
ZONE_RES = 7
"""H3 resolution of a forecast's zones: 5 km2, a quarter of a city."""
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Clock:
    """A day's clock: when its midnight was, and whether it went back by an hour that night, which then has one hour
    twice."""

    midnight_unix: float = 0.0
    back: bool = False

    def seconds(self, unix: Floats) -> Floats:
        """Seconds after midnight as the clock told them. Clocks go back at two or at three: here at two."""
        since_s = unix - self.midnight_unix
        return np.where(self.back & (since_s >= 2 * HOUR_S), since_s - HOUR_S, since_s)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Day:
    """The trips of one local day, in order of request. Times in seconds after local midnight, places (n, 2) in
    metres on the city's plane.

    Raises `ValueError` for columns of different lengths, requests out of order, and durations or lengths below 0.
    """

    name: str
    weekend: bool
    request_s: Floats
    duration_s: Floats
    pickup: Floats
    drop: Floats
    driven_m: Floats
    """Along the streets, where it was recorded; NaN: it was not."""
    pickup_cell: NDArray[np.uint64]
    clock: Clock = Clock()

    def __post_init__(self) -> None:
        n = len(self.request_s)
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, np.ndarray) and len(column) != n:
                raise ValueError(f"day {self.name}: {field.name} has {len(column)} rows, not {n}")
        if bool(np.any(np.diff(self.request_s) < 0)):
            raise ValueError(f"day {self.name}: requests are not in order")
        if bool(np.any(self.duration_s < 0)) or bool(np.any(self.driven_m < 0)):
            raise ValueError(f"day {self.name}: a duration or a length is negative")

    def __len__(self) -> int:
        return len(self.request_s)

    @property
    def crow_m(self) -> Floats:
        """Straight lines from pick-up to drop."""
        return np.asarray(np.hypot(*(self.drop - self.pickup).T), np.float64)

    @property
    def slots(self) -> NDArray[np.intp]:
        """The quarter-hour of each request."""
        return np.minimum(self.request_s // SLOT_S, DAY_S / SLOT_S - 1).astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shifts:
    """When and from where each car was on duty, in order of start; seconds after the day's local midnight.

    `car` numbers the cars from 0. A car that was on duty at midnight starts before 0.
    """

    car: NDArray[np.intp]
    on_s: Floats
    off_s: Floats
    place: Floats

    @property
    def cars(self) -> int:
        """How many cars there are."""
        return int(self.car.max()) + 1 if len(self.car) else 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class City:
    """Recorded days, oldest first, the plane they lie on, and the seconds that most of their clocks are ahead of UTC.

    `days_named`: False where nobody said which local day a trip was on, and days are UTC's.
    """

    plane: Plane
    days: tuple[Day, ...]
    offset_s: float = 0.0
    days_named: bool = True
    left_out: tuple[str, ...] = ()
    """Rows of the recording that cannot be true: of each where it stands, and why."""

    def day(self, name: str) -> Day:
        """The day of this name. `KeyError` when there is none."""
        for day in self.days:
            if day.name == name:
                return day
        raise KeyError(name)


def steady_fleet(cars: int, learnt: Sequence[Day], rng: np.random.Generator) -> Shifts:
    """A fleet on duty all day, waiting at midnight where people of other days were picked up at night."""
    places = np.concatenate([day.pickup for day in learnt])
    hours = np.concatenate([day.request_s for day in learnt]) / HOUR_S
    by_night = places[hours < 4] if bool(np.any(hours < 4)) else places
    start = by_night[rng.integers(0, len(by_night), cars)]
    return Shifts(
        car=np.arange(cars), on_s=np.zeros(cars), off_s=np.full(cars, np.inf), place=np.asarray(start)
    )


def most_at_once(day: Day) -> int:
    """The most trips under way at one moment."""
    moments = np.concatenate((day.request_s, day.request_s + day.duration_s))
    steps = np.concatenate((np.ones(len(day)), -np.ones(len(day))))
    order = np.lexsort((steps, moments))
    return int(np.cumsum(steps[order]).max(initial=0))
