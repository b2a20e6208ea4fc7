"""What a provider made and how long it took, added up in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Date, case, cast, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from domain.rules.ledger import COMMISSION, PSP
from domain.rules.states import EngagementState
from domain.store.tables import DutySession, Engagement, LedgerEntry, Market


@dataclass(frozen=True, slots=True)
class DayOfIncome:
    """One day of the market's own calendar, in cents; refunds are taken off the day they were made."""

    day: date
    currency: str
    gross: int
    fees: int
    tips: int
    net: int


async def income_by_day(
    db: AsyncSession, ledger_account: str, since: datetime, until: datetime
) -> list[DayOfIncome]:
    """The provider's transactions in `[since, until)`: their leg beside the service's and the platform's."""
    mine, gross, fee = aliased(LedgerEntry), aliased(LedgerEntry), aliased(LedgerEntry)
    day = cast(func.timezone(Market.timezone, mine.at), Date).label("day")
    statement = (
        select(
            day,
            mine.currency,
            -func.coalesce(func.sum(gross.amount_cents), 0),
            func.coalesce(func.sum(fee.amount_cents), 0),
            func.coalesce(func.sum(mine.amount_cents).filter(mine.kind == "tip"), 0),
            func.sum(mine.amount_cents),
        )
        .join(Market, Market.id == mine.market_id)
        .outerjoin(gross, (gross.txn_id == mine.txn_id) & (gross.account == PSP))
        .outerjoin(fee, (fee.txn_id == mine.txn_id) & (fee.account == COMMISSION))
        .where(mine.account == ledger_account, mine.at >= since, mine.at < until)
        .group_by(day, mine.currency)
        .order_by(day)
    )
    return [
        DayOfIncome(on, currency, int(taken), int(fees), int(tips), int(net))
        for on, currency, taken, fees, tips, net in (await db.execute(statement)).all()
    ]


async def duty_between(
    db: AsyncSession, account: UUID, since: datetime, until: datetime
) -> Sequence[tuple[datetime, datetime | None]]:
    """The sessions on duty that touch `[since, until)`: from, to."""
    statement = (
        select(DutySession.on_at, DutySession.off_at)
        .where(
            DutySession.account_id == account,
            DutySession.on_at < until,
            or_(DutySession.off_at.is_(None), DutySession.off_at > since),
        )
        .order_by(DutySession.on_at)
    )
    return [(on_at, off_at) for on_at, off_at in (await db.execute(statement)).all()]


async def ended_between(
    db: AsyncSession, provider: UUID, since: datetime, until: datetime
) -> Sequence[Engagement]:
    """The provider's engagements that came to a good end in `[since, until)`."""
    statement = select(Engagement).where(
        Engagement.provider_id == provider,
        Engagement.state.in_([EngagementState.COMPLETED, EngagementState.DISPUTED]),
        Engagement.ended_at >= since,
        Engagement.ended_at < until,
    )
    return (await db.execute(statement.order_by(Engagement.ended_at))).scalars().all()


def _bound_at() -> ColumnElement[datetime | None]:
    """`domain.rules.clocks.bound_at`, in SQL."""
    return case(
        (Engagement.start_at.is_not(None), Engagement.en_route_at),
        (Engagement.after_id.is_not(None), null()),
        else_=func.coalesce(Engagement.promoted_at, Engagement.confirmed_at),
    )


async def worked_since(
    db: AsyncSession, market: str, providers: Collection[UUID], since: datetime
) -> dict[UUID, tuple[int, float]]:
    """`(net, seconds)` of each provider's engagements that came to a good end since then: cents after commission,
    and activity time as `domain.rules.clocks` has it."""
    if not providers:
        return {}
    bound_at = _bound_at()
    statement = (
        select(
            Engagement.provider_id,
            func.sum(Engagement.price_cents - Engagement.fee_cents),
            func.sum(func.extract("epoch", Engagement.ended_at - bound_at)),
        )
        .where(
            Engagement.market_id == market,
            Engagement.provider_id.in_(providers),
            Engagement.state.in_([EngagementState.COMPLETED, EngagementState.DISPUTED]),
            Engagement.ended_at >= since,
            bound_at.is_not(None),
        )
        .group_by(Engagement.provider_id)
    )
    return {provider: (int(net), float(active_s)) for provider, net, active_s in await db.execute(statement)}


async def worked_today(
    db: AsyncSession, market: str, providers: Collection[UUID], now: datetime
) -> dict[UUID, float]:
    """Seconds of activity of each on the market's own calendar day so far, in every market, running work included."""
    zone = select(Market.timezone).where(Market.id == market).scalar_subquery()
    midnight = func.timezone(zone, func.date_trunc("day", func.timezone(zone, now)))
    bound_at = _bound_at()
    began, ended = func.greatest(bound_at, midnight), func.coalesce(Engagement.ended_at, now)
    statement = (
        select(Engagement.provider_id, func.sum(func.extract("epoch", ended - began)))
        .where(
            Engagement.provider_id.in_(providers),
            Engagement.state != EngagementState.CANCELLED,
            bound_at.is_not(None),
            ended > began,
        )
        .group_by(Engagement.provider_id)
    )
    return {provider: float(seconds) for provider, seconds in await db.execute(statement)}
