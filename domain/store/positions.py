"""Who may report positions: providers on duty, and those at work. Read only; no position is ever written here."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT, TRACKED_ENGAGEMENT
from domain.store.tables import DutySession, Engagement

_ACTIVE = sorted(state.value for state in ACTIVE_ENGAGEMENT)


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


async def duties_of(db: AsyncSession, accounts: Collection[UUID]) -> dict[UUID, Duty]:
    """The duty of each account; an empty one for those with neither an open session nor work."""
    if not accounts:
        return {}
    sessions = select(DutySession.account_id, DutySession.market_id, DutySession.services).where(
        DutySession.account_id.in_(accounts), DutySession.off_at.is_(None)
    )
    on: dict[UUID, tuple[str | None, tuple[str, ...]]] = {
        account: (market, tuple(services)) for account, market, services in await db.execute(sessions)
    }
    engaged = (
        select(
            Engagement.provider_id,
            Engagement.id,
            Engagement.market_id,
            Engagement.state,
            Engagement.exclusive,
        )
        .where(Engagement.provider_id.in_(accounts), Engagement.state.in_(_ACTIVE))
        .order_by(Engagement.id)
    )
    work: dict[UUID, list[RunningWork]] = {}
    for provider, engagement, market, state, exclusive in await db.execute(engaged):
        running = RunningWork(engagement, market, state in TRACKED_ENGAGEMENT, exclusive)
        work.setdefault(provider, []).append(running)
    return {
        account: Duty(*on.get(account, (None, ())), work=tuple(work.get(account, ()))) for account in accounts
    }
