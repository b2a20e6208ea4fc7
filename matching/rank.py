"""Order in a `call`: whom a posted job reaches, and in what order proposals are shown to the customer who
chooses.

A log-utility (conditional logit, priors in `CallWeights`) whose every term is returned. The chance that a
person declines is not among them, and nothing tells a yes from a no: what counts is that a customer who waited
for an answer got one.
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

CALL_TERMS = (
    "travel",
    "passing",
    "skill",
    "rating",
    "price",
    "experience",
    "responsiveness",
    "newcomer",
    "exposure",
)
COMPARED = frozenset({"price", "exposure"})
"""Terms that hang on what the others proposed: told to a provider only where there are enough others."""
PSEUDO_RATINGS = 8.0  # ratings at the category's mean that everyone starts with
PSEUDO_ASKED, PSEUDO_ANSWERED = 4, 2  # answers everyone starts with (Laplace): half, until it is known better


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
    asked: int = 0
    """How many customers' counter-offers lately ran to an answer or to their end without one."""
    answered: int = 0
    """How many of these were answered, with a yes or with a no."""
    reply_s: float = 0.0
    """The median time to these answers; 0 without any."""
    detour_s: float | None = None
    """The time it takes out of the person's way, who passes there anyway; None: does not."""

    def __post_init__(self) -> None:
        numbers = (
            self.travel_s,
            self.ratings,
            self.rating_total,
            self.past_jobs,
            self.shown,
            self.price or 0,
            self.asked,
            self.answered,
            self.reply_s,
            self.detour_s or 0.0,
        )
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(f"proposal {self.id} holds a number that is negative or not finite")
        if not 0 <= self.skill <= 1:
            raise ValueError(f"proposal {self.id}: skill {self.skill} is outside [0, 1]")
        if self.answered > self.asked:
            raise ValueError(f"proposal {self.id}: {self.answered} answers to {self.asked} questions")


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


def responsiveness(asked: int, answered: int, reply_s: float, half_life_s: float) -> float:
    """The share of answers, of either kind, smoothed: (2 + g answered) / (4 + asked), 1/2 for who was never asked.

    `g` falls from 1 for an answer at once to 1/2 for a late one, halving its way there every `half_life_s`: who
    answers everything, however slowly, never comes below who was never asked.
    """
    prompt = 0.5 + 0.5 * math.exp2(-reply_s / half_life_s)
    return (PSEUDO_ANSWERED + prompt * answered) / (PSEUDO_ASKED + asked)


def rank_proposals(
    proposals: Iterable[Proposal],
    *,
    seed: int,
    weights: CallWeights = CALL_PRIORS,
    mean: float | None = None,
) -> tuple[Ranked, ...]:
    """The proposals from best to worst. Ties are drawn by lot from the seed and the ids.

    `mean`: the category's mean rating; None: that of the weights. A rating counts less one posterior standard
    deviation, prices compare with the median of those proposed. Exposure lifts only those within `near_equal` of the
    best, by at most `exposure`, towards equal showings.
    """
    field = sorted(proposals, key=lambda proposal: proposal.id)
    if not field:
        return ()
    priced = [_cents(proposal.price) for proposal in field if proposal.price is not None]
    usual = float(median(priced)) if priced else 1.0
    showings = sum(proposal.shown for proposal in field)
    usual_stars = weights.rating_mean if mean is None else mean
    scored = [_terms(proposal, usual, showings, usual_stars, weights) for proposal in field]
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


def _terms(
    proposal: Proposal, usual: float, showings: int, mean: float, weights: CallWeights
) -> dict[str, float]:
    believed = bayesian_rating(proposal.ratings, proposal.rating_total, mean)
    doubt = weights.rating_noise / math.sqrt(PSEUDO_RATINGS + proposal.ratings)
    price = 0.0 if proposal.price is None else math.log(_cents(proposal.price) / usual)
    out_of_the_way = (
        proposal.travel_s if proposal.detour_s is None else min(proposal.travel_s, proposal.detour_s)
    )
    travel, passing = _distance(proposal.travel_s, weights), _distance(out_of_the_way, weights)
    answers = responsiveness(
        proposal.asked, proposal.answered, proposal.reply_s, weights.reply_half_life_s
    ) / responsiveness(0, 0, 0.0, weights.reply_half_life_s)
    return {
        "travel": -weights.travel * travel,
        "passing": weights.travel * (travel - passing),
        "skill": weights.skill * proposal.skill,
        "rating": weights.rating * (believed - doubt - mean) / weights.rating_sd,
        "price": -weights.price * price,
        "experience": weights.experience * math.log1p(proposal.past_jobs),
        "responsiveness": weights.responsiveness * math.log(answers),
        "newcomer": weights.newcomer * _exploration(proposal.shown, showings, weights),
    }


def _distance(seconds: float, weights: CallWeights) -> float:
    return math.log1p(seconds / weights.travel_scale_s)


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
