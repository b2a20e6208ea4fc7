"""A review as JSON."""

from typing import Any

from domain.rules.wire import maybe_moment, moment
from domain.store.tables import Review


def review_view(review: Review) -> dict[str, Any]:
    """A review in full; whoever may not read it yet is not given one."""
    return {
        "id": str(review.id),
        "engagement_id": str(review.engagement_id),
        "author_id": str(review.author_id),
        "author_role": review.author_role,
        "subject_id": str(review.subject_id),
        "stars": review.stars,
        "text": review.text,
        "state": review.state,
        "created_at": moment(review.created_at),
        "published_at": maybe_moment(review.published_at),
    }
