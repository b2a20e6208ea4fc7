"""Incomes per active hour of the people on duty, read now and then: what the fairness term looks at."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from domain.rules.rounds import RoundSettings, income_per_hour
from domain.rules.turns import is_due
from domain.store import earnings
from domain.usecases.work import Work

READ_EVERY: Final = 60.0  # s: a week's mean moves by less than a per cent in a minute


class Incomes:
    """One market's incomes. How people answered offers is in none of the rows read here."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._known: dict[UUID, float | None] = {}
        self._read_at: float | None = None

    async def of(
        self, work: Work, providers: Iterable[UUID], settings: RoundSettings
    ) -> Mapping[UUID, float | None]:
        """The income of each, `None` for those who have not worked an hour in the market's window of days."""
        now = work.now.timestamp()
        if self._read_at is None or is_due(now, self._read_at, READ_EVERY):
            self._known, self._read_at = {}, now
        unread = [provider for provider in providers if provider not in self._known]
        since = work.now - timedelta(days=settings.income_days)
        worked = await earnings.worked_since(work.db, self._market, unread, since)
        for provider in unread:
            self._known[provider] = income_per_hour(*worked.get(provider, (0, 0.0)))
        return self._known
