"""A frozen, signed price: check the places, time the trip, price it, sign it; later redeem it, once."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import (
    Invalid,
    NotFound,
    QuoteExpired,
    QuoteForged,
    QuoteUsed,
    StopsTooFar,
)
from domain.rules.forms import estimated_s, read_answers
from domain.rules.places import Place, check_kinds
from domain.rules.pricing import POLICY_VERSION, price
from domain.rules.signing import sign, verifies
from domain.rules.wire import maybe_moment, moment
from domain.store import catalogue as store
from domain.store.tables import Quote, Service
from domain.usecases.access import require_account
from domain.usecases.area import Spot, refuse_outside, zones_of
from domain.usecases.specs import spec_of
from domain.usecases.work import Work
from geo.calibration import P90_PRIOR
from geo.cells import cell_of
from geo.live import STALE_AFTER
from geo.points import LatLng
from geo.travel import Profile
from geo.units import Meters

FURTHEST_AHEAD: Final = timedelta(days=30)
CLOCK_SLACK: Final = timedelta(seconds=60)  # a phone's clock is rarely further off
NEAR_ENOUGH_M: Final = Meters(8_000.0)  # straight line; further providers do not make a pick-up promise


@dataclass(frozen=True, slots=True)
class Trip:
    """Checked and timed stops of one request in one market, with what the store keeps of each."""

    market_id: str
    currency: str
    service: Service
    spec: ServiceSpec
    stops: tuple[dict[str, Any], ...]  # kind, lat, lon, note, cell, label, address
    answers: dict[str, Any]
    start_at: datetime | None
    distance_m: int
    duration_s: int
    source: str
    zones: tuple[str, ...]

    @property
    def first(self) -> LatLng:
        """The pickup, or the site."""
        return LatLng(self.stops[0]["lat"], self.stops[0]["lon"])


async def plan_trip(
    work: Work,
    *,
    service: str,
    places: Sequence[Place],
    answers: Mapping[str, Any],
    start_at: datetime | None,
    market_id: str | None = None,
) -> Trip:
    """Check a service, its stops, its form and its time, and measure the trip.

    Refuses with the first thing wrong, and says what would do instead (the nearest point inside the area).
    """
    if not places:
        raise Invalid.field("/stops", "at least one stop", "au moins un lieu")
    market_id = market_id or await _market_of(work, places)
    market = await store.market(work.db, market_id)
    row = await store.service_by_slug(work.db, market_id, service)
    spec = spec_of(work, row)
    check_kinds(spec, places)
    check_start(work.now, start_at)
    kept = read_answers(spec.form, answers)
    zones = await _zones(work, market_id, places)
    distance_m, duration_s, source = await _measure(work, market_id, spec, places, kept)
    city = work.tools.cities[market_id]
    stops = tuple(
        {
            "kind": place.kind,
            "lat": place.point.lat,
            "lon": place.point.lon,
            "note": place.note,
            "cell": cell_of(place.point, 9),
            "label": city.quarter(place.point),
            "address": city.address(place.point),
        }
        for place in places
    )
    return Trip(
        market_id=market_id,
        currency=market.currency,
        service=row,
        spec=spec,
        stops=stops,
        answers=kept,
        start_at=start_at,
        distance_m=distance_m,
        duration_s=duration_s,
        source=source,
        zones=zones,
    )


async def quote(
    work: Work,
    *,
    service: str,
    places: Sequence[Place],
    options: Sequence[str] = (),
    answers: Mapping[str, Any] | None = None,
    start_at: datetime | None = None,
    market_id: str | None = None,
) -> tuple[Quote, dict[str, Any] | None]:
    """Freeze a price for anybody signed in. Returns the stored quote and the pick-up promise, if one can be made."""
    account = require_account(work.actor)
    trip = await plan_trip(
        work, service=service, places=places, answers=answers or {}, start_at=start_at, market_id=market_id
    )
    priced = price(
        trip.spec, distance_m=trip.distance_m, duration_s=trip.duration_s, zones=trip.zones, options=options
    )
    row = Quote(
        id=work.new_id(),
        market_id=trip.market_id,
        account_id=account,
        service_id=trip.service.id,
        service_slug=trip.spec.slug,
        stops=list(trip.stops),
        answers=trip.answers,
        options=list(options),
        start_at=start_at,
        price_cents=priced.total,
        currency=trip.currency,
        breakdown=[item.as_json(trip.currency) for item in priced.items],
        distance_m=trip.distance_m,
        duration_s=trip.duration_s,
        travel_source=trip.source,
        policy_version=POLICY_VERSION,
        signature="",
        created_at=work.now,
        expires_at=work.after(work.knobs.quote_ttl),
    )
    row.signature = sign(work.tools.secrets.quotes, _signed(row))
    work.db.add(row)
    return row, None if start_at else await pickup_eta(work, trip)


async def redeem_quote(work: Work, quote_id: UUID) -> Quote:
    """Use one's own quote, once, before it expires, if it still says what was signed."""
    account = require_account(work.actor)
    used = await store.use_quote(work.db, quote_id, account, work.now)
    row = used or await work.db.get(Quote, quote_id)
    if row is None or row.account_id != account:
        raise NotFound("no such quote")
    if not verifies(work.tools.secrets.quotes, _signed(row), row.signature):
        raise QuoteForged
    if used is None:
        raise QuoteExpired if row.used_at is None else QuoteUsed
    check_start(work.now, used.start_at)
    return used


def check_start(now: datetime, start_at: datetime | None) -> None:
    """A start is now or ahead, at most thirty days. `Invalid` otherwise."""
    if start_at is None:
        return
    if start_at < now - CLOCK_SLACK:
        raise Invalid.field("/start_at", "this time has passed", "cette heure est passée")
    if start_at > now + FURTHEST_AHEAD:
        raise Invalid.field(
            "/start_at",
            f"at most {FURTHEST_AHEAD.days} days ahead",
            f"au plus {FURTHEST_AHEAD.days} jours à l'avance",
        )


async def pickup_eta(work: Work, trip: Trip) -> dict[str, Any] | None:
    """How long until somebody could be there, never where they are: `{p50_s, p90_s, source, calibration}`."""
    live = work.tools.live
    near = live.of(trip.market_id).nearest(
        trip.first,
        k=8,
        within_m=NEAR_ENOUGH_M,
        services_mask=live.mask_of([trip.spec.slug]),
        now=work.now.timestamp(),
    )
    if not near:
        return None
    points = [LatLng(one.lat, one.lon) for one in near]
    travel = await work.tools.cities[trip.market_id].travel.to_one(
        points, trip.first, Profile(trip.spec.profile)
    )
    best = int(travel.seconds.argmin()) if points else 0
    if not math.isfinite(travel.seconds[best]):
        return None
    late = STALE_AFTER / 4  # a fix is a few seconds old, and an answer takes a few more
    return {
        "p50_s": round(float(travel.seconds[best]) + late),
        "p90_s": round(float(travel.slow_s[best]) + late * P90_PRIOR),
        "source": travel.source,
        "calibration": travel.calibration,
    }


async def _market_of(work: Work, places: Sequence[Place]) -> str:
    found = await store.market_of_point(work.db, places[0].point)
    if found is not None:
        return found
    for market in await store.markets(work.db):
        await refuse_outside(work, market.id, Spot(places[0].point, "/stops/0"))
    raise NotFound("there is no market yet")


async def _zones(work: Work, market_id: str, places: Sequence[Place]) -> tuple[str, ...]:
    """The zones of all stops; refuses places outside the area and forbidden pickups."""
    spots = [
        Spot(place.point, f"/stops/{index}", place.kind == "pickup") for index, place in enumerate(places)
    ]
    touched = await zones_of(work, market_id, spots)
    return tuple(dict.fromkeys(slug for zones in touched for slug in zones))


async def _measure(
    work: Work, market_id: str, spec: ServiceSpec, places: Sequence[Place], answers: Mapping[str, Any]
) -> tuple[int, int, str]:
    """Meters, seconds and their source: along the road through every stop, or the job's own duration."""
    if spec.geo == "point":
        return 0, estimated_s(answers) or spec.duration_s, "form"
    travel = work.tools.cities[market_id].travel
    profile = Profile(spec.profile)
    legs = await asyncio.gather(*(travel.route(a.point, b.point, profile) for a, b in pairwise(places)))
    meters = seconds = 0.0
    sources: set[str] = set()
    for leg in legs:
        if leg is None:
            raise StopsTooFar("there is no way between two of these stops")
        meters, seconds = meters + leg.meters, seconds + leg.seconds
        sources.add(leg.source)
    if meters > spec.max_trip_m:
        raise StopsTooFar(
            f"this service goes at most {spec.max_trip_m / 1000:g} km; these stops are {meters / 1000:.1f} km",
            french=f"ce service va jusqu'à {spec.max_trip_m / 1000:g} km ; ces étapes font {meters / 1000:.1f} km",
        )
    return round(meters), round(seconds), "+".join(sorted(sources))


def _signed(row: Quote) -> dict[str, Any]:
    """What a quote's signature covers: all that makes its price, and for whom."""
    return {
        "id": str(row.id),
        "account": str(row.account_id),
        "service": str(row.service_id),
        "stops": [[stop["kind"], stop["lat"], stop["lon"]] for stop in row.stops],
        "options": row.options,
        "start_at": maybe_moment(row.start_at),
        "price": row.price_cents,
        "currency": row.currency,
        "policy": row.policy_version,
        "expires_at": moment(row.expires_at),
    }
