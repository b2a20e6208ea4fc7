"""How long travel really takes: factors learnt from finished approaches, by place and hour of the day.

A promise of `p` street-graph seconds that took `t` is a ratio t / p. For a cell and an hour the ratio's P50 and P90
are taken in logarithms and pulled towards those of the hour, the hour's towards the city's, and the city's towards
one (P50) and the house's prior (P90), each with the weight of `PULL` observations: with n of its own,

    q = (n * q_own + PULL * q_above) / (n + PULL)

which is Buehlmann's credibility estimator (Buehlmann, "Experience rating and credibility", ASTIN Bulletin 4, 1967)
with a fixed credibility constant. With nothing learnt every factor is 1 and the version says so.

Only engagements are learnt from, and only the times of the engagement itself: no position outside one, and nothing
that belongs to a person. Two people on the same street at the same hour are promised the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

NOTHING_LEARNT = "none"  # the version of a calibration without observations
CALIBRATION_RES = 8  # H3: 0.7 km2, a quarter
PULL = 20.0  # observations' worth of trust in the level above: a house figure, one evening of one quarter
P90_PRIOR = 1.6  # P90 over P50 until learnt: urban approaches
_FACTOR_BOUNDS = (
    0.25,
    4.0,
)  # nothing learnt promises less than a quarter or more than four times the streets' time
_RATIO_BOUNDS = (0.1, 10.0)  # beyond it somebody forgot to press "arrived"
SHORTEST_S = 30.0  # an approach shorter than this is parking, not driving

Quantiles = tuple[float, float]  # logarithms of the P50 and the P90 ratio


@dataclass(frozen=True, slots=True)
class Approach:
    """One finished approach: where it ended, the local hour it was promised in, what was promised, what it took."""

    cell: int  # H3, `CALIBRATION_RES`
    hour: int  # 0..23, local
    streets_s: float  # by the travel source, before any factor
    promised_p50_s: float
    promised_p90_s: float
    took_s: float


@dataclass(frozen=True)
class Calibration:
    """Factors by place and hour. `version` names them on every answer that used them."""

    version: str = NOTHING_LEARNT
    observed: int = 0
    city: Quantiles = (0.0, float(np.log(P90_PRIOR)))
    hours: Mapping[int, Quantiles] = field(default_factory=dict)
    cells: Mapping[tuple[int, int], Quantiles] = field(default_factory=dict)

    def factors(self, cell: int, hour: int) -> tuple[float, float]:
        """What the streets' seconds are multiplied with for the P50, and for the P90."""
        p50, p90 = self.cells.get((cell, hour), self.hours.get(hour, self.city))
        low, high = np.clip(np.exp([p50, max(p50, p90)]), *_FACTOR_BOUNDS).tolist()
        return low, high


@dataclass(frozen=True, slots=True)
class Kept:
    """How often promises held: shares in [0, 1] of `count` approaches."""

    count: int
    within_p50: float
    within_p90: float
    median_ratio: float  # took over promised P50


def learn(approaches: Sequence[Approach]) -> Calibration:
    """The factors of some approaches; the same in any order."""
    told = sorted(filter(_told, approaches), key=lambda one: (one.hour, one.cell, one.streets_s, one.took_s))
    if not told:
        return Calibration()
    low, high = _RATIO_BOUNDS
    logs = np.log(np.clip([one.took_s / one.streets_s for one in told], low, high))
    city = _pulled(logs, Calibration().city)
    hours: dict[int, Quantiles] = {}
    cells: dict[tuple[int, int], Quantiles] = {}
    for hour, rows in _groups([one.hour for one in told]):
        hours[hour] = _pulled(logs[rows], city)
        for cell, within in _groups([one.cell for one in told[rows]]):
            cells[cell, hour] = _pulled(logs[rows][within], hours[hour])
    digest = blake2b(repr(told).encode(), digest_size=4).hexdigest()
    return Calibration(f"learnt-{len(told)}-{digest}", len(told), city, hours, cells)


def kept(approaches: Sequence[Approach]) -> Kept | None:
    """How often the promises of some approaches held; None of none."""
    told = [one for one in approaches if _told(one)]
    if not told:
        return None
    took = np.array([one.took_s for one in told])
    p50 = np.array([one.promised_p50_s for one in told])
    p90 = np.array([one.promised_p90_s for one in told])
    ratio = float(np.median(took / np.maximum(p50, 1.0)))
    return Kept(len(told), float((took <= p50).mean()), float((took <= p90).mean()), ratio)


def kept_by_hour(approaches: Sequence[Approach]) -> dict[int, Kept]:
    """The same for each local hour that has any."""
    found = ((hour, kept([one for one in approaches if one.hour == hour])) for hour in range(24))
    return {hour: one for hour, one in found if one is not None}


def _told(one: Approach) -> bool:
    return one.streets_s >= SHORTEST_S and one.took_s > 0


def _pulled(logs: NDArray[np.float64], above: Quantiles) -> Quantiles:
    own = np.quantile(logs, (0.5, 0.9))
    p50, p90 = ((len(logs) * own + PULL * np.array(above)) / (len(logs) + PULL)).tolist()
    return p50, p90


def _groups(keys: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Runs of equal keys in a sorted sequence, with where they are."""
    start = 0
    for key, run in groupby(keys):
        stop = start + len(list(run))
        yield key, slice(start, stop)
        start = stop
