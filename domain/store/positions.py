"""Who may report positions: providers on duty, and those at work. Read only; no position is ever written here."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT, TRACKED_ENGAGEMENT
from domain.store.prepared import named, one_of
from domain.store.tables import DutySession, Engagement


@dataclass(frozen=True, slots=True)
class RunningWork:
    """An engagement a provider has ahead or under way."""

    engagement_id: UUID
    market: str
    tracked: bool  # its positions are kept and shown to its customer
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """Whether and where a provider is on duty, and the work they have. Without either, positions are nobody's."""

    market: str | None
    services: tuple[str, ...]
    work: tuple[RunningWork, ...]

    @property
    def tracked(self) -> tuple[RunningWork, ...]:
        return tuple(one for one in self.work if one.tracked)

    @property
    def available(self) -> bool:
        """Nothing fills their whole attention."""
        return not any(one.exclusive for one in self.work)


_SESSIONS: Final = select(DutySession.account_id, DutySession.market_id, DutySession.services).where(
    named(DutySession.account_id, "accounts"), DutySession.off_at.is_(None)
)
_WORK: Final = (
    select(
        Engagement.provider_id, Engagement.id, Engagement.market_id, Engagement.state, Engagement.exclusive
    )
    .where(named(Engagement.provider_id, "accounts"), one_of(Engagement.state, ACTIVE_ENGAGEMENT))
    .order_by(Engagement.id)
)


async def duties_of(db: AsyncSession, accounts: Collection[UUID]) -> dict[UUID, Duty]:
    """The duty of each account; an empty one for those with neither an open session nor work."""
    if not accounts:
        return {}
    asked, line = {"accounts": list(accounts)}, await db.connection()
    work: dict[UUID, list[RunningWork]] = {}
    for provider, engagement, market, state, exclusive in await line.execute(_WORK, asked):
        running = RunningWork(engagement, market, state in TRACKED_ENGAGEMENT, exclusive)
        work.setdefault(provider, []).append(running)
    duties = {account: Duty(None, (), tuple(work.get(account, ()))) for account in accounts}
    alike: dict[tuple[str, tuple[str, ...]], Duty] = {}  # thousands wait for the same work in the same market
    for account, market, services in await line.execute(_SESSIONS, asked):
        where = (market, tuple(services))
        free = alike.get(where) or alike.setdefault(where, Duty(*where, work=()))
        duties[account] = replace(free, work=duties[account].work) if account in work else free
    return duties
