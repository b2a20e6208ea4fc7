"""Oneself: the account, its devices, what it provides, whether it is on duty."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Header, HTTPException, Path, Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.context import SignedIn
from api.problems import problems
from api.schemas import NO_NUL, Count, Flag, In, Language, Out, ShortText, Slug, Time
from domain.rules.errors import NotFound
from domain.rules.pushes import INSTALLATION_ID
from domain.usecases import duty, homeward, profiles
from domain.usecases.profiles import QuietHours
from domain.usecases.views.accounts import device_view, me_view, provider_view
from domain.usecases.views.duty import duty_view
from geo.points import LatLng

router = APIRouter(prefix="/v1/me", tags=["oneself"])

DeviceId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._:-]+$")]
IfMatch = Annotated[str | None, Header(description="The ETag that was read: change only what was seen.")]
IfNoneMatch = Annotated[str | None, Header(description="The ETag that was read: 304 when it still holds.")]


class Vehicle(In):
    """What to look for in the street. The plate is shown to the other party of a running engagement only."""

    make: ShortText = ""
    model: ShortText = ""
    color: ShortText = ""
    plate: Annotated[str, Field(strict=True, max_length=20, pattern=NO_NUL)] = ""
    seats: Annotated[int, Field(strict=True, ge=1, le=60)] | None = None


class ProviderIn(In):
    services: Annotated[list[Slug], Field(min_length=1, max_length=50, examples=[["ride-vtc"]])]
    vehicle: Vehicle | None = None
    languages: Annotated[list[Language], Field(max_length=20)] | None = None
    max_travel_s: Annotated[Count, Field(le=86_400)] | None = None
    max_pickup_m: Annotated[Count, Field(le=500_000)] | None = None


class ProviderOut(Out):
    services: list[str]
    vehicle: dict[str, Any] | None
    languages: list[str]
    max_travel_s: int | None
    max_pickup_m: int | None
    updated_at: Time


ClockTime = Annotated[str, Field(strict=True, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


class QuietHoursIn(In):
    """Hours of the night, in one's own time zone, in which only the urgent may ring."""

    since: Annotated[ClockTime, Field(alias="from")]
    until: Annotated[ClockTime, Field(examples=["07:00"])]
    timezone: Annotated[str, Field(strict=True, max_length=64, pattern=NO_NUL, examples=["Europe/Monaco"])]

    def hours(self) -> QuietHours:
        return QuietHours(_minute(self.since), _minute(self.until), self.timezone)


class QuietHoursOut(Out):
    since: Annotated[str, Field(alias="from")]
    until: str
    timezone: str


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


class MeOut(Out):
    id: UUID
    phone: str | None
    name: str
    language: str
    is_ops: bool
    ops_markets: list[str] | None  # that ops staff oversee; null: every one
    quiet_hours: QuietHoursOut | None
    provider: ProviderOut | None
    created_at: Time


class MeChange(In):
    """Only what is named changes; `quiet_hours` null does away with them."""

    name: ShortText | None = None
    language: Literal["fr", "en"] | None = None
    quiet_hours: QuietHoursIn | None = None


class DeviceIn(In):
    """Where pushes go: a registration token, or the Firebase installation id of an app that has no token any more."""

    platform: Literal["android", "ios", "web", "console"]
    push_token: Annotated[str, Field(strict=True, min_length=1, max_length=4_096, pattern=NO_NUL)] | None = (
        None
    )
    installation_id: Annotated[str, Field(strict=True, pattern=f"^{INSTALLATION_ID}$")] | None = None
    language: Literal["fr", "en"] | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.push_token is None) == (self.installation_id is None):
            raise PydanticCustomError("one_push_address", "send either a push_token or an installation_id")
        return self

    @property
    def address(self) -> str:
        """The two cannot be taken for each other: a registration token is longer, and has a colon."""
        return self.push_token or self.installation_id or ""


class DeviceOut(Out):
    device_id: str
    platform: str
    language: str
    updated_at: Time


class PointIn(In):
    """A place in degrees, WGS84."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]


class DutyIn(In):
    """`market` is needed to go on duty; `services` are one's own there unless fewer are named.

    `towards`: only work that ends nearer to this place than one is; `null` ends it, left out it stays. It is kept
    for this session on duty, shown to nobody, and a market allows a few new ones a day.
    """

    on: Flag
    market: Slug | None = None
    services: Annotated[list[Slug], Field(min_length=1, max_length=50)] | None = None
    towards: PointIn | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.on and self.market is None:
            raise PydanticCustomError("no_market", "going on duty needs a market")
        return self


class QueueOut(Out):
    """One's place in a station's queue: the first is 1, among those who wait for work one does too."""

    zone: str
    rank: int
    waiting: int


class DutyOut(Out):
    on: bool
    market: str | None
    services: list[str]
    since: Time | None
    queue: QueueOut | None
    homeward: bool


def _etag(version: int) -> str:
    return f'"{version}"'


def _named(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in header.split(",")]


@router.get("", response_model=MeOut, responses={304: {"description": "Not Modified"}})
async def read(work: SignedIn, response: Response, if_none_match: IfNoneMatch = None) -> Any:
    """One's own account."""
    account, provider = await profiles.read_me(work)
    etag = _etag(account.version)
    if if_none_match is not None and _named(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return me_view(account, provider)


@router.patch("", response_model=MeOut, responses=problems(412))
async def change(
    body: MeChange, work: SignedIn, response: Response, if_match: IfMatch = None
) -> Mapping[str, Any]:
    """Change one's name, language or quiet hours; with `If-Match`, only if nothing has changed since it was read."""
    account, provider = await profiles.read_me(work, lock=True)
    if if_match is not None and not _named(if_match, _etag(account.version)):
        raise HTTPException(412, "the account has changed since you read it")
    profiles.change_me(account, name=body.name, language=body.language)
    if "quiet_hours" in body.model_fields_set:
        await profiles.change_quiet_hours(
            work, account, None if body.quiet_hours is None else body.quiet_hours.hours()
        )
    response.headers["ETag"] = _etag(account.version)
    return me_view(account, provider)


@router.put("/provider", response_model=ProviderOut)
async def put_provider(body: ProviderIn, work: SignedIn) -> Mapping[str, Any]:
    """Say what one offers. `unknown_service` names slugs that no market has."""
    row = await profiles.put_provider(
        work,
        services=body.services,
        vehicle=None if body.vehicle is None else body.vehicle.model_dump(exclude_defaults=True),
        languages=body.languages,
        max_travel_s=body.max_travel_s,
        max_pickup_m=body.max_pickup_m,
    )
    return provider_view(row)


@router.get("/provider", response_model=ProviderOut, responses=problems(404))
async def read_provider(work: SignedIn) -> Mapping[str, Any]:
    """What one offers; 404 until it has been said."""
    _, provider = await profiles.read_me(work)
    if provider is None:
        raise NotFound
    return provider_view(provider)


@router.put("/devices/{device_id}", response_model=DeviceOut)
async def put_device(device_id: DeviceId, body: DeviceIn, work: SignedIn) -> Mapping[str, Any]:
    """Say where pushes go. Apps do it at each start and when their push token changes."""
    row = await profiles.put_device(
        work,
        device_id,
        platform=body.platform,
        push_token=body.address,
        language=body.language or work.actor.language,
    )
    return device_view(row)


@router.delete("/devices/{device_id}", status_code=204, response_class=Response)
async def drop_device(device_id: DeviceId, work: SignedIn) -> None:
    """No more pushes to this device. Saying it twice is no harm."""
    await profiles.drop_device(work, device_id)


@router.get("/duty", response_model=DutyOut)
async def read_duty(work: SignedIn) -> Mapping[str, Any]:
    """Whether one is on duty, where, for what and since when; one's place in a station's queue."""
    return await duty.read_duty(work)


@router.put("/duty", response_model=DutyOut, responses=problems(409, 429))
async def change_duty(body: DutyIn, work: SignedIn) -> Mapping[str, Any]:
    """Go on duty or off. Leaving is free at any time: offers still pending are withdrawn, at no cost to anybody."""
    if body.on:
        assert body.market is not None
        await duty.go_on_duty(work, body.market, body.services)
        if "towards" in body.model_fields_set:
            place = body.towards
            await homeward.head(work, None if place is None else LatLng(place.lat, place.lon))
        return await duty.read_duty(work)
    return duty_view(await duty.go_off_duty(work))
