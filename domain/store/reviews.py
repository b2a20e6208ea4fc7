"""Reviews: sealed rows, opened together; running ratings read in one statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from domain.rules.reviews import PRIOR_MEAN
from domain.rules.states import ReviewState
from domain.store.asking import ask
from domain.store.prepared import among
from domain.store.tables import Engagement, Review

YEAR_S = 365 * 86_400.0
MEAN_OVER = 1_000  # the newest published reviews a market's mean looks at: bounded, and of today


async def add(db: AsyncSession, values: Mapping[str, Any]) -> Review | None:
    """Seal a review; `None` when its author has already written one about this engagement."""
    statement = insert(Review).values(**values).on_conflict_do_nothing().returning(Review)
    return (await db.execute(statement)).scalar_one_or_none()


async def of_engagement(db: AsyncSession, engagement_id: UUID) -> Sequence[Review]:
    """Both sides' reviews, sealed or not; the caller decides who may see which."""
    statement = (
        select(Review)
        .where(Review.engagement_id == engagement_id)
        .order_by(Review.created_at, Review.id)
        .execution_options(populate_existing=True)
    )
    return (await db.execute(statement)).scalars().all()


async def publish(db: AsyncSession, engagement_id: UUID, now: datetime) -> Sequence[Review]:
    """Open what is sealed; returns what was opened just now."""
    statement = (
        update(Review)
        .where(Review.engagement_id == engagement_id, Review.state == ReviewState.SEALED)
        .values(state=ReviewState.PUBLISHED, published_at=now)
        .returning(Review)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    return sorted((await db.execute(statement)).scalars(), key=lambda review: review.id)


async def about(db: AsyncSession, subject_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Review]:
    """The published reviews about an account, newest first, below `before`."""
    statement = select(Review).where(Review.subject_id == subject_id, Review.state == ReviewState.PUBLISHED)
    if before is not None:
        statement = statement.where(Review.id < before)
    return (await db.execute(statement.order_by(Review.id.desc()).limit(limit))).scalars().all()


async def rating_of(db: AsyncSession, account_id: UUID) -> tuple[int, int]:
    """How many published reviews an account has, and their stars added up."""
    return (await ratings_of(db, [account_id]))[account_id]


_RATINGS: Final = (
    select(Review.subject_id, func.count(), func.sum(Review.stars))
    .where(among(Review.subject_id, "accounts"), Review.state == ReviewState.PUBLISHED)
    .group_by(Review.subject_id)
)


async def ratings_of(db: AsyncSession, account_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int]]:
    """The same for several accounts at once; nobody's first review is (0, 0)."""
    wanted = set(account_ids)
    rows = (await ask(db, _RATINGS, {"accounts": sorted(wanted)})).all()
    found = {subject: (int(n), int(total)) for subject, n, total in rows}
    return {account: found.get(account, (0, 0)) for account in wanted}


async def faded_ratings_of(
    db: AsyncSession, account_ids: Iterable[UUID], now: datetime
) -> dict[UUID, tuple[float, float]]:
    """The weights of each one's published reviews and their weighted stars, added up: a review weighs half as much
    with each year gone by since it was published."""
    wanted = set(account_ids)
    age_s = func.extract("epoch", now - Review.published_at)
    weight = func.power(0.5, func.greatest(age_s, 0) / YEAR_S)
    statement = (
        select(Review.subject_id, func.sum(weight), func.sum(weight * Review.stars))
        .where(Review.subject_id.in_(sorted(wanted)), Review.state == ReviewState.PUBLISHED)
        .group_by(Review.subject_id)
    )
    found = {subject: (float(n), float(total)) for subject, n, total in (await db.execute(statement)).all()}
    return {account: found.get(account, (0.0, 0.0)) for account in wanted}


async def category_mean(db: AsyncSession, market_id: str, service_slug: str) -> float | None:
    """The mean of the newest published reviews of work of one service; `None` before the first."""
    newest = (
        select(Review.stars)
        .join(Engagement, Engagement.id == Review.engagement_id)
        .where(
            Review.market_id == market_id,
            Review.state == ReviewState.PUBLISHED,
            Review.subject_id == Engagement.provider_id,
            Engagement.service_slug == service_slug,
        )
        .order_by(Review.published_at.desc())
        .limit(MEAN_OVER)
        .subquery()
    )
    mean = (await db.execute(select(func.avg(newest.c.stars)))).scalar_one_or_none()
    return None if mean is None else float(mean)


async def market_mean(db: AsyncSession, market_id: str) -> float:
    """The mean of the market's newest published reviews: the prior of everybody's average."""
    mean = (await ask(db, _MARKET_MEAN, {"market": market_id})).scalar_one_or_none()
    return PRIOR_MEAN if mean is None else float(mean)


def mean_of_newest(where: ColumnElement[bool]) -> ScalarSelect[float]:
    """The mean of the newest published reviews that a condition holds of, as a column; NULL before the first."""
    newest = (
        select(Review.stars)
        .where(where, Review.state == ReviewState.PUBLISHED)
        .order_by(Review.published_at.desc())
        .limit(MEAN_OVER)
        .subquery()
    )
    return select(func.avg(newest.c.stars)).scalar_subquery()


_MARKET_MEAN: Final = select(mean_of_newest(Review.market_id == bindparam("market")))


def published_about(subject: InstrumentedAttribute[UUID]) -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """How many published reviews there are about the account in a column, and their stars added up, as columns."""
    theirs = (Review.subject_id == subject) & (Review.state == ReviewState.PUBLISHED)
    return (
        select(func.count()).where(theirs).correlate(subject.class_).scalar_subquery(),
        select(func.sum(Review.stars)).where(theirs).correlate(subject.class_).scalar_subquery(),
    )
