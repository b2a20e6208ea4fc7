"""How many fixes of one provider are taken: what a phone can mean, with room for what it gathered in a tunnel."""

from typing import Final
from uuid import UUID

PER_S: Final = 20.0  # a receiver gives one a second, the most eager ten
AT_ONCE: Final = 6_000  # five times what such a one gathers in two minutes; what is older is not taken anyway


class Pace:
    """A bucket an account, kept only while it is not full. Owned by one event loop; each process counts for itself."""

    def __init__(self) -> None:
        self._levels: dict[UUID, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def allow(self, account: UUID, fixes: int, now: float) -> int:
        """How many of so many fixes may be taken at this moment (Unix seconds); they are counted as taken."""
        level = self._level(account, now)
        allowed = min(fixes, int(level))
        self._levels[account] = (level - allowed, now)
        return allowed

    def forget_full(self, now: float) -> None:
        """Let go of those whose bucket has filled: they are like anybody who never reported."""
        self._levels = {
            account: known for account, known in self._levels.items() if self._level(account, now) < AT_ONCE
        }

    def _level(self, account: UUID, now: float) -> float:
        level, at = self._levels.get(account, (float(AT_ONCE), now))
        return min(float(AT_ONCE), level + max(0.0, now - at) * PER_S)
