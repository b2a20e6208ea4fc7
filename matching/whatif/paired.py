"""Two policies on the same days with the same seeds: the difference, and how sure it is."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from matching.whatif.measures import HEADLINES, Measures

Cell = tuple[str, int]
"""A day and a seed."""


def difference(one: dict[Cell, Measures], other: dict[Cell, Measures]) -> dict[str, Any]:
    """`one` less `other`, per headline: the mean over days of each day's mean over seeds, and its standard error.

    Days are what varies: seeds of one day are not independent of each other, so they are averaged first. With a
    single day the error is over its seeds, and says so; with a single pair there is none.
    """
    cells = sorted(one.keys() & other.keys())
    days = sorted({day for day, _ in cells})
    over = "days" if len(days) > 1 else "seeds"
    told: dict[str, Any] = {"paired_over": over, "pairs": len(days) if over == "days" else len(cells)}
    for name in HEADLINES:
        pairs = [
            (day, one[day, seed][name] - other[day, seed][name])
            for day, seed in cells
            if one[day, seed][name] is not None and other[day, seed][name] is not None
        ]
        steps = (
            [
                float(np.mean([step for of, step in pairs if of == day]))
                for day in sorted({d for d, _ in pairs})
            ]
            if over == "days"
            else [step for _, step in pairs]
        )
        told[name] = {"difference": _mean(steps), "se": standard_error(steps)}
    return told


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    return round(float(np.std(values, ddof=1)) / math.sqrt(len(values)), 5)


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 5) if values else None
