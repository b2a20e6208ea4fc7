"""The order of those who pass anyway, and what a seat of theirs may cost. Whether they pass is `geo.corridor`'s."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from matching.assign import lots

PASSING_TERMS = ("detour", "walk", "shift", "rating")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingWeights:
    """Seconds of the driver's detour that each counts for. Judgements, until riders' choices are learnt from."""

    walk: float = 1.5  # per second the rider walks
    shift: float = 0.5  # per second between the hour wished for and the hour passed
    rating: float = 30.0  # s per standard deviation of ratings
    rating_sd: float = 0.5  # stars, between people


PASSING_PRIORS = PassingWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passer:
    """Somebody who passes near enough. Seconds; `rating` in stars from the category's mean, already doubted."""

    id: str
    detour_s: float
    walk_s: float = 0.0
    shift_s: float = 0.0
    rating: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(getattr(self, field.name)) for field in fields(self) if field.name != "id"):
            raise ValueError(f"{self.id} holds a number that is not finite")
        if min(self.detour_s, self.walk_s, self.shift_s) < 0:
            raise ValueError(f"{self.id} holds a time of less than nothing")


@dataclass(frozen=True, slots=True)
class Place:
    """A passer's place, from 1, and what makes it: seconds, named as in `PASSING_TERMS`, more being better."""

    id: str
    rank: int
    score: float
    terms: dict[str, float]


def rank_passing(
    passers: Iterable[Passer], *, seed: int, weights: PassingWeights = PASSING_PRIORS
) -> tuple[Place, ...]:
    """From the most fitting to the least; ties by lot from the seed and the ids."""
    field = sorted(passers, key=lambda passer: passer.id)
    terms = [
        {
            "detour": -passer.detour_s,
            "walk": -weights.walk * passer.walk_s,
            "shift": -weights.shift * passer.shift_s,
            "rating": weights.rating * passer.rating / weights.rating_sd,
        }
        for passer in field
    ]
    scores = [round(math.fsum(one.values()), 9) for one in terms]
    drawn = lots(
        seed, [""], [p.id for p in field], np.zeros(len(field), dtype=np.intp), np.arange(len(field))
    )
    order = sorted(range(len(field)), key=lambda k: (-scores[k], drawn[k]))
    return tuple(Place(field[k].id, n, scores[k], terms[k]) for n, k in enumerate(order, start=1))


def most_share_cents(cost_cents_per_km: int, shared_m: float, people: int) -> int:
    """The most that one of those in the car may be asked for the way they share: the cost of its kilometres divided by
    all on board, who drives included, rounded down. Above, it is no cost sharing but transport for hire.

    `cost_cents_per_km` is the market's: a fiscal scale of kilometres, say. Raises `ValueError` below two people.
    """
    if people < 2:
        raise ValueError(f"{people} in a shared car: at least 2")
    return int(cost_cents_per_km * shared_m / 1_000 / people)
