"""What others may see of an account."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter

from api.context import SignedIn
from api.problems import problems
from api.schemas import Out, RowId, Time
from domain.usecases import profiles
from domain.usecases.views.accounts import profile_view

router = APIRouter(tags=["profiles"])


class PublishedReview(Out):
    stars: int
    text: str
    author: str
    author_role: str
    at: Time


class ProfileOut(Out):
    """`rating` is drawn towards the usual by the reviews still missing; null without any."""

    id: UUID
    name: str
    kind: Literal["customer", "provider"]
    services: list[str]
    languages: list[str]
    vehicle: dict[str, Any] | None
    rating: float | None
    reviews_count: int
    done_count: int
    member_since: Time
    reviews: list[PublishedReview]


@router.get("/v1/accounts/{account_id}/profile", response_model=ProfileOut, responses=problems(404))
async def read(account_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """First name, trade, vehicle, rating and published reviews. Never a phone number."""
    return profile_view(await profiles.read_profile(work, account_id))
