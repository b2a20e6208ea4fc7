"""How long a way takes at an hour, learnt from trips: seconds = a * km^p of the straight line, per hour.

The power law bends as trips do: short ones are slow streets, long ones fast roads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.whatif.city import HOUR_S, Day, Floats

LEAST_TRIPS = 50  # of an hour; with fewer it travels as the whole day does
LEAST_KM = 0.2  # shorter trips say more of doors than of streets
POWERS = (0.2, 1.0)  # outside, a longer way would take no longer, or slow down
PRIOR = (280.0, 0.55)
"""a and p before anything is learnt: the middle of what San Francisco's hours gave (230-345, 0.49-0.59)."""
PRIOR_DETOUR = 1.3
"""Street metres per straight metre where no lengths were recorded."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TravelFit:
    """`a` in seconds and `p`, 24 each, and street metres per straight metre."""

    a: Floats
    p: Floats
    detour: float
    trips: int

    def seconds(self, crow_m: NDArray[np.float64], at_s: float) -> NDArray[np.float64]:
        """How long ways of these straight lengths take when they begin at `at_s` of the day."""
        hour = int(at_s // HOUR_S) % 24
        return np.asarray(self.a[hour] * (crow_m / 1_000.0) ** self.p[hour], np.float64)


def fit_travel(days: Sequence[Day]) -> TravelFit:
    """Least squares of log seconds on log kilometres, hour by hour."""
    seconds = np.concatenate([day.duration_s for day in days])
    crow_m = np.concatenate([day.crow_m for day in days])
    driven_m = np.concatenate([day.driven_m for day in days])
    hour = (np.concatenate([day.request_s for day in days]) // HOUR_S).astype(np.intp) % 24
    told = (crow_m >= LEAST_KM * 1_000) & (seconds > 0)
    log_km, log_s, hour = np.log(crow_m[told] / 1_000), np.log(seconds[told]), hour[told]
    whole_day = _line(log_km, log_s, PRIOR)
    lines = [_line(log_km[hour == h], log_s[hour == h], whole_day) for h in range(24)]
    along = told & np.isfinite(driven_m) & (driven_m >= crow_m)  # a gap in a recording cuts corners
    detour = float(driven_m[along].sum() / crow_m[along].sum()) if bool(along.any()) else PRIOR_DETOUR
    a, p = np.array(lines).T
    return TravelFit(a=a, p=p, detour=detour, trips=int(told.sum()))


def _line(log_km: Floats, log_s: Floats, otherwise: tuple[float, float]) -> tuple[float, float]:
    """(a, p) through the points, or `otherwise` where they are few or all of one length."""
    if len(log_km) < LEAST_TRIPS or float(np.ptp(log_km)) < 0.5:
        return otherwise
    spread = log_km - log_km.mean()
    p = float(np.clip((spread * log_s).sum() / (spread**2).sum(), *POWERS))
    return float(np.exp(log_s.mean() - p * log_km.mean())), p
