"""How many fixes were taken and why others were not: numbers alone, of nobody in particular."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from geo.live import FixRefusal


@dataclass(slots=True)
class PositionTally:
    """Since the start of the process."""

    accepted: int = 0
    dropped: Counter[FixRefusal] = field(default_factory=Counter)

    def add(self, accepted: int, reasons: Iterable[FixRefusal]) -> None:
        """What became of one report."""
        self.accepted += accepted
        self.dropped.update(reasons)
