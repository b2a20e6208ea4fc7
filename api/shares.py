"""Links that follow a trip and die with it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api.context import Anybody, SignedIn
from api.engagement_shapes import At
from api.idempotency import Once
from api.problems import problems
from api.schemas import Out, RowId
from domain.usecases import shares

router = APIRouter(prefix="/v1", tags=["sharing"])

Token = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class ShareOut(Out):
    """The token is shown this once."""

    url: str
    token: str
    expires: str


class FollowedPerson(Out):
    name: str
    vehicle: dict[str, Any] | None


class FollowedPosition(Out):
    """To about ten metres."""

    lat: float
    lon: float
    age_s: int


class FollowedOut(Out):
    state: str
    service: str
    provider: FollowedPerson
    position: FollowedPosition | None
    eta_s: int | None
    at: At


@router.post(
    "/engagements/{engagement_id}/share",
    status_code=201,
    response_model=ShareOut,
    responses=problems(403, 404, 409),
)
async def share(engagement_id: RowId, work: SignedIn, once: Once) -> Response:
    """Make a public link to a running trip."""

    async def run() -> Mapping[str, Any]:
        return await shares.share_trip(work, engagement_id)

    return await once(ShareOut, run, status=201)


@router.get("/shared/{token}", response_model=FollowedOut, responses=problems(404))
async def follow(token: Token, work: Anybody) -> Mapping[str, Any]:
    """Follow a trip without an account, as long as it lasts."""
    return await shares.follow(work, token)
