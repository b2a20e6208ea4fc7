"""Where a free provider may be asked sooner. A suggestion and never an order: nobody keeps who followed it.

Demand is forecast from the requests of past days, by coarse cell and quarter-hour; whoever asked and whoever
served is not read. The others who are free now are counted, not named, and not told.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from domain.rules.errors import NotOnDuty
from domain.rules.money import Cents, Money
from domain.rules.pricing import fee_of
from domain.store import catalogue
from domain.store import demand as store
from domain.store import duty as sessions
from domain.store.tables import DutySession, Market
from domain.usecases.access import require_account
from domain.usecases.specs import spec_of
from domain.usecases.work import Work
from geo.cells import center, parents, to_hex
from geo.livepoints import LiveSnapshot
from geo.points import LatLng
from geo.privacy import COARSE_RES
from geo.travel import Profile
from matching.forecast import SLOT_S, SLOTS, Forecast, forecast
from matching.reposition import suggest

LOOKED_BACK: Final = timedelta(days=28)  # four of each weekday: older demand tells of another season
LEAST_SEEN: Final = (
    5  # requests in a cell, below which it is left out: a cell of one customer would name them
)
COST_PER_S: Final = 0.18  # cents; 0.25 EUR a km (fuel, wear) at 25.6 km/h. A judgement
MOST_KEPT: Final = 64  # forecasts of a process: each market, quarter-hour and set of services has its own
SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A coarse cell, the way there, and what it may be worth an hour, with its 10th and 90th percentile."""

    cell: str
    middle: LatLng
    label: str
    travel_s: float
    gain: Money
    low: Money
    high: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """`places` best first. `days` of past demand were read; `why_none` says why there is nothing to suggest."""

    places: tuple[Place, ...]
    days: int
    why_none: str | None
    """`no_data`, `no_position` or `no_gain`."""


def _none(why: str, days: int = 0) -> Suggestions:
    return Suggestions(places=(), days=days, why_none=why)


async def my_suggestions(work: Work) -> Suggestions:
    """Where the actor, on duty, may be asked sooner in the next quarter-hour. `NotOnDuty` otherwise.

    Reads only: neither that they asked nor what they do next is written anywhere.
    """
    account = require_account(work.actor)
    session = await sessions.current_session(work.db, account)
    if session is None:
        raise NotOnDuty("suggestions are for providers on duty")
    market = await catalogue.market(work.db, session.market_id)
    expected = await _expected(work, market, session)
    if expected is None or len(expected.cells) == 0:
        return _none("no_data", expected.days if expected else 0)
    seen = work.tools.live.of(market.id).snapshot(work.now.timestamp())
    if account not in seen.ids or bool(seen.stale[seen.ids.index(account)]):
        return _none("no_position", expected.days)
    me = seen.ids.index(account)
    places = [center(int(cell)) for cell in expected.cells]
    here = LatLng(float(seen.lat[me]), float(seen.lon[me]))
    travel = await work.tools.cities[market.id].travel.from_one(here, places, Profile.DRIVE)
    slot = _slot(work.now.astimezone(ZoneInfo(market.timezone)))
    found = suggest(
        cells=expected.cells,
        seconds=np.nan_to_num(np.asarray(travel.seconds, np.float64), posinf=float(SLOT_S)),
        need=expected.need(slot),
        doubt=expected.doubt(slot),
        waiting=_waiting(work, session, seen, expected, me),
        here=int(expected.zones_of(parents(seen.cell[me : me + 1], COARSE_RES))[0]),
        net_per_request=await _net_per_request(work, session),
        cost_per_s=COST_PER_S,
    )
    return Suggestions(
        places=tuple(
            Place(
                cell=to_hex(one.cell),
                middle=center(one.cell),
                label=work.tools.cities[market.id].quarter(center(one.cell)),
                travel_s=one.seconds,
                gain=_money(one.gain_per_hour, market),
                low=_money(one.gain_low, market),
                high=_money(one.gain_high, market),
            )
            for one in found
        ),
        days=expected.days,
        why_none=None if found else "no_gain",
    )


async def _expected(work: Work, market: Market, session: DutySession) -> Forecast | None:
    """The forecast around this quarter-hour, from days of this one's kind; None before there was such a day."""
    zone = ZoneInfo(market.timezone)
    local = work.now.astimezone(zone)
    slot, weekend = _slot(local), local.weekday() >= SATURDAY
    key = (market.id, local.date().isoformat(), slot, *sorted(session.services))
    if key in work.tools.forecasts:
        return work.tools.forecasts[key]
    today = datetime.combine(local.date(), time(), zone)
    first = await store.first_day(work.db, market.id, market.timezone, today - LOOKED_BACK)
    days = 0 if first is None else _days_alike(date.fromisoformat(first), local.date(), weekend=weekend)
    if days == 0:
        return None
    asked = await store.asked_around(
        work.db,
        market.id,
        services=session.services,
        timezone=market.timezone,
        since=today - LOOKED_BACK,
        until=today,
        slots=[(slot + step) % SLOTS for step in (-1, 0, 1, 2)],
        weekend=weekend,
    )
    cells = np.repeat(np.array([row.cell for row in asked], np.uint64), [row.requests for row in asked])
    slots = np.repeat(np.array([row.slot for row in asked], np.intp), [row.requests for row in asked])
    coarse = parents(cells, COARSE_RES)
    often, at, count = np.unique(coarse, return_inverse=True, return_counts=True)
    enough = (count >= LEAST_SEEN)[at] if len(often) else np.empty(0, np.bool_)
    made = forecast(coarse[enough], slots[enough], days=days)
    if len(work.tools.forecasts) >= MOST_KEPT:
        work.tools.forecasts.clear()
    work.tools.forecasts[key] = made
    return made


def _days_alike(first: date, today: date, *, weekend: bool) -> int:
    """Days from `first` to yesterday that are of the week, or of the weekend."""
    return sum(
        ((first + timedelta(days=n)).weekday() >= SATURDAY) == weekend for n in range((today - first).days)
    )


def _slot(local: datetime) -> int:
    return (local.hour * 3_600 + local.minute * 60) // SLOT_S


def _waiting(
    work: Work, session: DutySession, seen: LiveSnapshot, expected: Forecast, me: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How many others are free for the same services, by zone."""
    same = (seen.services & work.tools.live.mask_of(session.services)) != 0
    free = seen.available & ~seen.stale & same
    free[me] = False
    zones = expected.zones_of(parents(seen.cell[free], COARSE_RES))
    return np.bincount(zones[zones >= 0], minlength=len(expected.cells)).astype(np.float64)


async def _net_per_request(work: Work, session: DutySession) -> float:
    """What a request of these services brought its provider, on average over the days looked back on."""
    specs = {
        row.slug: spec_of(work, row) for row in await catalogue.live_services(work.db, session.market_id)
    }
    past = await store.worth(
        work.db,
        session.market_id,
        services=session.services,
        since=work.now - LOOKED_BACK,
        until=work.now,
    )
    told = [one for one in past if one.service in specs]
    requests = sum(one.requests for one in told)
    net = sum(
        one.requests
        * (one.mean_price_cents - fee_of(specs[one.service].price_rule, round(one.mean_price_cents)))
        for one in told
    )
    return net / requests if requests else 0.0


def _money(cents: float, market: Market) -> Money:
    return Money(Cents(round(cents)), market.currency)
