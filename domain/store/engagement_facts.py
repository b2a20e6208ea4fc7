"""Everything a reader of an engagement is shown, fetched for many at once: five statements, whatever the number."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from domain.store import money, reviews
from domain.store.tables import Account, Engagement, Payment, Provider, Request, Service, Stop


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
    ids = {row.id for row in engagements}
    around = await _rows_around(db, ids)
    people = {row.customer_id for row in engagements} | {row.provider_id for row in engagements}
    ratings = await reviews.ratings_of(db, people)
    means = {
        market: await reviews.market_mean(db, market)
        for market in sorted({row.market_id for row in engagements})
    }
    stops = await _stops_of(db, {row.request_id for row in engagements})
    payments = defaultdict[UUID | None, list[Payment]](list)
    for payment in await money.of_engagements(db, ids):
        payments[payment.engagement_id].append(payment)
    found = []
    for row in engagements:
        request, service, customer, provider, profile = around[row.id]
        found.append(
            EngagementFacts(
                engagement=row,
                request=request,
                service=service,
                stops=stops[row.request_id],
                customer=customer,
                provider=provider,
                profile=profile,
                payments=payments[row.id],
                ratings=ratings,
                mean_stars=means[row.market_id],
            )
        )
    return found


async def _rows_around(
    db: AsyncSession, ids: set[UUID]
) -> dict[UUID, tuple[Request, Service, Account, Account, Provider | None]]:
    """Request, service, customer, provider and the provider's profile of each engagement, in one statement."""
    customer, provider = aliased(Account), aliased(Account)
    statement = (
        select(Engagement.id, Request, Service, customer, provider, Provider)
        .join(Request, Request.id == Engagement.request_id)
        .join(Service, Service.id == Engagement.service_id)
        .join(customer, customer.id == Engagement.customer_id)
        .join(provider, provider.id == Engagement.provider_id)
        .outerjoin(Provider, Provider.account_id == Engagement.provider_id)
        .where(Engagement.id.in_(ids))
    )
    return {
        found[0]: (found[1], found[2], found[3], found[4], found[5]) for found in await db.execute(statement)
    }


async def _stops_of(db: AsyncSession, requests: set[UUID]) -> dict[UUID, list[Stop]]:
    statement = select(Stop).where(Stop.request_id.in_(requests)).order_by(Stop.request_id, Stop.seq)
    found = defaultdict[UUID, list[Stop]](list)
    for stop in (await db.execute(statement)).scalars():
        found[stop.request_id].append(stop)
    return found
