"""Offers: what is put to people, and their answers."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, JsonValue

from api.context import SignedIn
from api.engagement_shapes import At, EngagementOut, RatingOut, StopOut
from api.idempotency import Once
from api.paging import Paging
from api.problems import problems
from api.requests import WhyOut
from api.schemas import In, Moment, Money, MoneyIn, Out, Page, RowId, ShortText, Text
from domain.rules.states import OfferOrigin, OfferState
from domain.usecases import call, comparing, engagements, offers, why
from domain.usecases.call import Bid

router = APIRouter(prefix="/v1", tags=["agree"])

BID: Final[dict[str, JsonValue]] = {
    "price": {"amount": 4500, "currency": "EUR"},
    "message": "I have a ladder and can come this evening",
}


class BidIn(In):
    """A price, a few words, and a time where it differs from the one asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [BID]})

    price: MoneyIn
    message: Text = ""
    start_at: Moment | None = None

    def bid(self) -> Bid:
        return Bid(self.price.amount, self.price.currency, self.message, self.start_at)


class AcceptIn(In):
    """How the customer pays for what they award; a provider's accept needs nothing."""

    payment_method: ShortText = "card"


class OfferTermsOut(Out):
    """What it pays and what it takes. A provider reads places as cells until it is agreed; the customer of a
    proposal reads their own places, and not what the provider is left with (`fee`, `net`, `net_per_hour`). `free_in_s`:
    it comes after the trip in hand, which should end in so many seconds; the way of `approach_s` begins there."""

    price: Money
    fee: Money | None = None
    net: Money | None = None
    net_per_hour: Money | None = None
    approach_m: int | None
    approach_s: int | None
    free_in_s: int | None = None
    distance_m: int
    duration_s: int
    pickup: StopOut
    drop: StopOut | None
    vias: list[StopOut]


class _OfferHead(Out):
    id: UUID
    request_id: UUID
    service: str
    market: str
    origin: OfferOrigin
    state: OfferState
    created_at: At
    answer_by: At
    answered_at: At | None
    start_at: At | None
    message: str
    counter_of: UUID | None


class BidderOut(Out):
    """What a customer may know of who proposes."""

    account_id: UUID
    name: str
    rating: RatingOut
    jobs: int


class RankingOut(Out):
    """The place in the list, from 1, and the score's terms. An answer counts as one, whether it was a yes or a no."""

    rank: int
    score: float
    terms: dict[str, float]


class OfferOut(_OfferHead):
    """An offer as its provider sees it; a proposal's customer also reads `price`, `provider` and `ranking`."""

    terms: OfferTermsOut
    price: Money | None = None
    provider: BidderOut | None = None
    over_budget: bool | None = None
    ranking: RankingOut | None = None


class Proposals(Out):
    items: list[OfferOut]
    next_cursor: str | None = None


@router.get("/me/offers", response_model=Page[OfferOut])
async def mine(
    work: SignedIn,
    page: Paging,
    state: Annotated[OfferState | None, Query(description="Only those in this state.")] = None,
) -> Mapping[str, Any]:
    """What one was offered, and has proposed, as a provider; newest first."""
    rows = await offers.my_offers(work, state=state, before=page.before, limit=page.limit + 1)
    return page.of(rows, dict, lambda row: row["id"])


@router.get("/requests/{request_id}/offers", response_model=Proposals, responses=problems(404))
async def proposals(request_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """The customer's view of what was proposed for a posted job: the best first, and why it stands there."""
    return {"items": await comparing.proposals(work, request_id), "next_cursor": None}


@router.post(
    "/requests/{request_id}/offers",
    status_code=201,
    response_model=OfferOut,
    responses=problems(403, 404, 409),
)
async def propose(request_id: RowId, body: BidIn, work: SignedIn, once: Once) -> Response:
    """Propose to do a posted job, at a price and a time that fits one's agenda."""

    async def run() -> Mapping[str, Any]:
        return await offers.seen_by_actor(work, await call.propose(work, request_id, body.bid()))

    return await once(OfferOut, run, status=201)


@router.post(
    "/offers/{offer_id}/accept",
    response_model=EngagementOut,
    responses=problems(402, 403, 404, 409, 410),
)
async def accept(offer_id: RowId, work: SignedIn, once: Once, body: AcceptIn | None = None) -> Response:
    """Accept what was put to one. The winner gets the engagement; 409 `lost_race` or 410 `offer_expired` others."""

    async def run() -> Mapping[str, Any]:
        method = AcceptIn().payment_method if body is None else body.payment_method
        accepted = await offers.accept_offer(work, offer_id, method=method)
        return await engagements.view_for(work, accepted.engagement, accepted.role)

    return await once(EngagementOut, run)


@router.post("/offers/{offer_id}/decline", response_model=OfferOut, responses=problems(403, 404, 409, 410))
async def decline(offer_id: RowId, work: SignedIn, once: Once) -> Response:
    """Decline what was put to one. It costs nothing, now or later."""

    async def run() -> Mapping[str, Any]:
        return await offers.seen_by_actor(work, await offers.decline_offer(work, offer_id))

    return await once(OfferOut, run)


@router.post("/offers/{offer_id}/withdraw", response_model=OfferOut, responses=problems(403, 404, 409, 410))
async def withdraw(offer_id: RowId, work: SignedIn, once: Once) -> Response:
    """Take back one's own proposal, or counter-offer, while it is unanswered."""

    async def run() -> Mapping[str, Any]:
        return await offers.seen_by_actor(work, await offers.withdraw_offer(work, offer_id))

    return await once(OfferOut, run)


@router.post(
    "/offers/{offer_id}/counter",
    status_code=201,
    response_model=OfferOut,
    responses=problems(403, 404, 409, 410),
)
async def counter(offer_id: RowId, body: BidIn, work: SignedIn, once: Once) -> Response:
    """The customer's one counter-offer to a proposal, which it replaces; its provider accepts or declines."""

    async def run() -> Mapping[str, Any]:
        return await offers.seen_by_actor(work, await call.counter(work, offer_id, body.bid()))

    return await once(OfferOut, run, status=201)


@router.get("/offers/{offer_id}/why", response_model=WhyOut, responses=problems(404))
async def why_offered(offer_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """Why its provider was made this offer: rank, factors, reasons, policy version, in words and in numbers."""
    return await why.why_offered(work, offer_id)
