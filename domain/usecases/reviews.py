"""Reviews both ways: sealed until both sides have written or the window ends, then opened together."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from domain.rules.errors import AlreadyReviewed, Forbidden, IllegalMove, Invalid, ReviewClosed
from domain.rules.events import EventType
from domain.rules.reviews import WORDS, window_ends
from domain.rules.states import EngagementState, ReviewState, Role
from domain.store import reviews as store
from domain.store.tables import Engagement, Review
from domain.store.timers import TimerKind
from domain.usecases import access
from domain.usecases.views.reviews import review_view
from domain.usecases.work import Work

_OVER = (EngagementState.COMPLETED, EngagementState.DISPUTED)


async def write_review(work: Work, engagement_id: UUID, *, stars: int, text: str = "") -> dict[str, Any]:
    """One party's stars and words about the other, once, after the work. The second one opens both.

    The engagement is locked first: of two reviews written at once the later sees the earlier.
    """
    engagement, role = await access.engagement_of_party(work, engagement_id, lock=True)
    if role is Role.OPS:
        raise Forbidden("only the two parties review each other")
    if not 1 <= stars <= 5:
        raise Invalid.field("/stars", "stars are 1 to 5", "de 1 à 5 étoiles")
    if len(text) > WORDS:
        raise Invalid.field("/text", f"at most {WORDS} characters", f"au plus {WORDS} caractères")
    if engagement.state not in _OVER or engagement.ended_at is None:
        raise IllegalMove("reviews are written after the work", state=engagement.state, verb="review")
    if work.now > window_ends(engagement.ended_at, work.knobs.review_window):
        raise ReviewClosed
    by_customer = role is Role.CUSTOMER
    review = await store.add(
        work.db,
        {
            "id": work.new_id(),
            "market_id": engagement.market_id,
            "engagement_id": engagement.id,
            "author_id": work.actor.id,
            "subject_id": engagement.provider_id if by_customer else engagement.customer_id,
            "author_role": str(role),
            "stars": stars,
            "text": text.strip(),
            "state": ReviewState.SEALED,
            "created_at": work.now,
            "published_at": None,
        },
    )
    if review is None:
        raise AlreadyReviewed
    both = await store.of_engagement(work.db, engagement.id)
    if len(both) == 2:
        work.settle(TimerKind.REVIEWS_PUBLISH, engagement.id)
        _tell(work, engagement, await store.publish(work.db, engagement.id, work.now))
        (review,) = [row for row in await store.of_engagement(work.db, engagement.id) if row.id == review.id]
    return review_view(review)


async def reviews_of(work: Work, engagement_id: UUID) -> list[dict[str, Any]]:
    """What has been written about an engagement: one's own, and the other's once it is open; ops likewise."""
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    account = access.require_account(work.actor)
    rows = await store.of_engagement(work.db, engagement.id)
    return [
        review_view(row) for row in rows if row.author_id == account or row.state == ReviewState.PUBLISHED
    ]


async def on_window_ended(work: Work, engagement_id: UUID) -> None:
    """The window is over: what one side has written is opened without waiting for the other."""
    engagement = await work.db.get(Engagement, engagement_id)
    if engagement is not None:
        _tell(work, engagement, await store.publish(work.db, engagement_id, work.now))


def _tell(work: Work, engagement: Engagement, opened: Iterable[Review]) -> None:
    for review in opened:
        for account in (engagement.customer_id, engagement.provider_id):
            work.emit(account, EventType.REVIEW_PUBLISHED, review_view(review))
