"""A small made-up town on a plane: trips between a centre, a station and the outskirts."""

import numpy as np

from geo.cells import cells_of
from geo.planes import Plane
from geo.points import LatLng
from matching.whatif.city import DAY_S, ZONE_RES, City, Day, Shifts
from matching.whatif.learnt import Learnt, learn

PLANE = Plane(LatLng(43.7, 7.4))
MIDDLES = np.array([[0.0, 0.0], [4_000.0, 0.0], [-1_000.0, 6_000.0]])


def town_day(name: str, trips: int, seed: int, *, weekend: bool = False, from_s: float = 0.0) -> Day:
    """Trips at random moments between random places, a third of an hour long and less."""
    rng = np.random.default_rng(seed)
    request_s = np.sort(rng.uniform(from_s, DAY_S - 1, trips))
    pickup = MIDDLES[rng.integers(0, 3, trips)] + rng.normal(0, 600, (trips, 2))
    drop = MIDDLES[rng.integers(0, 3, trips)] + rng.normal(0, 600, (trips, 2))
    km = np.hypot(*(drop - pickup).T) / 1_000
    lat, lon = PLANE.to_lat_lon(pickup)
    return Day(
        name=name,
        weekend=weekend,
        request_s=request_s,
        duration_s=250 * km**0.6 * np.exp(rng.normal(0, 0.2, trips)),
        pickup=pickup,
        drop=drop,
        driven_m=km * 1_300,
        pickup_cell=cells_of(lat, lon, ZONE_RES),
    )


def town(trips: int = 200, seed: int = 1) -> City:
    """Two weekdays and a Saturday."""
    return City(
        plane=PLANE,
        days=(
            town_day("2026-03-05", trips, seed),
            town_day("2026-03-06", trips, seed + 1),
            town_day("2026-03-07", trips, seed + 2, weekend=True),
        ),
    )


def learnt_of(city: City, name: str = "2026-03-06") -> Learnt:
    return learn(city, city.day(name), (name,))


def cars_at(*places: tuple[float, float]) -> Shifts:
    """Cars on duty all day from these places."""
    return Shifts(
        car=np.arange(len(places)),
        on_s=np.zeros(len(places)),
        off_s=np.full(len(places), np.inf),
        place=np.array(places, dtype=np.float64).reshape(-1, 2),
    )
