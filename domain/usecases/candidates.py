"""From rows to a `matching.Problem`: who could be asked for what, from where, and how far that is by road.

Both allocators that ask people (`dispatch` and `call`) look around with these eyes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.rules.catalogue import ServiceSpec
from domain.rules.pricing import fee_of
from domain.store.supply import OnDuty
from domain.store.tables import Request, Stop
from domain.usecases.chains import Finishing
from domain.usecases.work import Work
from geo.cells import to_hex
from geo.live import GONE_AFTER
from geo.livepoints import LiveSnapshot
from geo.points import LatLng, crow_m, crow_many_m
from geo.travel import Profile, Travel
from matching.feasible import could_come
from matching.policy import Policy
from matching.problem import Ask, Pairs, Problem, Supply
from matching.reasons import Reason

ASKED_BY_ROAD: Final = 256  # candidates a request whose road time is computed: one Dijkstra serves them all
KEPT_NEAREST: Final = 64  # of them, the nearest by road go into the problem, and into the stored decision
LOOK_AHEAD_S: Final = (
    3_600.0  # a booked job that begins this long after the work's end is reached from anywhere
)
NO_WAY_S: Final = 86_400.0  # stands for "no way there": a day is late for anything
FIRST_IN_LINE: Final = 16  # of a station's queue, looked at besides: one is asked, the others may lack a tag


@dataclass(frozen=True, slots=True)
class Seeking:
    """A request that looks for somebody in this round."""

    request: Request
    spec: ServiceSpec
    stops: Sequence[Stop]
    wave: int
    wanted: int
    within_s: float
    already_asked: frozenset[UUID]
    pending: int = 0
    """How many have it to answer now."""
    zone: str | None = None
    """The station that the pickup lies at."""
    worked_out: frozenset[UUID] = frozenset()
    """Who has worked as long today as a regime of the service allows."""

    @property
    def first(self) -> LatLng:
        """The pickup, or the site."""
        return LatLng(self.stops[0].lat, self.stops[0].lon)

    @property
    def last(self) -> LatLng:
        """Where the work ends."""
        return LatLng(self.stops[-1].lat, self.stops[-1].lon)

    def starts_in_s(self, now: datetime) -> float:
        """Seconds until the agreed start; 0: now."""
        start_at = self.request.start_at
        return 0.0 if start_at is None else (start_at - now).total_seconds()

    def as_ask(self, now: datetime) -> Ask:
        """The request as the matcher knows it."""
        row = self.request
        price = row.price_cents or row.budget_cents or 0
        last = self.stops[-1]
        return Ask(
            id=str(row.id),
            service=row.service_slug,
            age_s=max(0.0, (now - row.due_at).total_seconds()),
            wave=self.wave,
            max_approach_s=self.within_s,
            wanted=self.wanted,
            needs=frozenset(self.spec.needs),
            duration_s=row.duration_s,
            pay=price - fee_of(self.spec.price_rule, price),
            starts_in_s=self.starts_in_s(now),
            customer=str(row.customer_id),
            destination_cell=to_hex(last.cell) if len(self.stops) > 1 else None,
            already_asked=frozenset(str(provider) for provider in self.already_asked),
            zone=self.zone,
        )


@dataclass(frozen=True, slots=True)
class Crowd:
    """Providers on duty and where they would set off: rows of the live snapshot by provider (whoever is about to
    finish a trip stands where it ends), and each as the matcher knows them, in the same order."""

    people: Sequence[OnDuty]
    seen: LiveSnapshot
    row_of: Mapping[UUID, int]
    supply: Sequence[Supply]

    @property
    def idle(self) -> int:
        """How many could be offered something now."""
        return sum(1 for one in self.supply if one.available)


def crowd_of(
    work: Work,
    market: str,
    people: Sequence[OnDuty],
    incomes: Mapping[UUID, float | None] | None = None,
    finishing: Mapping[UUID, Finishing] | None = None,
) -> Crowd:
    """People joined with what the live index knows of them; those named as finishing count as free soon."""
    seen = work.tools.live.of(market).snapshot(work.now.timestamp())
    row_of = {provider: row for row, provider in enumerate(seen.ids)}
    known, soon = incomes or {}, finishing or {}

    def told(one: OnDuty) -> Supply:
        row, income = row_of.get(one.id), known.get(one.id)
        if row is None:
            return as_supply(one, work.now, fix_age_s=GONE_AFTER, stale=True, income_per_hour=income)
        age, stale = float(seen.age_s[row]), bool(seen.stale[row])
        supply = as_supply(one, work.now, fix_age_s=age, stale=stale, income_per_hour=income)
        return replace(supply, busy=False, free_in_s=soon[one.id].free_in_s) if one.id in soon else supply

    return Crowd(people, _at_ends(seen, row_of, soon), row_of, [told(one) for one in people])


def _at_ends(
    seen: LiveSnapshot, row_of: Mapping[UUID, int], finishing: Mapping[UUID, Finishing]
) -> LiveSnapshot:
    if not finishing:
        return seen
    lat, lon = seen.lat.copy(), seen.lon.copy()
    for provider, trip in finishing.items():
        if (row := row_of.get(provider)) is not None:
            lat[row], lon[row] = trip.place.lat, trip.place.lon
    return replace(seen, lat=lat, lon=lon)


def as_supply(
    one: OnDuty, now: datetime, *, fix_age_s: float, stale: bool, income_per_hour: float | None = None
) -> Supply:
    """A provider as the matcher knows them. Nobody is put in touch with themselves."""
    return Supply(
        id=str(one.id),
        services=one.services,
        tags=one.tags,
        fix_age_s=fix_age_s,
        stale=stale,
        on_duty=True,
        busy=one.busy,
        pending_offer=one.pending_offer,
        max_travel_s=one.max_travel_s,
        free_until_s=None if one.next_hold_at is None else (one.next_hold_at - now).total_seconds(),
        income_per_hour=income_per_hour,
        queue_rank=one.queue_rank,
        queue_zone=one.queue_zone,
        blocked_customers=frozenset(map(str, one.blocked | {one.id})),
        next_start_s=None if one.next_start_at is None else (one.next_start_at - now).total_seconds(),
        suspended=one.suspended,
    )


async def look_around(
    work: Work,
    market: str,
    seekings: Sequence[Seeking],
    crowd: Crowd,
    *,
    policy: Policy,
    seed: int,
    keep: int = KEPT_NEAREST,
) -> Problem:
    """The round's problem. Travel times are asked for once a request, for those who could come at all; the `keep`
    nearest by road are judged."""
    rows: list[tuple[int, int, float, float]] = []
    asks = [replace(seeking.as_ask(work.now), barred=_barred(crowd, seeking)) for seeking in seekings]
    sources = set[str]()
    for i, (seeking, could) in enumerate(zip(seekings, could_come(asks, crowd.supply, policy), strict=True)):
        first_in_line = _first_in_line(crowd.people, could, seeking)
        near = list(dict.fromkeys([*first_in_line, *_nearest(crowd, could, seeking.first)]))
        if near:
            travel = await _travel(work, market, seeking, [_place(crowd, j) for j in near])
            sources.add(travel.source)
            there_s = travel.seconds + np.array([crowd.supply[j].free_in_s for j in near], dtype=np.float32)
            kept = dict.fromkeys([*range(len(first_in_line)), *_kept(there_s, keep)])
            ways = [(near[k], *_way(travel, k)) for k in kept]
            rows += [(i, *way) for way in ways]
            too_long = tuple(
                (crowd.supply[j].id, Reason.LONGER_THAN_WANTED)
                for j, _, meters in ways
                if meters > (crowd.people[j].max_pickup_m or math.inf)
            )
            onward = await _onward(work, market, seeking, [crowd.people[j] for j, _, _ in ways])
            asks[i] = replace(asks[i], barred=asks[i].barred + too_long, onward_s=onward)
    # A round answered by two sources is trusted as far as the worse of them.
    source = "crow" if "crow" in sources else min(sources, default="streets")
    return Problem(
        asks=tuple(asks),
        supply=tuple(crowd.supply),
        pairs=Pairs.of(rows, source),
        policy=policy,
        seed=seed,
    )


def _barred(crowd: Crowd, seeking: Seeking) -> tuple[tuple[str, Reason], ...]:
    """Whom their own way home, or the length of their day, keeps from this request."""
    found = []
    for one in crowd.people:
        row = crowd.row_of.get(one.id)
        if one.id in seeking.worked_out:
            found.append((str(one.id), Reason.HOURS_WORKED))
        if one.towards is not None and row is not None:
            here = LatLng(float(crowd.seen.lat[row]), float(crowd.seen.lon[row]))
            if crow_m(seeking.last, one.towards) >= crow_m(here, one.towards):
                found.append((str(one.id), Reason.NOT_HOMEWARD))
    return tuple(found)


async def _onward(
    work: Work, market: str, seeking: Seeking, people: Sequence[OnDuty]
) -> tuple[tuple[str, float], ...]:
    """By road from the end of the request to the next booked job of each who has one soon: with the way there, and
    not with a constant, it is seen whether they would be late."""
    start = max(seeking.within_s, seeking.starts_in_s(work.now)) + seeking.request.duration_s
    soon = work.now + timedelta(seconds=start + LOOK_AHEAD_S)
    booked = [
        (one.id, one.next_place)
        for one in people
        if one.next_place is not None and one.next_start_at is not None and one.next_start_at <= soon
    ]
    if not booked:
        return ()
    travel = await work.tools.cities[market].travel.from_one(
        seeking.last, [place for _, place in booked], Profile(seeking.spec.profile)
    )
    return tuple(
        (str(who), min(float(seconds), NO_WAY_S))
        for (who, _), seconds in zip(booked, travel.seconds.tolist(), strict=True)
    )


def seed_of(row_id: UUID) -> int:
    """A seed: the random part of a row's id, as a signed 64-bit column holds it."""
    return row_id.int & 0x3FFF_FFFF_FFFF_FFFF


def _nearest(crowd: Crowd, could: list[int], place: LatLng) -> list[int]:
    """The nearest in a straight line, few enough to ask the way for; ties in order of id."""
    rows = [crowd.row_of[crowd.people[j].id] for j in could]
    away = crow_many_m(crowd.seen.lat[rows], crowd.seen.lon[rows], place)
    order = np.argsort(away, kind="stable")[:ASKED_BY_ROAD]
    return [could[k] for k in sorted(order.tolist())]


def _first_in_line(people: Sequence[OnDuty], could: list[int], seeking: Seeking) -> list[int]:
    """The first of the station's queue: they are looked at however many stand nearer."""
    if seeking.zone is None:
        return []
    waiting = [j for j in could if people[j].queue_zone == seeking.zone]
    return sorted(waiting, key=lambda j: (people[j].queue_rank, j))[:FIRST_IN_LINE]


def _place(crowd: Crowd, j: int) -> LatLng:
    row = crowd.row_of[crowd.people[j].id]
    return LatLng(float(crowd.seen.lat[row]), float(crowd.seen.lon[row]))


async def _travel(work: Work, market: str, seeking: Seeking, origins: Sequence[LatLng]) -> Travel:
    travel = work.tools.cities[market].travel
    return await travel.to_one(origins, seeking.first, Profile(seeking.spec.profile))


def _kept(seconds: NDArray[np.float32], keep: int) -> list[int]:
    return [int(k) for k in np.argsort(seconds, kind="stable")[:keep]]


def _way(travel: Travel, k: int) -> tuple[float, float]:
    seconds, meters = float(travel.seconds[k]), float(travel.meters[k])
    return (seconds, meters) if math.isfinite(seconds) else (math.inf, math.inf)
