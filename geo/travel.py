"""What a question about travelling is answered with, whoever answers it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from geo.points import LatLng
from geo.units import Meters, Seconds


class Profile(StrEnum):
    DRIVE = "drive"
    WALK = "walk"
    CYCLE = "cycle"


@dataclass(frozen=True)
class Travel:
    """One way for each place asked about, in the order asked: the fastest, and of these the shortest."""

    seconds: NDArray[np.float32]  # inf: no way
    meters: NDArray[np.float32]  # along that same way; inf: no way
    source: str  # "streets", "osrm" or "crow": how far to trust it


@dataclass(frozen=True)
class Route:
    points: tuple[LatLng, ...]  # two or more
    meters: Meters
    seconds: Seconds
    source: str
    names: tuple[str, ...] = ()  # the streets in order, nameless ones left out
