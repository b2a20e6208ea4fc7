"""The numbers a round is run under, each with its source, and the list of what a cost may look at.

"Measured" refers to the project's batch experiments on a synthetic city and on the cabspotting (San
Francisco) traces; a number without a source is marked as a judgement, to be replaced by a measured one
through what-if replay.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

ALLOWED_FEATURES = frozenset({"income_per_hour", "place_s"})
"""All that a cost may read of a provider, besides when they would be there. How a person answered earlier
offers is not here and must never be: declining costs nothing (EU 2024/2831 and a promise of this project).
Place in a station queue orders turns in `solve`, before costs are compared."""

COST_TERMS = ("approach", "fairness", "anticipation")
"""The names of the cost's terms, all in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one round weighs. Frozen and versioned: stored with the round, so that a replay uses the same
    numbers.

    Raises `ValueError` for a number that is not finite or is negative, and for wave radii that shrink.
    """

    version: str

    nobody_s: float = 1_500.0
    """s; the price of offering a request to nobody this round. A judgement: 25 minutes of approach, not tuned."""

    age_weight: float = 1.0
    """s per s of age: an older request is worth more. A judgement: a second waited weighs as one of approach."""

    wave_reach_s: tuple[float, ...] = (600.0, 1_200.0)
    """s of approach within which each wave looks; after the last, only the request's own limit holds. The
    best radius is 1-3 km (Yang, Qin, Ke, Ye, TR-B 131, 2020): 600 s is 3.6 km at 6 m/s."""

    wave_every_s: float = 20.0
    """s; a request this old looks as far as one a wave further, offers or not, so that no request waits for a
    wave that never comes. A judgement: one offer's life (10-15 s) and a round or two."""

    fairness_s: float = 0.0
    """s per standard deviation of income per active hour. At 60 s, measured on San Francisco shifts: Gini of
    hourly income 0.207 to 0.135 and 0.185 to 0.124, for 0.05-0.12 min of wait. Zero until the caller knows
    incomes per active hour."""

    fairness_cap: float = 2.0
    """standard deviations; the term is clipped here, so fairness never weighs more than `fairness_cap *
    fairness_s`."""

    anticipation: float = 0.0
    """s per second of earning that a trip brings beyond what it takes (`matching.anticipation`); 0: no such term. At
    0.25, tuned on San Francisco's 2008-05-17 to 19 and judged on 20 to 22: see docs/replay.md."""

    anticipation_cap_s: float = 300.0
    """s; anticipation never weighs more, for or against. Tuned on the same days: 150 and 600 did no better."""

    agenda_buffer_s: float = 600.0
    """s kept free before the next booked job where the way to it is not known. A judgement: a ten-minute trip
    across a small town."""

    leave_s: float = 300.0
    """s to take leave after work before the way to the next job begins; an agenda claims the same five minutes
    (`domain.rules.clocks.AFTERWARDS`)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"policy {field.name} {value} is not a finite number of at least 0")
        if any(
            not earlier <= later
            for earlier, later in zip((0.0, *self.wave_reach_s), self.wave_reach_s, strict=False)
        ):
            raise ValueError(f"wave radii {self.wave_reach_s} shrink")
        if self.wave_every_s == 0:
            raise ValueError("wave_every_s 0 would make every wave the last")

    def reach_s(self, *, wave: int, age_s: float, limit_s: float) -> float:
        """How many seconds of approach a request looks out to: its own limit, and less in its first waves."""
        return float(self.reaches_s(np.array([wave]), np.array([age_s]), np.array([limit_s]))[0])

    def reaches_s(
        self, wave: NDArray[np.int64], age_s: NDArray[np.float64], limit_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The same for many requests at once."""
        reached = np.minimum(np.maximum(wave, age_s // self.wave_every_s), len(self.wave_reach_s))
        looked: NDArray[np.float64] = np.array([*self.wave_reach_s, np.inf])[reached.astype(np.intp)]
        return np.minimum(limit_s, looked)

    def nobody_price_s(self, *, age_s: float, limit_s: float) -> float:
        """What leaving a request without an offer costs this round, in seconds of approach.

        Never under the approach the request allows: a customer who accepts half an hour is worth half an
        hour.
        """
        return float(self.nobody_prices_s(np.array([age_s]), np.array([limit_s]))[0])

    def nobody_prices_s(
        self, age_s: NDArray[np.float64], limit_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The same for many requests at once."""
        return np.maximum(self.nobody_s, limit_s) + self.age_weight * age_s


PRIORS = Policy(version="priors-1")
"""The policy before anything was learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWeights:
    """Weights of the log-utility that orders providers and proposals in a `call`; units of utility.

    Priors, to be learnt by conditional logit on customers' choices. The chance that a person declines is left
    out on purpose, and a person's answers count alike whether they were a yes or a no.
    """

    version: str
    travel: float = 1.2  # per ln(1 + travel / 10 min)
    skill: float = 1.5  # per unit of skill match in [0, 1]
    rating: float = 1.0  # per standard deviation of ratings in the category
    price: float = 0.8  # per ln(price / median price)
    experience: float = 0.5  # per ln(1 + past jobs of the kind)
    responsiveness: float = 1.0  # per ln(share of questions answered / a half), a no as good as a yes
    newcomer: float = 0.3  # at most, for fewer than `newcomer_shown` showings: a judgement
    exposure: float = 0.1  # at most, and only among near-equals: a judgement
    near_equal: float = 0.1  # utility; e^0.1 is 10 % of the odds of being chosen
    newcomer_shown: int = 10  # showings after which a newcomer is one no more
    travel_scale_s: float = 600.0
    reply_half_life_s: float = 3_600.0  # a proposal's own life: a judgement
    rating_mean: float = 4.5  # stars, a category's mean until it has its own: a judgement
    rating_sd: float = 0.5  # stars, between providers: a judgement
    rating_noise: float = 1.0  # stars, between the reviews of one provider: a judgement


CALL_PRIORS = CallWeights(version="call-priors-2")
