"""What a bus counts: the same numbers for each kind of bus."""

from dataclasses import dataclass


@dataclass(slots=True)
class BusTally:
    """Since the start of the process."""

    published: int = 0  # handed over
    dropped: int = 0  # not handed over: closed, or away for too long
    missed: int = 0  # came for a listener that was too far behind
    reconnects: int = 0
