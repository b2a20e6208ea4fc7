"""What tours are asked for with, and how they are told."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, model_validator

from api.schemas import NO_NUL, In, Moment, Out, PlaceIn, Slug, Time
from domain.rules.tours import (
    MOST_ERRANDS,
    MOST_VEHICLES,
    AboardAsked,
    ErrandAsked,
    Promised,
    StopAsked,
    VehicleAsked,
)
from domain.usecases.tours import Mode, RequestAsked, ToursAsked
from geo.points import LatLng
from geo.travel import Profile

MOST_ABOARD: Final = 50  # of one vehicle
MOST_LOAD: Final = 10_000
LONGEST_SERVICE: Final = 86_400  # s
NOBODY_S: Final = {Mode.DAY: 86_400, Mode.NOW: 3_600}
"""s of road that leaving an errand over costs: of a day's only those are left that nobody can do, of now's also some
that are too far out of the way."""

DAY: Final[dict[str, JsonValue]] = {
    "market": "monaco",
    "profile": "cycle",
    "vehicles": [{"id": "bike-1", "start": {"lat": 43.7348, "lon": 7.4206}, "capacity": 6}],
    "errands": [
        {
            "id": "bread",
            "pickup": {"lat": 43.7392, "lon": 7.4277, "service_s": 120},
            "drop": {"lat": 43.7466, "lon": 7.4335, "service_s": 60},
            "load": 2,
        }
    ],
}

Name = Annotated[str, Field(strict=True, min_length=1, max_length=100, pattern=NO_NUL, examples=["bike-1"])]
Load = Annotated[int, Field(strict=True, ge=0, le=MOST_LOAD)]
Service = Annotated[int, Field(strict=True, ge=0, le=LONGEST_SERVICE)]
Price = Annotated[int, Field(strict=True, ge=0, le=7 * 86_400)]


class StopAskedIn(PlaceIn):
    """A place; the work there begins between `earliest` and `latest` and takes `service_s`."""

    earliest: Moment | None = None
    latest: Moment | None = None
    service_s: Service = 0

    def stop(self, pointer: str) -> StopAsked:
        return StopAsked(
            point=LatLng(self.lat, self.lon),
            pointer=pointer,
            earliest=self.earliest,
            latest=self.latest,
            service_s=self.service_s,
        )


class ErrandIn(In):
    """An open `request_id` of the market with a pickup and a drop, or all of it: `id`, `pickup`, `drop`.

    A request is picked up from its `start_at` on, within its `window` (a quarter of an hour where it names none), and
    is called by its id. `service_s` is of a request's two stops. `nobody_s` is the price of leaving an errand over,
    in seconds of road: a day unless it says otherwise, an hour in mode `now`.
    """

    id: Name | None = None
    pickup: StopAskedIn | None = None
    drop: StopAskedIn | None = None
    request_id: UUID | None = None
    service_s: Service = 0
    load: Load = 1
    nobody_s: Price | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "ErrandIn":
        full = [part for part in (self.id, self.pickup, self.drop) if part is not None]
        if len(full) != (3 if self.request_id is None else 0):
            raise ValueError("a request_id, or an id with a pickup and a drop")
        return self

    def asked(self, where: str, mode: Mode) -> ErrandAsked | RequestAsked:
        nobody_s = NOBODY_S[mode] if self.nobody_s is None else self.nobody_s
        if self.id is None or self.pickup is None or self.drop is None:
            assert self.request_id is not None, "the validator has seen to it"
            return RequestAsked(
                id=self.request_id,
                pointer=f"{where}/request_id",
                load=self.load,
                service_s=self.service_s,
                nobody_s=nobody_s,
            )
        return ErrandAsked(
            id=self.id,
            pointer=f"{where}/id",
            pickup=self.pickup.stop(f"{where}/pickup"),
            drop=self.drop.stop(f"{where}/drop"),
            load=self.load,
            nobody_s=nobody_s,
        )


class AboardIn(In):
    """What a vehicle carries already, and where it goes."""

    errand: Name
    drop: StopAskedIn
    load: Load = 1


class PromisedIn(In):
    """A stop of a running plan, as the answer of an earlier question has it; more members do no harm."""

    errand: Name
    kind: Literal["pickup", "drop"]


class VehicleIn(In):
    """Who carries, from `start` to `end` (none: wherever the last stop is), between `from` (none: the moment of the
    plan) and `until`.

    `plan` are the stops promised already, in order; without one, `onboard` is set down in the order it is named in.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Name
    start: PlaceIn
    end: PlaceIn | None = None
    from_at: Annotated[Moment | None, Field(alias="from")] = None
    until: Moment | None = None
    capacity: Annotated[int, Field(strict=True, ge=0, le=MOST_LOAD)] = 4
    onboard: Annotated[list[AboardIn], Field(max_length=MOST_ABOARD, default_factory=list)]
    plan: Annotated[list[PromisedIn], Field(max_length=2 * MOST_ERRANDS + MOST_ABOARD)] | None = None

    def asked(self, where: str) -> VehicleAsked:
        plan = None if self.plan is None else tuple(Promised(one.errand, one.kind) for one in self.plan)
        return VehicleAsked(
            id=self.id,
            pointer=where,
            start=LatLng(self.start.lat, self.start.lon),
            end=None if self.end is None else LatLng(self.end.lat, self.end.lon),
            from_at=self.from_at,
            until_at=self.until,
            capacity=self.capacity,
            onboard=tuple(
                AboardAsked(
                    id=one.errand,
                    pointer=f"{where}/onboard/{k}",
                    drop=one.drop.stop(f"{where}/onboard/{k}/drop"),
                    load=one.load,
                )
                for k, one in enumerate(self.onboard)
            ),
            plan=plan,
        )


class ToursIn(In):
    """`day`: tours from nothing, the fewest vehicles first, then the shortest way. `now`: what may be added to running
    plans, which are kept. The same question with the same `at` and `seed` gets the same answer while travel times are
    the same."""

    model_config = ConfigDict(json_schema_extra={"examples": [DAY]})

    market: Slug
    at: Moment | None = None
    profile: Profile = Profile.DRIVE
    mode: Mode = Mode.DAY
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)] = 0
    vehicles: Annotated[list[VehicleIn], Field(min_length=1, max_length=MOST_VEHICLES)]
    errands: Annotated[list[ErrandIn], Field(max_length=MOST_ERRANDS)]

    def asked(self) -> ToursAsked:
        return ToursAsked(
            market=self.market,
            at=self.at,
            profile=self.profile,
            mode=self.mode,
            seed=self.seed,
            vehicles=[one.asked(f"/vehicles/{k}") for k, one in enumerate(self.vehicles)],
            errands=[one.asked(f"/errands/{k}", self.mode) for k, one in enumerate(self.errands)],
        )


class TourStopOut(Out):
    """One stop. The work there begins at `begin_at`, later than `arrive_at` where its window is waited for.

    `drive_s` and `drive_m` lead here; `load` is what is aboard afterwards.
    """

    errand: str
    kind: Literal["pickup", "drop"]
    lat: float
    lon: float
    arrive_at: Time
    begin_at: Time
    earliest: Time | None
    latest: Time | None
    drive_s: int
    drive_m: int
    load: int


class TourOut(Out):
    """One vehicle's stops, in order; its way to its `end` is in the sums. Without stops it stays where it is."""

    vehicle: str
    leave_at: Time | None
    end_at: Time | None
    drive_s: int
    drive_m: int
    stops: list[TourStopOut]


class LeftOverOut(Out):
    """An errand that is on no tour: `too_large`, `out_of_time` or `nobody_cheaper`, and why in words."""

    errand: str
    reason: str
    words: str


class ToursOut(Out):
    """Tours in the order of the vehicles. Travel times come from `travel_source` (`osrm`, `streets`, `crow`), under the
    factors of version `calibration`."""

    market: str
    mode: Mode
    profile: Profile
    at: Time
    seed: int
    travel_source: str
    calibration: str
    tours: list[TourOut]
    left_over: list[LeftOverOut]
