"""Everything a reader of an engagement is shown, fetched for many at once: eight statements, whatever the number."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store import money, reviews
from domain.store.tables import Account, Engagement, Payment, Provider, Request, Service, Stop

Row = TypeVar("Row", Request, Service, Account)


@dataclass(frozen=True, slots=True)
class EngagementFacts:
    """An engagement and the rows around it. Ratings are `(count, stars added up)`."""

    engagement: Engagement
    request: Request
    service: Service
    stops: Sequence[Stop]
    customer: Account
    provider: Account
    profile: Provider | None
    payments: Sequence[Payment]
    ratings: dict[UUID, tuple[int, int]]
    mean_stars: float


async def facts_of(db: AsyncSession, engagements: Sequence[Engagement]) -> list[EngagementFacts]:
    """The facts of each engagement, in the order given."""
    if not engagements:
        return []
    requests = await _by_id(db, Request, {row.request_id for row in engagements})
    services = await _by_id(db, Service, {row.service_id for row in engagements})
    people = {row.customer_id for row in engagements} | {row.provider_id for row in engagements}
    accounts = await _by_id(db, Account, people)
    providers = select(Provider).where(Provider.account_id.in_({row.provider_id for row in engagements}))
    profiles = {row.account_id: row for row in (await db.execute(providers)).scalars()}
    ratings = await reviews.ratings_of(db, people)
    means = {
        market: await reviews.market_mean(db, market) for market in {row.market_id for row in engagements}
    }
    stops = defaultdict[UUID, list[Stop]](list)
    for stop in (
        await db.execute(
            select(Stop).where(Stop.request_id.in_(set(requests))).order_by(Stop.request_id, Stop.seq)
        )
    ).scalars():
        stops[stop.request_id].append(stop)
    payments = defaultdict[UUID | None, list[Payment]](list)
    for payment in await money.of_engagements(db, [row.id for row in engagements]):
        payments[payment.engagement_id].append(payment)
    return [
        EngagementFacts(
            engagement=row,
            request=requests[row.request_id],
            service=services[row.service_id],
            stops=stops[row.request_id],
            customer=accounts[row.customer_id],
            provider=accounts[row.provider_id],
            profile=profiles.get(row.provider_id),
            payments=payments[row.id],
            ratings=ratings,
            mean_stars=means[row.market_id],
        )
        for row in engagements
    ]


async def _by_id(db: AsyncSession, table: type[Row], ids: set[UUID]) -> dict[UUID, Row]:
    rows = (await db.execute(select(table).where(table.id.in_(ids)))).scalars()
    return {row.id: row for row in rows}
