"""Where an idle provider would be asked sooner: expected gains, never orders.

One idea carries both answers. In a zone that expects `need` requests, the k-th provider waiting there is wanted
with the chance that at least k come: P(Poisson(need) >= k). `moves` arranges a whole fleet by these chances (a
replay's cars follow it, all policies alike); `suggest` tells one person what the chances are worth per hour.

Who followed a suggestion and who did not is not known here, nor anywhere: there is no field for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from matching.forecast import SLOT_S

STAY = -1
WORTH_S = 5_400.0
"""s of driving that a request which is sure to come is worth. Measured on San Francisco's cabs of 2008-05-19, 250
cars, nearest-car dispatch: 52 % served at 900, 89 % at 1,800, 94 % at 3,600 and no better up to 20,000."""
LEAST_CHANCE = 0.05
"""A place wanted more seldom is not worth a car's way. A judgement."""
OUTER_SD = 1.2816
"""Standard deviations between the middle and the 10th or 90th percentile of a normal distribution."""


def chance(need: NDArray[np.float64], k: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(Poisson(need) >= k): the chance that the k-th waiting provider of a zone is wanted; 1 for k = 0.

    Continuous in k (the regularised incomplete gamma function), so half a provider has an answer too.
    """
    sure = k <= 0
    return np.where(sure, 1.0, gammainc(np.where(sure, 1.0, k), np.maximum(need, 0.0)))


def moves(
    *,
    zone: NDArray[np.intp],
    seconds: NDArray[np.float64],
    need: NDArray[np.float64],
    coming: NDArray[np.float64],
    worth_s: float = WORTH_S,
) -> NDArray[np.intp]:
    """Where each idle car should wait: a zone, or `STAY` for where it is.

    `zone` is where each car is (-1: in none), `seconds` (cars, zones) how long it takes to get to each zone's
    middle, `need` what each zone expects, `coming` how many will be there without being sent. Maximises the sum
    of the chances to be wanted, each worth `worth_s` of driving, less the driving; waiting in one's own zone
    costs none.
    """
    if len(zone) == 0 or len(need) == 0:
        return np.full(len(zone), STAY, dtype=np.intp)
    place_zone, place_chance = _places(need, coming, most=len(zone))
    driving = seconds.copy()
    inside = np.flatnonzero(zone >= 0)
    driving[inside, zone[inside]] = 0.0
    gain = np.maximum(worth_s * place_chance[None, :] - driving[:, place_zone], 0.0)
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - a fleet is moved in replays only

    cars, places = linear_sum_assignment(gain, maximize=True)
    target = np.full(len(zone), STAY, dtype=np.intp)
    taken = gain[cars, places] > 0
    target[cars[taken]] = place_zone[places[taken]]
    target[target == zone] = STAY
    return target


def _places(
    need: NDArray[np.float64], coming: NDArray[np.float64], *, most: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Places worth waiting in: their zone, and the chance that the car there is wanted."""
    k = np.arange(1, most + 1, dtype=np.float64)
    chances = chance(need[:, None], coming[:, None] + k[None, :])
    zones, places = np.nonzero(chances >= LEAST_CHANCE)
    return zones.astype(np.intp), np.asarray(chances[zones, places], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A zone that may be worth the way: cents per hour more than waiting where one is, in the middle and at the
    10th and 90th percentile of what is known of demand. Nobody has to follow it."""

    cell: int
    seconds: float
    gain_per_hour: float
    gain_low: float
    gain_high: float


def suggest(
    *,
    cells: NDArray[np.uint64],
    seconds: NDArray[np.float64],
    need: NDArray[np.float64],
    doubt: NDArray[np.float64],
    waiting: NDArray[np.float64],
    here: int,
    net_per_request: float,
    cost_per_s: float,
    most: int = 3,
) -> tuple[Suggestion, ...]:
    """The zones with the highest expected gain for one provider, best first; none where none gains.

    Zones are parallel arrays. `waiting` counts the others who are free in each, `here` is the index of the
    provider's own zone or -1, `net_per_request` what a request brings in cents, `cost_per_s` what driving costs.
    The gain is that of the next quarter-hour, told per hour: the chance to be wanted there in the time left after
    the way, less the chance here, less the way's cost.
    """
    low, high = np.maximum(need - OUTER_SD * doubt, 0.0), need + OUTER_SD * doubt
    left = np.clip(1.0 - seconds / SLOT_S, 0.0, 1.0)
    per_hour = 3_600 / SLOT_S

    def worth(there: NDArray[np.float64], at_home: NDArray[np.float64]) -> NDArray[np.float64]:
        reached = chance(there * left, waiting + 1.0)
        home = float(chance(at_home[here], waiting[here] + 1.0)) if here >= 0 else 0.0
        return np.asarray(
            ((reached - home) * net_per_request - seconds * cost_per_s) * per_hour, dtype=np.float64
        )

    middle, least, best = worth(need, need), worth(low, high), worth(high, low)
    order = [int(z) for z in np.lexsort((cells, -middle)) if middle[z] > 0 and z != here]
    return tuple(
        Suggestion(
            cell=int(cells[z]),
            seconds=float(seconds[z]),
            gain_per_hour=float(middle[z]),
            gain_low=float(least[z]),
            gain_high=float(best[z]),
        )
        for z in order[:most]
    )
