"""What a replay may know beforehand: travel times and demand, from days it does not live."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geo.planes import Plane
from matching.forecast import Forecast, forecast
from matching.whatif.city import City, Day, Floats
from matching.whatif.travel import TravelFit, fit_travel


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Learnt:
    """Learnt from `days`, by name. `middles` are the mean pick-up of each of the forecast's zones, on the
    plane."""

    travel: TravelFit
    demand: Forecast
    middles: Floats
    plane: Plane
    days: tuple[str, ...]
    demand_days: tuple[str, ...]
    honest: bool
    """False: there was no other day, and the day itself was learnt from."""


def others(city: City, day: Day, lived: Sequence[str]) -> tuple[Day, ...]:
    """The days to learn from: those that are not lived at all, else all but this one; the day itself where there
    is no other."""
    unseen = tuple(other for other in city.days if other.name not in lived)
    rest = tuple(other for other in city.days if other.name != day.name)
    return unseen or rest or (day,)


def learn(city: City, day: Day, lived: Sequence[str]) -> Learnt:
    """Travel from all the other days, demand from those of its kind (week or weekend) where there are any."""
    days = others(city, day, lived)
    alike = tuple(other for other in days if other.weekend == day.weekend) or days
    cells = np.concatenate([other.pickup_cell for other in alike])
    demand = forecast(cells, np.concatenate([other.slots for other in alike]), days=len(alike))
    zone = demand.zones_of(cells)
    pickups = np.concatenate([other.pickup for other in alike])
    seen = np.bincount(zone, minlength=len(demand.cells))
    middles = np.column_stack([np.bincount(zone, weights=axis) / seen for axis in pickups.T])
    return Learnt(
        travel=fit_travel(days),
        demand=demand,
        middles=middles,
        plane=city.plane,
        days=tuple(other.name for other in days),
        demand_days=tuple(other.name for other in alike),
        honest=day not in days,
    )
