"""What others may see of an account: published reviews, work done, whether two people are on a job together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, ReviewState
from domain.store.tables import Account, Engagement, Review


async def stars(db: AsyncSession, account_id: UUID) -> tuple[int, int]:
    """How many published reviews an account has, and the sum of their stars."""
    statement = select(func.count(), func.coalesce(func.sum(Review.stars), 0)).where(
        Review.subject_id == account_id, Review.state == ReviewState.PUBLISHED
    )
    count, total = (await db.execute(statement)).one()
    return int(count), int(total)


async def newest_reviews(db: AsyncSession, account_id: UUID, limit: int) -> Sequence[tuple[Review, str]]:
    """Published reviews about an account with their authors' names, newest first."""
    statement = (
        select(Review, Account.name)
        .join(Account, Account.id == Review.author_id)
        .where(Review.subject_id == account_id, Review.state == ReviewState.PUBLISHED)
        .order_by(Review.published_at.desc(), Review.id.desc())
        .limit(limit)
    )
    return [(review, name) for review, name in await db.execute(statement)]


async def done_count(db: AsyncSession, account_id: UUID) -> int:
    """Engagements an account completed, on either side."""
    statement = select(func.count()).where(
        or_(Engagement.provider_id == account_id, Engagement.customer_id == account_id),
        Engagement.state == EngagementState.COMPLETED,
    )
    return (await db.execute(statement)).scalar_one()


async def at_work_together(db: AsyncSession, customer: UUID, provider: UUID) -> bool:
    """Whether a running engagement joins the two."""
    running = and_(
        Engagement.customer_id == customer,
        Engagement.provider_id == provider,
        Engagement.state.in_([state.value for state in ACTIVE_ENGAGEMENT]),
    )
    return (await db.execute(select(exists().where(running)))).scalar_one()
