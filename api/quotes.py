"""Quotes: a price frozen and signed."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, JsonValue

from api.context import SignedIn
from api.idempotency import Once
from api.problems import problems
from api.room import RoomForMore
from api.schemas import FreeForm, In, Latitude, Longitude, Moment, Money, Out, Slug, Text, Time
from domain.rules.places import Place
from domain.usecases import quotes
from domain.usecases.views.catalogue import quote_view
from geo.points import LatLng

router = APIRouter(tags=["ask"])

MOST_STOPS = 7  # a pickup, five vias, a drop
ASK: Final[dict[str, JsonValue]] = {
    "service": "ride-vtc",
    "stops": [
        {"kind": "pickup", "lat": 43.7348, "lon": 7.4206},
        {"kind": "drop", "lat": 43.7466, "lon": 7.4335, "note": "entrance by the sea"},
    ],
}


class StopIn(In):
    """A place with its kind. A ride has a pickup and a drop (and vias between); a job has one site."""

    kind: Literal["pickup", "via", "drop", "site"]
    lat: Latitude
    lon: Longitude
    note: Text = ""

    def place(self) -> Place:
        return Place(self.kind, LatLng(self.lat, self.lon), self.note)


class QuoteIn(In):
    """What is asked; `market` is found from the stops when left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [ASK]})

    service: Slug
    stops: Annotated[list[StopIn], Field(min_length=1, max_length=MOST_STOPS)]
    options: Annotated[list[Slug], Field(max_length=10, default_factory=list)]
    answers: Annotated[FreeForm, Field(default_factory=dict)]
    start_at: Moment | None = None
    market: Slug | None = None


class LineOut(Out):
    """One line of a price."""

    model_config = ConfigDict(extra="allow")

    code: str
    label: str
    amount: Money


class PickupEta(Out):
    """How long until somebody could be there: half of the time sooner than `p50_s`, nine times in ten `p90_s`.

    `source` is where the times come from (`osrm`, `streets`, `crow`), `calibration` the version of the factors
    learnt from finished approaches that they were multiplied with ("none" before any).
    """

    p50_s: int
    p90_s: int
    source: str
    calibration: str


class QuoteOut(Out):
    """A price that holds until `expires_at`, with the version of the rules that made it."""

    quote_id: str
    market: str
    service: str
    price: Money
    breakdown: list[LineOut]
    distance_m: int
    duration_s: int
    travel_source: str
    pickup_eta: PickupEta | None
    policy_version: str
    signature: str
    expires_at: Time


@router.post("/v1/quotes", response_model=QuoteOut, responses=problems(404), dependencies=[RoomForMore])
async def make_quote(body: QuoteIn, work: SignedIn, once: Once) -> Response:
    """Freeze a price. Turn it into a request within its time, once; nothing is owed until then."""

    async def run() -> Mapping[str, Any]:
        row, eta = await quotes.quote(
            work,
            service=body.service,
            places=[stop.place() for stop in body.stops],
            options=body.options,
            answers=body.answers,
            start_at=body.start_at,
            market_id=body.market,
        )
        return quote_view(row, eta, work.actor.language)

    return await once(QuoteOut, run)
