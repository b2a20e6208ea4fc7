"""Reviews of an engagement, both ways."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from api.context import SignedIn
from api.engagement_shapes import At
from api.idempotency import Once
from api.problems import problems
from api.schemas import In, Out, RowId, Text
from domain.usecases import reviews

router = APIRouter(prefix="/v1/engagements/{engagement_id}/reviews", tags=["reviews"])


class ReviewIn(In):
    stars: Annotated[int, Field(strict=True, ge=1, le=5, examples=[5])]
    text: Text = ""


class ReviewOut(Out):
    """`state` is sealed until both sides have written or the window has ended, then published."""

    id: UUID
    engagement_id: UUID
    author_id: UUID
    author_role: str
    subject_id: UUID
    stars: int
    text: str
    state: str
    created_at: At
    published_at: At | None


class ReviewsOut(Out):
    items: list[ReviewOut]
    next_cursor: str | None = None


@router.post("", status_code=201, response_model=ReviewOut, responses=problems(403, 404, 409))
async def write(engagement_id: RowId, body: ReviewIn, work: SignedIn, once: Once) -> Response:
    """Review the other party, once."""

    async def run() -> Mapping[str, Any]:
        return await reviews.write_review(work, engagement_id, stars=body.stars, text=body.text)

    return await once(ReviewOut, run, status=201)


@router.get("", response_model=ReviewsOut, responses=problems(404))
async def read(engagement_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """One's own review, and the other party's once it is open."""
    return {"items": await reviews.reviews_of(work, engagement_id)}
