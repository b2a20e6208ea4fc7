"""Counts of people that anybody may read: too coarse to tell that one of them came or went. Pure."""

from typing import Final

STEP: Final = 5
"""As the usual threshold of published tables: fewer than five may be somebody one knows."""


def coarse_count(count: int) -> int | None:
    """A count rounded down to fives; None below five, where zero and four look the same."""
    if count < 0:
        raise ValueError(f"{count} is no count")
    return count // STEP * STEP or None
