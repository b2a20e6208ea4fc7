"""Stars: when they may be given, when they are shown, and the average a profile carries."""

from datetime import datetime, timedelta
from typing import Final

PRIOR_WEIGHT: Final = 5  # reviews' worth of the market's mean mixed into everybody's average
PRIOR_MEAN: Final = 4.5  # of a market nobody has reviewed yet: our choice, between "good" and "very good"

WORDS: Final = 2_000  # characters of a review


def bayesian(count: int, total: int, prior_mean: float) -> float:
    """The average of `count` reviews whose stars add up to `total`, drawn towards the market's mean.

    (C m + sum) / (C + n) with C = 5: one lone five does not outrank fifty fours and fives. Two decimals.
    """
    if count < 0 or not count <= total <= 5 * count:
        raise ValueError(f"{count} reviews cannot add up to {total} stars")
    return round((PRIOR_WEIGHT * prior_mean + total) / (PRIOR_WEIGHT + count), 2)


def window_ends(ended_at: datetime, window_s: int) -> datetime:
    """The last moment for a review; sealed ones open then."""
    return ended_at + timedelta(seconds=window_s)
