"""Where a free provider may be asked sooner."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from api.context import SignedIn
from api.problems import problems
from api.schemas import Money, Out, Place
from domain.usecases import suggestions
from domain.usecases.views.suggestions import suggestions_view

router = APIRouter(prefix="/v1/me", tags=["oneself"])


class SuggestionOut(Out):
    """A coarse cell, how long the way is, and what waiting there may be worth an hour more than here: in the
    middle, and at the 10th and 90th percentile of what past demand tells."""

    cell: Annotated[str, Field(description="H3, resolution 8.", examples=["88396a1b8bfffff"])]
    center: Place
    label: str
    travel_s: int
    gain_per_hour: Money
    gain_low: Money
    gain_high: Money


class SuggestionsOut(Out):
    """Never an order. Empty, with the reason, where past demand says nothing or nothing better."""

    items: list[SuggestionOut]
    next_cursor: str | None = None
    days: Annotated[int, Field(description="Past days, of this one's kind, that were read.")]
    why_none: Annotated[str | None, Field(description="no_data, no_position or no_gain.")]
    words: str


@router.get("/suggestions", response_model=SuggestionsOut, responses=problems(409))
async def read(work: SignedIn) -> Mapping[str, Any]:
    """Where one may be asked sooner in the next quarter-hour, on duty. Ignoring it costs nothing; following it
    neither."""
    return suggestions_view(await suggestions.my_suggestions(work), work.actor.language)
