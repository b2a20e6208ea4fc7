"""Everything a reader of an engagement is shown, fetched for many at once: three statements a market, however many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from domain.rules.reviews import PRIOR_MEAN
from domain.store import money, reviews
from domain.store.prepared import About
from domain.store.requests import stops_of
from domain.store.tables import Account, Engagement, Payment, Provider, Request, Review, Service, Stop


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


def _around(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    customer, provider = aliased(Account), aliased(Account)
    market_mean = reviews.mean_of_newest(Review.market_id == bindparam("market"))
    return (
        select(
            Engagement.id,
            Request,
            Service,
            customer,
            provider,
            Provider,
            *reviews.published_about(Engagement.customer_id),
            *reviews.published_about(Engagement.provider_id),
            market_mean,
        )
        .join(Request, Request.id == Engagement.request_id)
        .join(Service, Service.id == Engagement.service_id)
        .join(customer, customer.id == Engagement.customer_id)
        .join(provider, provider.id == Engagement.provider_id)
        .outerjoin(Provider, Provider.account_id == Engagement.provider_id)
        .where(which)
    )


_AROUND: Final = About(Engagement.id, _around)


async def facts_of(db: AsyncSession, engagements: Sequence[Engagement]) -> list[EngagementFacts]:
    """The facts of each engagement, in the order given."""
    if not engagements:
        return []
    of_market = defaultdict[str, list[UUID]](list)
    for row in engagements:
        of_market[row.market_id].append(row.id)
    around: dict[UUID, Any] = {}
    for market, ids in sorted(of_market.items()):
        around |= {found[0]: found for found in await _AROUND.ask(db, ids, market=market)}
    stops = await stops_of(db, {row.request_id for row in engagements})
    payments = defaultdict[UUID | None, list[Payment]](list)
    for payment in await money.of_engagements(db, [row.id for row in engagements]):
        payments[payment.engagement_id].append(payment)
    found = []
    for row in engagements:
        _, request, service, customer, provider, profile, *stars = around[row.id]
        about_customer, about_provider, mean = (stars[0], stars[1] or 0), (stars[2], stars[3] or 0), stars[4]
        found.append(
            EngagementFacts(
                engagement=row,
                request=request,
                service=service,
                stops=stops.get(row.request_id, []),
                customer=customer,
                provider=provider,
                profile=profile,
                payments=payments[row.id],
                ratings={row.customer_id: about_customer, row.provider_id: about_provider},
                mean_stars=PRIOR_MEAN if mean is None else float(mean),
            )
        )
    return found
