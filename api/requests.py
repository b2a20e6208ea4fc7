"""Requests: ask, look, cancel; and the posted jobs a provider was told of."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from api.context import SignedIn
from api.engagement_shapes import At, PaymentOut, StopOut
from api.idempotency import Once
from api.paging import MOST, Paging
from api.problems import problems
from api.quotes import ASK, MOST_STOPS, StopIn
from api.room import RoomForMore
from api.schemas import ID, FreeForm, In, Moment, Money, MoneyIn, Out, Page, RowId, ShortText, Slug, Text
from domain.rules.states import RequestState, Role
from domain.usecases import cancelling, funding, requests, telling, why
from domain.usecases.requests import LONGEST_WINDOW, Wish

router = APIRouter(prefix="/v1", tags=["ask"])

JOB: Final[dict[str, JsonValue]] = {
    "service": "odd-job",
    "stops": [{"kind": "site", "lat": 43.7348, "lon": 7.4206}],
    "answers": {"what": "clear a gutter", "duration_min": 60},
    "budget": {"amount": 6000, "currency": "EUR"},
}


class RequestIn(In):
    """A `quote_id`, or a `service` with its `stops`. `window` is how many seconds after `start_at` will still do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quote_id": ID}, ASK, JOB]})

    quote_id: UUID | None = None
    service: Slug | None = None
    stops: Annotated[list[StopIn], Field(max_length=MOST_STOPS, default_factory=list)]
    market: Slug | None = None
    options: Annotated[list[Slug], Field(max_length=10, default_factory=list)]
    answers: Annotated[FreeForm, Field(default_factory=dict)]
    start_at: Moment | None = None
    window: Annotated[int, Field(strict=True, gt=0, le=LONGEST_WINDOW)] | None = None
    budget: MoneyIn | None = None
    payment_method: ShortText = "card"

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "RequestIn":
        if (self.quote_id is None) == (self.service is None):
            raise PydanticCustomError(
                "quote_or_service", "send either a quote_id, or a service with its stops"
            )
        return self

    def wish(self) -> Wish:
        return Wish(
            quote_id=self.quote_id,
            service=self.service,
            places=[stop.place() for stop in self.stops],
            market=self.market,
            answers=self.answers,
            options=self.options,
            start_at=self.start_at,
            window_s=self.window,
            budget_cents=None if self.budget is None else self.budget.amount,
            currency=None if self.budget is None else self.budget.currency,
            method=self.payment_method,
        )


class CancelIn(In):
    reason: Text | None = None


class PayIn(In):
    """The means of payment to try now."""

    payment_method: ShortText = "card"


class NextBest(Out):
    """`wait` (`seconds`), `service` (`slug`, `name`, `price`) or `schedule` (`start_at`), with a sentence."""

    kind: Literal["wait", "service", "schedule"]
    words: str
    seconds: int | None = None
    slug: str | None = None
    name: str | None = None
    price: Money | None = None
    start_at: At | None = None


class OutcomeOut(Out):
    """Why a request ended without work, and the honest next best."""

    reason: str
    words: str
    next_best: list[NextBest]
    note: str | None = None


class RequestOut(Out):
    """A need. Customer and ops read all of it; a provider it concerns reads cells instead of places."""

    id: UUID
    state: RequestState
    market: str
    service: str
    allocator: str
    role: Role
    price: Money | None
    budget: Money | None
    stops: list[StopOut]
    answers: dict[str, Any]
    start_at: At | None
    window_s: int | None
    distance_m: int
    duration_s: int
    created_at: At
    expires_at: At
    ended_at: At | None
    quote_id: UUID | None = None
    engagement_id: UUID | None = None
    payment: PaymentOut | None = None
    payment_needed: Annotated[
        bool | None,
        Field(description="The payment failed: nobody is asked, and nothing starts, until it is paid again."),
    ] = None
    wave: int | None = None
    due_at: At | None = None
    matched_at: At | None = None
    outcome: OutcomeOut | None = None


class FactorOut(Out):
    """One number that was read of the provider, in its unit, and the seconds it added to their cost."""

    name: str
    value: float
    unit: str
    contribution: float


class WhyOut(Out):
    """A stored decision, told to the one it concerns. `rank` is left out where fewer than three could be asked.

    `ranking`: the terms that put one's own proposal where the customer reads it. Those that compare it with the others'
    are left out where there are fewer than three."""

    words: str
    rank: int | None
    of: int | None
    factors: list[FactorOut]
    reasons: list[str]
    policy_version: str | None
    nearer_s: float | None
    ranking: dict[str, float] | None = None
    round_id: UUID | None
    at: At


class Calls(Out):
    items: list[RequestOut]
    next_cursor: str | None = None


@router.post(
    "/requests",
    status_code=201,
    response_model=RequestOut,
    responses=problems(402, 404, 409, 410),
    dependencies=[RoomForMore],
)
async def ask(body: RequestIn, work: SignedIn, once: Once) -> Response:
    """Publish a need. A dispatched one has its price authorised first; a posted job is paid for when awarded."""

    async def run() -> Mapping[str, Any]:
        return requests.published_view(work, await requests.create_request(work, body.wish()))

    return await once(RequestOut, run, status=201)


@router.get("/requests/{request_id}", response_model=RequestOut, responses=problems(404))
async def read(request_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """A request as its customer, ops or a provider it concerns sees it."""
    return await requests.request_seen(work, request_id)


@router.get("/me/requests", response_model=Page[RequestOut])
async def mine(
    work: SignedIn,
    page: Paging,
    state: Annotated[RequestState | None, Query(description="Only those in this state.")] = None,
) -> Mapping[str, Any]:
    """One's own requests, newest first."""
    rows = await requests.my_requests(work, state=state, before=page.before, limit=page.limit + 1)
    return page.of(rows, dict, lambda row: row["id"])


@router.post("/requests/{request_id}/cancel", response_model=RequestOut, responses=problems(404, 409))
async def cancel(request_id: RowId, work: SignedIn, once: Once, body: CancelIn | None = None) -> Response:
    """No longer wanted: free before a provider has accepted; afterwards the engagement is cancelled, at its fee."""

    async def run() -> Mapping[str, Any]:
        return await cancelling.cancel_request(work, request_id, None if body is None else body.reason)

    return await once(RequestOut, run)


@router.post("/requests/{request_id}/pay", response_model=RequestOut, responses=problems(402, 403, 404, 409))
async def pay(request_id: RowId, work: SignedIn, once: Once, body: PayIn | None = None) -> Response:
    """Pay with another means, after a payment has failed or while it is undecided. What is paid stays paid."""

    async def run() -> Mapping[str, Any]:
        return await funding.pay(work, request_id, (body or PayIn()).payment_method)

    return await once(RequestOut, run)


@router.get("/requests/{request_id}/why-not-me", response_model=WhyOut, responses=problems(404))
async def why_not_me(request_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """Why one was, or was not, offered this request: for providers on duty for its service when it was matched."""
    return await why.why_not_me(work, request_id)


@router.get("/me/calls", response_model=Calls)
async def my_calls(
    work: SignedIn, limit: Annotated[int, Query(ge=1, le=MOST, description="How many items at most.")] = 50
) -> Mapping[str, Any]:
    """The posted jobs one was told of that are still open to proposals, newest first."""
    return {"items": await telling.my_calls(work, limit), "next_cursor": None}
