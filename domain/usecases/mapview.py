"""The live map of a market, for ops: one state a second, and what of it a viewport sees.

`view` and `difference` are pure, and keep the law of the channel: an old view with its difference applied is the
new view, whatever happened in between.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.rules.states import EngagementState, RequestState
from domain.rules.turns import is_due
from domain.store import mapview as store
from domain.store.accounts import ops_among
from domain.store.catalogue import market as known_market
from domain.store.mapview import EngagementRow, MapRows, OnDutyRow, RequestRow
from domain.usecases.access import require_ops_of
from domain.usecases.work import Work
from geo.cells import cell_of, center, to_hex
from geo.livepoints import LiveSnapshot
from geo.points import LatLng
from geo.polylines import encode, simplify
from geo.travel import Profile

AGGREGATES_BELOW: Final = 11.0  # zoom: a market fits the screen, and markers would lie on one another
PLACE_DIGITS: Final = 6  # of a degree: 0.1 m
AGE_STEP: Final = 10  # s: ages are told in steps, or every item would be news every second
ETA_STEP: Final = 10  # s
ROUTE_WITHIN_M: Final = 5.0  # a line on a screen: drop what lies closer to it than this
ROUTES_A_STEP: Final = 12  # a route costs 2-5 ms; the others come a second later
CATALOGUE_FOR: Final = 60.0  # s a market's trades and profiles are remembered
CELL_MARGIN: Final = {
    9: 0.004,
    8: 0.011,
    7: 0.028,
}  # degrees: a cell whose center is this far out may still show


class ProviderItem(msgspec.Struct, frozen=True, tag_field="kind", tag="provider"):
    """A provider on duty. `age_s` of the newest fix, in steps."""

    id: str
    lat: float
    lon: float
    heading: int | None
    state: str  # idle | offered | approach | busy | stale
    trade: str
    age_s: int
    name: str


class RequestItem(msgspec.Struct, frozen=True, tag_field="kind", tag="request"):
    """A request at its first stop."""

    id: str
    lat: float
    lon: float
    state: str  # open | matched
    service: str
    age_s: int


class EngagementItem(msgspec.Struct, frozen=True, tag_field="kind", tag="engagement"):
    """Work ahead or under way; `route` is an encoded polyline (precision 5), empty for work that stays in place."""

    id: str
    state: str
    service: str
    provider_id: str
    request_id: str
    route: str
    leg: str  # approach | trip
    eta_s: int | None


class CellItem(msgspec.Struct, frozen=True, tag_field="kind", tag="cell"):
    """How many ask and how many are idle in an H3 cell."""

    id: str
    cell: str
    demand: int
    supply: int


Item = ProviderItem | RequestItem | EngagementItem | CellItem
View = Mapping[str, Item]


@dataclass(frozen=True, slots=True)
class Box:
    """What a screen shows: west, south, east, north in degrees. West may be east of east, across the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, p: LatLng, margin: float = 0.0) -> bool:
        if not self.south - margin <= p.lat <= self.north + margin:
            return False
        west, east = self.west - margin, self.east + margin
        return west <= p.lon <= east if west <= east else p.lon >= west or p.lon <= east


EVERYWHERE: Final = Box(-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, slots=True)
class Placed:
    """An item and the places that put it in view."""

    item: Item
    places: tuple[LatLng, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a provider was last heard of. `heading` in degrees, None when unknown."""

    place: LatLng
    heading: float | None
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True)
class MapState:
    """One moment of a market."""

    placed: Sequence[Placed]
    demand: Sequence[LatLng]
    supply: Sequence[LatLng]
    counters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leg:
    """The way of one leg of an engagement, computed once; `until` is when it should be done, unix seconds."""

    route: str
    until: float | None


@dataclass(slots=True)
class MapMemory:
    """What is carried from one state of a market to the next."""

    market: str
    legs: dict[tuple[UUID, str], Leg] = field(default_factory=dict)
    trades: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)
    catalogue_at: float = -math.inf


async def open_map(work: Work, market: str) -> None:
    """Whether the actor may see this map: its ops, of a market there is."""
    require_ops_of(work.actor, market)
    await known_market(work.db, market)


async def still_ops(work: Work, market: str, accounts: Collection[UUID]) -> set[UUID]:
    """Those of these accounts that may still see a map. For the engine, on behalf of those `open_map` let in."""
    return await ops_among(work.db, accounts, market)


async def look(work: Work, memory: MapMemory) -> MapState:
    """The market now: one bundle of queries, and the live index."""
    now = work.now.timestamp()
    if is_due(now, memory.catalogue_at, CATALOGUE_FOR):
        memory.trades = await store.trades(work.db, memory.market)
        memory.profiles = await store.profiles(work.db, memory.market)
        memory.catalogue_at = now
    rows = await store.read(work.db, memory.market, now=work.now, hour_ago=work.now - timedelta(hours=1))
    crowd = _crowd(work.tools.live.of(memory.market).snapshot(now))
    await _draw(work, memory, rows.engagements, crowd)
    return build(memory, rows, crowd, work.now)


def build(memory: MapMemory, rows: MapRows, crowd: Mapping[UUID, Seen], at: datetime) -> MapState:
    """One moment put together from what is stored and what is seen."""
    at_work = {row.provider_id: row for row in rows.engagements if _takes_attention(row)}
    states = {one.id: _provider_state(one, at_work.get(one.id), crowd.get(one.id)) for one in rows.providers}
    placed = [
        Placed(
            _provider_item(one, states[one.id], _trade(memory, one, at_work.get(one.id)), seen), (seen.place,)
        )
        for one in rows.providers
        if (seen := crowd.get(one.id)) is not None
    ]
    placed += [Placed(_request_item(row, at), (row.place,)) for row in rows.requests]
    for row in rows.engagements:
        provider = [crowd[row.provider_id].place] if row.provider_id in crowd else []
        placed.append(Placed(_engagement_item(memory, row, at.timestamp()), (*row.places, *provider)))
    return MapState(
        placed=placed,
        demand=[row.place for row in rows.requests if row.state == RequestState.OPEN],
        supply=[crowd[key].place for key, state in states.items() if state == "idle"],
        counters=_counters(memory, rows, list(states.values())),
    )


def view(state: MapState, box: Box, zoom: float) -> dict[str, Item]:
    """What a viewport sees: markers and cells from close by, cells alone from afar."""
    found: dict[str, Item] = {}
    if zoom >= AGGREGATES_BELOW:
        for one in state.placed:
            if any(box.holds(place) for place in one.places):
                found[one.item.id] = one.item
    res = 9 if zoom >= 13 else 8 if zoom >= AGGREGATES_BELOW else 7
    demand = Counter(cell_of(place, res) for place in state.demand)
    supply = Counter(cell_of(place, res) for place in state.supply)
    for cell in sorted(demand.keys() | supply.keys()):
        if box.holds(center(cell), CELL_MARGIN[res]):
            name = to_hex(cell)
            found[f"c:{name}"] = CellItem(f"c:{name}", name, demand[cell], supply[cell])
    return found


def difference(old: View, new: View) -> tuple[list[Item], list[str]]:
    """What to add or replace, and what to remove, to get from one view to another; first what is new, then the rest in
    the order of the old view."""
    upsert = [item for key, item in new.items() if key not in old]
    upsert += [new[key] for key, item in old.items() if new.get(key, item) != item]
    return upsert, sorted(old.keys() - new.keys())


def parts(upsert: Sequence[Item], remove: Sequence[str], most: int) -> Iterator[tuple[list[Item], list[str]]]:
    """A difference in pieces of about `most` bytes, in order: what goes, then what comes. At least one piece."""
    came, gone, size = list[Item](), list[str](), 0
    for one in chain(remove, upsert):
        if size >= most:
            yield came, gone
            came, gone, size = [], [], 0
        if isinstance(one, str):
            gone.append(one)
        else:
            came.append(one)
        size += len(msgspec.json.encode(one)) + 1
    yield came, gone


# Items


def _takes_attention(row: EngagementRow) -> bool:
    """A ride from its confirmation, a job from setting off: work agreed for later leaves its provider free."""
    return row.exclusive or row.state != EngagementState.CONFIRMED


def _provider_state(one: OnDutyRow, work: EngagementRow | None, seen: Seen | None) -> str:
    if seen is None or seen.stale:
        return "stale"
    if work is not None:
        on_the_way = work.state in {EngagementState.CONFIRMED, EngagementState.EN_ROUTE}
        return "approach" if on_the_way else "busy"
    return "offered" if one.offered else "idle"


def _trade(memory: MapMemory, one: OnDutyRow, work: EngagementRow | None) -> str:
    """Of the work in hand, else of the first service they are on duty for."""
    if work is not None:
        return memory.trades.get(work.service, "job")
    return next((memory.trades[slug] for slug in one.services if slug in memory.trades), "job")


def _provider_item(one: OnDutyRow, state: str, trade: str, seen: Seen) -> ProviderItem:
    return ProviderItem(
        id=f"p:{one.id}",
        lat=round(seen.place.lat, PLACE_DIGITS),
        lon=round(seen.place.lon, PLACE_DIGITS),
        heading=None if seen.heading is None else round(seen.heading) % 360,
        state=state,
        trade=trade,
        age_s=_step(seen.age_s, AGE_STEP),
        name=one.name,
    )


def _request_item(row: RequestRow, at: datetime) -> RequestItem:
    return RequestItem(
        id=f"r:{row.id}",
        lat=round(row.place.lat, PLACE_DIGITS),
        lon=round(row.place.lon, PLACE_DIGITS),
        state=row.state,
        service=row.service,
        age_s=_step(max(0.0, (at - row.since).total_seconds()), AGE_STEP),
    )


def _engagement_item(memory: MapMemory, row: EngagementRow, now: float) -> EngagementItem:
    name = _leg(row)
    leg = memory.legs.get((row.id, name))
    left = None if leg is None or leg.until is None else max(0.0, leg.until - now)
    return EngagementItem(
        id=f"e:{row.id}",
        state=row.state,
        service=row.service,
        provider_id=f"p:{row.provider_id}",
        request_id=f"r:{row.request_id}",
        route="" if leg is None else leg.route,
        leg=name,
        eta_s=None if left is None else math.ceil(left / ETA_STEP) * ETA_STEP,
    )


def _counters(memory: MapMemory, rows: MapRows, states: Sequence[str]) -> dict[str, Any]:
    providers = dict.fromkeys(("idle", "offered", "approach", "busy", "stale"), 0) | Counter(states)
    requests = {"open": 0, "matched": 0} | Counter(row.state for row in rows.requests)
    completed = {"rides": 0, "jobs": 0}
    for slug, count in rows.figures.completed.items():
        completed["rides" if memory.trades.get(slug) == "ride" else "jobs"] += count
    wait = rows.figures.median_wait_s
    return {
        "providers": providers | {"off": rows.figures.off},
        "requests": {key: requests[key] for key in ("open", "matched")},
        "engagements": {"running": len(rows.engagements)},
        "completed_today": completed,
        "median_wait_s": None if wait is None else round(wait),
    }


# Routes


def _leg(row: EngagementRow) -> str:
    return "trip" if row.state == EngagementState.IN_PROGRESS else "approach"


def _ends_of(row: EngagementRow, crowd: Mapping[UUID, Seen]) -> tuple[LatLng, LatLng] | None:
    """From where to where the present leg goes; None when nobody moves, or nobody knows from where."""
    if row.state == EngagementState.IN_PROGRESS:
        return (row.places[0], row.places[-1]) if len(row.places) > 1 else None
    if row.state == EngagementState.ARRIVED or not _takes_attention(row) or not row.places:
        return None
    return (crowd[row.provider_id].place, row.places[0]) if row.provider_id in crowd else None


async def _draw(
    work: Work, memory: MapMemory, engagements: Sequence[EngagementRow], crowd: Mapping[UUID, Seen]
) -> None:
    """Compute the ways that are not known yet, some of them; forget those of work that is over."""
    running = {(row.id, _leg(row)) for row in engagements}
    memory.legs = {key: leg for key, leg in memory.legs.items() if key in running}
    city = work.tools.cities.get(memory.market)
    left = ROUTES_A_STEP
    for row in engagements:
        key, ends = (row.id, _leg(row)), _ends_of(row, crowd)
        if ends is None or key in memory.legs or city is None:
            continue
        if left == 0:
            return
        left -= 1
        profile = Profile(memory.profiles.get(row.service, Profile.DRIVE))
        way = await city.travel.route(*ends, profile)
        if way is None:
            memory.legs[key] = Leg("", None)
        else:
            line = encode(simplify(way.points, ROUTE_WITHIN_M))
            memory.legs[key] = Leg(line, work.now.timestamp() + way.seconds)


def _crowd(snapshot: LiveSnapshot) -> dict[UUID, Seen]:
    """The live index as a dictionary."""
    columns = (snapshot.lat, snapshot.lon, snapshot.heading, snapshot.age_s, snapshot.stale)
    rows = zip(snapshot.ids, *(column.tolist() for column in columns), strict=True)
    return {
        key: Seen(LatLng(lat, lon), None if math.isnan(heading) else heading, age, stale)
        for key, lat, lon, heading, age, stale in rows
    }


def _step(seconds: float, step: int) -> int:
    return max(0, int(seconds) // step * step)
