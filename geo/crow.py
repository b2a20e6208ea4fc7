"""Travel when no street is known: a straight line, made longer. The last resort, and it says so."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geo.points import LatLng, crow_m, crow_many_m
from geo.travel import Profile, Route, Travel
from geo.units import Meters, Seconds

SOURCE = "crow"
# Street meters per straight meter: OSRM gives 1.32 in Paris, 1.48 around Heidelberg.
DETOUR = 1.4
# Along the detour. 25.6 km/h is Paris by car (OSRM, 200 x 200 pairs); 5 and 15 km/h are OSRM's walk and ride.
SPEED_MPS = {Profile.DRIVE: 25.6 / 3.6, Profile.WALK: 5 / 3.6, Profile.CYCLE: 15 / 3.6}


class CrowTravel:
    """Answers every question, all of them alike: nothing is unreachable as the crow flies."""

    def to_one(
        self,
        origins: Sequence[LatLng],
        destination: LatLng,
        profile: Profile = Profile.DRIVE,
        limit_s: float | None = None,
    ) -> Travel:
        """From each origin to one destination; inf beyond `limit_s`."""
        straight = crow_many_m([p.lat for p in origins], [p.lon for p in origins], destination)
        return _detoured(straight, profile, limit_s)

    def from_one(
        self,
        origin: LatLng,
        destinations: Sequence[LatLng],
        profile: Profile = Profile.DRIVE,
        limit_s: float | None = None,
    ) -> Travel:
        """From one origin to each destination: a straight line is as long either way."""
        return self.to_one(destinations, origin, profile, limit_s)

    def route(self, origin: LatLng, destination: LatLng, profile: Profile = Profile.DRIVE) -> Route:
        """The line is straight; its `meters` are the detour's, longer than the line."""
        meters = crow_m(origin, destination) * DETOUR
        return Route((origin, destination), Meters(meters), Seconds(meters / SPEED_MPS[profile]), SOURCE)


def _detoured(straight_m: NDArray[np.float64], profile: Profile, limit_s: float | None) -> Travel:
    meters = straight_m * DETOUR
    seconds = meters / SPEED_MPS[profile]
    if limit_s is not None:
        meters[seconds > limit_s] = seconds[seconds > limit_s] = np.inf
    return Travel(seconds.astype(np.float32), meters.astype(np.float32), SOURCE)
