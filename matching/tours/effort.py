"""How hard to look for tours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to search, in iterations, so that the same problem gives the same answer on any machine.

    An iteration over a hundred stops takes some 50 us. 8,000 and 10,000 on the Li & Lim instances of 100 tasks:
    see bench/pooling.py.
    """

    shrink: int = 8_000
    """To do with fewer vehicles; 0: as many as there are cost nothing."""
    improve: int = 10_000


A_DAY = Effort()
POOLING = Effort(shrink=0, improve=200)
"""Between two rounds of a few seconds."""
