"""How many fixes of one provider are taken: what a phone can mean, with room for what it gathered in a tunnel."""

from typing import Final
from uuid import UUID

PER_S: Final = 20.0  # a receiver gives one a second, the most eager ten
AT_ONCE: Final = 6_000  # five times what such a one gathers in two minutes; what is older is not taken anyway

FULL: Final = float(AT_ONCE)


class Pace:
    """A bucket an account, kept only while it is not full. Owned by one event loop; each process counts for itself."""

    def __init__(self) -> None:
        self._levels: dict[UUID, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def allow(self, account: UUID, fixes: int, now: float) -> int:
        """How many of so many fixes may be taken at this moment (Unix seconds); they are counted as taken."""
        known = self._levels.get(account)
        level = FULL if known is None else _level(*known, now)
        allowed = fixes if fixes <= level else int(level)
        self._levels[account] = (level - allowed, now)
        return allowed

    def forget_full(self, now: float) -> None:
        """Let go of those whose bucket has filled: they are like anybody who never reported."""
        self._levels = {
            account: known for account, known in self._levels.items() if _level(*known, now) < FULL
        }


def _level(level: float, at: float, now: float) -> float:
    """What a bucket holds now that held so much then; a clock that was set back adds nothing."""
    if now <= at:
        return level
    level += (now - at) * PER_S
    return min(FULL, level)
