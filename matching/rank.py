"""Order in a `call`: whom a posted job reaches, and in what order proposals are shown to the customer who
chooses.

A log-utility (conditional logit, priors in `CallWeights`) whose every term is returned. Neither the chance
that a person declines nor how often a person answered is among them: the two terms of the usual formula that
punish refusal are absent.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np

from matching.assign import lots
from matching.feasible import CALL_CHECKS, first_of
from matching.policy import CALL_PRIORS, PRIORS, CallWeights
from matching.problem import Ask, Supply
from matching.reasons import Reason

CALL_TERMS = ("travel", "skill", "rating", "price", "experience", "newcomer", "exposure")
PSEUDO_RATINGS = 8.0  # ratings at the category's mean that everyone starts with


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A provider who could do a posted job, with a price once they have proposed one."""

    id: str
    travel_s: float
    skill: float
    """How well the skills match, in [0, 1]."""
    ratings: float
    """How many reviews, each weighing at most 1 (an old one may weigh less)."""
    rating_total: float
    """The weighted sum of their stars."""
    past_jobs: int
    """Finished jobs of the same kind."""
    shown: int
    """How often the person was shown to customers lately, chosen or not."""
    price: int | None
    """Cents; None: not proposed yet."""

    def __post_init__(self) -> None:
        numbers = (
            self.travel_s,
            self.ratings,
            self.rating_total,
            self.past_jobs,
            self.shown,
            self.price or 0,
        )
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(f"proposal {self.id} holds a number that is negative or not finite")
        if not 0 <= self.skill <= 1:
            raise ValueError(f"proposal {self.id}: skill {self.skill} is outside [0, 1]")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A proposal's place, from 1, and the score's terms in units of utility, named as in `CALL_TERMS`."""

    id: str
    rank: int
    score: float
    terms: dict[str, float]


def eligible_for_call(ask: Ask, supply: Supply, travel_s: float) -> Reason | None:
    """The first constraint that keeps a posted job from this provider, or None. `travel_s` may be
    infinite."""
    return first_of(ask, supply, travel_s, PRIORS, CALL_CHECKS)


def bayesian_rating(n: float, total: float, mean: float, pseudo: float = PSEUDO_RATINGS) -> float:
    """The rating to show for `n` reviews summing to `total` stars, drawn towards the category's `mean` by
    `pseudo` reviews at that mean: one five-star review does not beat a hundred at 4.9."""
    return (pseudo * mean + total) / (pseudo + n)


def rank_proposals(
    proposals: Iterable[Proposal], *, seed: int, weights: CallWeights = CALL_PRIORS
) -> tuple[Ranked, ...]:
    """The proposals from best to worst. Ties are drawn by lot from the seed and the ids.

    A rating counts less one posterior standard deviation, prices compare with the median of those proposed.
    Exposure lifts only those within `near_equal` of the best, by at most `exposure`, towards equal showings.
    """
    field = sorted(proposals, key=lambda proposal: proposal.id)
    if not field:
        return ()
    priced = [_cents(proposal.price) for proposal in field if proposal.price is not None]
    usual = float(median(priced)) if priced else 1.0
    showings = sum(proposal.shown for proposal in field)
    scored = [_terms(proposal, usual, showings, weights) for proposal in field]
    best = max(math.fsum(terms.values()) for terms in scored)
    for proposal, terms in zip(field, scored, strict=True):
        near = math.fsum(terms.values()) >= best - weights.near_equal
        terms["exposure"] = weights.exposure * _deficit(proposal.shown, showings, len(field)) if near else 0.0
    drawn = lots(
        seed, [""], [p.id for p in field], np.zeros(len(field), dtype=np.intp), np.arange(len(field))
    )
    scores = [round(math.fsum(terms.values()), 9) for terms in scored]
    order = sorted(range(len(field)), key=lambda k: (-scores[k], drawn[k]))
    return tuple(Ranked(field[k].id, rank, scores[k], scored[k]) for rank, k in enumerate(order, start=1))


def _terms(proposal: Proposal, usual: float, showings: int, weights: CallWeights) -> dict[str, float]:
    believed = bayesian_rating(proposal.ratings, proposal.rating_total, weights.rating_mean)
    doubt = weights.rating_noise / math.sqrt(PSEUDO_RATINGS + proposal.ratings)
    price = 0.0 if proposal.price is None else math.log(_cents(proposal.price) / usual)
    return {
        "travel": -weights.travel * math.log1p(proposal.travel_s / weights.travel_scale_s),
        "skill": weights.skill * proposal.skill,
        "rating": weights.rating * (believed - doubt - weights.rating_mean) / weights.rating_sd,
        "price": -weights.price * price,
        "experience": weights.experience * math.log1p(proposal.past_jobs),
        "newcomer": weights.newcomer * _exploration(proposal.shown, showings, weights),
    }


def _cents(price: int) -> int:
    return max(price, 1)  # a free hand costs a cent here: its logarithm must exist


def _exploration(shown: int, showings: int, weights: CallWeights) -> float:
    """In [0, 1]: sqrt(ln N / n) (UCB1) for those shown fewer than `newcomer_shown` times, 0 for the
    others."""
    if shown >= weights.newcomer_shown:
        return 0.0
    return min(1.0, math.sqrt(math.log1p(showings) / shown)) if shown else 1.0


def _deficit(shown: int, showings: int, among: int) -> float:
    """In [0, 1]: how far below an equal share of the showings this one is."""
    return max(0.0, 1.0 - shown * among / showings) if showings else 0.0
