"""How many fixes were taken and why others were not: numbers alone, of nobody in particular."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.usecases.readings import Receipt
from geo.live import FixRefusal


@dataclass(slots=True)
class PositionTally:
    """Since the start of the process."""

    accepted: int = 0
    dropped: Counter[FixRefusal] = field(default_factory=Counter)

    def add(self, receipts: Iterable[Receipt]) -> None:
        """What became of some reports."""
        for receipt in receipts:
            self.accepted += receipt.accepted
            if receipt.dropped:
                self.dropped.update(drop.reason for drop in receipt.dropped)
