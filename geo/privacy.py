"""What a stranger may know of a place before an agreement: a cell, and a distance in bands."""

from dataclasses import dataclass
from math import ceil, isfinite

from geo.cells import cell_of, center, to_hex
from geo.points import LatLng

COARSE_RES = 8  # about 0.74 km2: a quarter, not a house

# (up to, step), meters. Steps grow so that a far place is no better located than a near one, and answers
# rounded up to a quarter of a kilometer or more leave circles too wide to intersect in a house.
DISTANCE_BANDS = ((1_000, 250), (5_000, 500))
FAR_STEP = 1_000


@dataclass(frozen=True, slots=True)
class CoarsePlace:
    """A cell instead of a place. Every place of the cell gives this same value."""

    cell_hex: str
    center: LatLng


def coarse(p: LatLng, res: int = COARSE_RES) -> CoarsePlace:
    cell = cell_of(p, res)
    return CoarsePlace(to_hex(cell), center(cell))


def distance_band_m(m: float) -> int:
    """The band "at most this far": `m` rounded up to 250 m below 1 km, to 500 m below 5 km, to 1 km beyond.

    Measure `m` between cell centers where the asker can move at will: bands alone blur, cells do not move.
    ValueError if negative or not finite.
    """
    if not isfinite(m) or m < 0:
        raise ValueError(f"a distance of {m:g} m has no band")
    for up_to, step in DISTANCE_BANDS:
        if m <= up_to:
            return max(step, ceil(m / step) * step)
    return ceil(m / FAR_STEP) * FAR_STEP
