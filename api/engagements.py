"""Agreed work: reading it, doing it, talking about it, following it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.context import SignedIn
from api.engagement_shapes import EngagementOut, MessageOut, PaymentOut, TimelineOut, TrackOut
from api.idempotency import Once
from api.paging import Paging
from api.problems import problems
from api.schemas import In, Page, RowId, Text
from domain.rules.states import ACTIVE_ENGAGEMENT, EngagementState, Verb
from domain.usecases import actions, engagements, messages, timeline, tracks

router = APIRouter(prefix="/v1", tags=["engagements"])

States = Annotated[
    list[EngagementState | Literal["active"]] | None,
    Query(max_length=10, description="One or several states; `active` is all of those before the end."),
]


class TipIn(In):
    """A tip, all of it the provider's, in the currency of the price."""

    amount: Annotated[int, Field(strict=True, ge=0, le=actions.MOST_TIP, examples=[200])]
    currency: Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$", examples=["EUR"])] | None = None

    def tip(self) -> actions.Tip:
        return actions.Tip(self.amount, self.currency)


class ActionIn(In):
    """A deed. `pin` starts work that asks for one; `tip` may come with `confirm`."""

    verb: Annotated[Verb, Field(examples=["start"])]
    pin: Annotated[str, Field(strict=True, max_length=12, pattern=r"^[0-9]*$", examples=["0417"])] | None = (
        None
    )
    reason: Text | None = None
    tip: TipIn | None = None


class MessageIn(In):
    text: Annotated[Text, Field(min_length=1, examples=["I am at the back door"])]


@router.get("/engagements/{engagement_id}", response_model=EngagementOut, responses=problems(404))
async def read(engagement_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """An engagement as one of its parties, or ops, sees it."""
    return await engagements.engagement_seen(work, engagement_id)


@router.get("/me/engagements", response_model=Page[EngagementOut])
async def mine(work: SignedIn, page: Paging, state: States = None) -> Mapping[str, Any]:
    """One's engagements on either side, newest first."""
    rows = await engagements.my_engagements(
        work, states=states_of(state), before=page.before, limit=page.limit + 1
    )
    return page.of(rows, dict, lambda row: row["id"])


@router.post(
    "/engagements/{engagement_id}/actions",
    response_model=EngagementOut,
    responses=problems(402, 403, 404, 409),
)
async def act(engagement_id: RowId, body: ActionIn, work: SignedIn, once: Once) -> Response:
    """Do something: set off, arrive, start, finish, confirm, cancel, declare a no-show, dispute."""
    tip = None if body.tip is None else body.tip.tip()
    deed = actions.Deed(verb=body.verb, pin=body.pin, reason=body.reason, tip=tip)

    async def run() -> Mapping[str, Any]:
        return await actions.act(work, engagement_id, deed)

    return await once(EngagementOut, run)


@router.post(
    "/engagements/{engagement_id}/tip",
    status_code=201,
    response_model=PaymentOut,
    responses=problems(402, 403, 404, 409),
)
async def tip(engagement_id: RowId, body: TipIn, work: SignedIn, once: Once) -> Response:
    """Tip the provider of completed work, once."""

    async def run() -> Mapping[str, Any]:
        return await actions.give_tip(work, engagement_id, body.tip())

    return await once(PaymentOut, run, status=201)


@router.get("/engagements/{engagement_id}/timeline", response_model=TimelineOut, responses=problems(404))
async def read_timeline(engagement_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """Events, deeds, messages, money and erasures in one list by time."""
    return {"items": await timeline.timeline_of(work, engagement_id)}


@router.get("/engagements/{engagement_id}/track", response_model=TrackOut, responses=problems(404))
async def read_track(engagement_id: RowId, work: SignedIn) -> Mapping[str, Any]:
    """The way driven as GeoJSON, until it is erased: then it is empty and there is a receipt."""
    return await tracks.track_of(work, engagement_id)


@router.get("/engagements/{engagement_id}/messages", response_model=Page[MessageOut], responses=problems(404))
async def read_messages(engagement_id: RowId, work: SignedIn, page: Paging) -> Mapping[str, Any]:
    """The conversation, oldest first."""
    rows = await messages.messages_of(work, engagement_id, after=page.before, limit=page.limit + 1)
    return page.of(rows, dict, lambda row: row["id"])


@router.post(
    "/engagements/{engagement_id}/messages",
    status_code=201,
    response_model=MessageOut,
    responses=problems(403, 404, 409),
)
async def write_message(engagement_id: RowId, body: MessageIn, work: SignedIn, once: Once) -> Response:
    """Write to the other party, until a day after the end."""

    async def run() -> Mapping[str, Any]:
        return await messages.send_message(work, engagement_id, body.text)

    return await once(MessageOut, run, status=201)


def states_of(asked: list[EngagementState | Literal["active"]] | None) -> list[EngagementState] | None:
    """The states a filter means; `None` for all."""
    if asked is None:
        return None
    named = {state for state in asked if isinstance(state, EngagementState)}
    return sorted(named | (ACTIVE_ENGAGEMENT if "active" in asked else set()))
