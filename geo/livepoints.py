"""What the live index answers: one provider's newest fix, and everybody at once."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo.points import LatLng
from geo.units import Meters


@dataclass(frozen=True, slots=True)
class LivePoint:
    """One provider's newest fix. `away_m` is set by a search: straight meters from its point."""

    provider: UUID
    lat: float
    lon: float
    at: float
    cell: int
    services: int
    available: bool
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None
    away_m: Meters | None = None

    @property
    def place(self) -> LatLng:
        return LatLng(self.lat, self.lon)


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """Everybody who is not gone, by ascending id: read-only arrays of one length, fit for another thread."""

    now: float
    ids: tuple[UUID, ...]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    at: NDArray[np.float64]
    age_s: NDArray[np.float64]
    cell: NDArray[np.uint64]
    services: NDArray[np.int64]
    available: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    heading: NDArray[np.float64]  # degrees, NaN = unknown

    def __len__(self) -> int:
        return len(self.ids)
