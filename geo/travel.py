"""What a question about travelling is answered with, whoever answers it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from geo.calibration import NOTHING_LEARNT, P90_PRIOR, Calibration
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
    calibration: str = NOTHING_LEARNT  # the version of the factors that `seconds` was multiplied with
    streets_s: NDArray[np.float32] | None = None  # before the factors; None: there were none
    p90_s: NDArray[np.float32] | None = None  # nine times in ten it takes no longer; None: not known

    @property
    def plain_s(self) -> NDArray[np.float32]:
        """The source's own seconds."""
        return self.seconds if self.streets_s is None else self.streets_s

    @property
    def slow_s(self) -> NDArray[np.float32]:
        """The P90, by the house's prior where nothing was learnt."""
        return self.seconds * np.float32(P90_PRIOR) if self.p90_s is None else self.p90_s

    def calibrated(self, calibration: Calibration, cells: Sequence[int], hour: int) -> "Travel":
        """The same under a calibration's factors for the places' cells (one for all, or one each)."""
        if not len(self.seconds):
            return replace(self, calibration=calibration.version)
        factors = np.array([calibration.factors(cell, hour) for cell in cells], np.float32)
        return replace(
            self,
            seconds=self.seconds * factors[:, 0],
            calibration=calibration.version,
            streets_s=self.seconds,
            p90_s=self.seconds * factors[:, 1],
        )


@dataclass(frozen=True)
class Route:
    points: tuple[LatLng, ...]  # two or more
    meters: Meters
    seconds: Seconds
    source: str
    names: tuple[str, ...] = ()  # the streets in order, nameless ones left out
