"""What happened in the town, as its inhabitants saw it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """Counts by what was done, and every answer nobody expected."""

    counts: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    request_to_offer_ms: list[float] = field(default_factory=list)
    finished: dict[str, int] = field(default_factory=lambda: {"ride": 0, "parcel": 0, "job": 0})

    def saw(self, what: str) -> None:
        self.counts[what] += 1

    def surprised(self, who: str, what: object) -> None:
        """Something an honest client did not expect: kept whole for the report, the first fifty."""
        self.counts["surprise"] += 1
        if len(self.surprises) < 50:
            self.surprises.append(f"{who}: {what}")

    def done(self, trade: str) -> None:
        self.finished[trade] = self.finished.get(trade, 0) + 1
        self.saw(f"finished_{trade}")

    def as_json(self) -> dict[str, Any]:
        return {
            "finished": dict(self.finished),
            "counts": dict(sorted(self.counts.items())),
            "surprises": self.surprises,
        }
