"""From rows to a `matching.Problem`: who could be asked for what, from where, and how far that is by road.

Both allocators that ask people (`dispatch` and `call`) look around with these eyes.
"""

import math
from collections import Counter
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
from geo.live import GONE_AFTER, STALE_AFTER
from geo.points import LatLng, crow_m, crow_many_m
from geo.travel import Profile, Travel
from matching.feasible import could_come
from matching.field import Floats, Rows
from matching.policy import Policy
from matching.problem import Ask, Pairs, Problem, Supply, only
from matching.reasons import Reason

KEPT_NEAREST: Final = 64  # by road go into the problem, and into the stored decision
ASKED_A_KEPT: Final = 4  # of those near in a straight line, for each that is kept: one search serves them all
KEPT_AT_MOST: Final = 256  # for a request among many others at one place: what is left is for the next round
LARGE: Final = 512  # on duty; of more, a round keeps only those it looked at, where there were enough
LOOK_AHEAD_S: Final = (
    3_600.0  # a booked job that begins this long after the work's end is reached from anywhere
)
NO_WAY_S: Final = 86_400.0  # stands for "no way there": a day is late for anything
TO_THE_METER: Final = 1.0  # two ways of measuring a straight line agree to less
FIRST_IN_LINE: Final = 16  # of a station's queue, beside one a request: some may lack a tag


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
    """Providers on duty, each as the matcher knows them, and where they would set off (whoever is about to finish a
    trip stands where it ends), in the same order."""

    people: Sequence[OnDuty]
    supply: Sequence[Supply]
    lat: Floats
    """Degrees; NaN: nobody knows where they are."""
    lon: Floats
    homeward: Sequence[int]
    """Those who want work on their way home only, where it is known where they are."""

    @property
    def idle(self) -> int:
        """How many could be offered something now."""
        return sum(1 for one in self.supply if one.available)

    def place(self, j: int) -> LatLng:
        """Where one of them is."""
        return LatLng(float(self.lat[j]), float(self.lon[j]))


def crowd_of(
    work: Work,
    market: str,
    people: Sequence[OnDuty],
    incomes: Mapping[UUID, float | None] | None = None,
    finishing: Mapping[UUID, Finishing] | None = None,
) -> Crowd:
    """People joined with what the live index knows of them; those named as finishing count as free soon."""
    live, now = work.tools.live.of(market), work.now.timestamp()
    lat, lon, age_s = live.known_of([one.id for one in people], now)
    known, soon = incomes or {}, finishing or {}

    def told(one: OnDuty, age_s: float) -> Supply:
        here = not math.isnan(age_s)
        trip = soon.get(one.id) if here else None
        return as_supply(
            one if trip is None else replace(one, busy=False),
            work.now,
            fix_age_s=age_s if here else GONE_AFTER,
            stale=not here or age_s > STALE_AFTER,
            income_per_hour=known.get(one.id),
            free_in_s=0.0 if trip is None else trip.free_in_s,
        )

    supply = list(map(told, people, age_s.tolist()))
    for j, one in enumerate(people):
        if not np.isnan(lat[j]) and (trip := soon.get(one.id)) is not None:
            lat[j], lon[j] = trip.place.lat, trip.place.lon
    homeward = [j for j, one in enumerate(people) if one.towards is not None and not np.isnan(lat[j])]
    return Crowd(people, supply, lat, lon, homeward)


def as_supply(
    one: OnDuty,
    now: datetime,
    *,
    fix_age_s: float,
    stale: bool,
    income_per_hour: float | None = None,
    free_in_s: float = 0.0,
) -> Supply:
    """A provider as the matcher knows them. Nobody is put in touch with themselves."""
    name = str(one.id)
    return Supply(
        id=name,
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
        blocked_customers=frozenset((name, *map(str, one.blocked))),
        next_start_s=None if one.next_start_at is None else (one.next_start_at - now).total_seconds(),
        suspended=one.suspended,
        free_in_s=free_in_s,
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
    within_m: Mapping[UUID, float] | None = None,
    left_out: int = 0,
) -> Problem | None:
    """The round's problem. Travel times are asked for once a request, for those who could come at all; the `keep`
    nearest by road are judged, more where requests contend for them.

    `within_m`: how far about each request everybody is in the crowd (`sight.Sight`); `left_out`: how many more there
    are. `None` where that is not far enough: somebody who is not there might be nearer than some who are.
    """
    rows: list[tuple[int, int, float, float]] = []
    asks = [replace(seeking.as_ask(work.now), barred=_barred(crowd, seeking)) for seeking in seekings]
    sources, looked_at, enough = set[str](), set[int](), True
    could_of = could_come(asks, crowd.supply, policy)
    keeps = _keeps(crowd, seekings, could_of, keep)
    asked = [kept + (ASKED_A_KEPT - 1) * keep for kept in keeps]
    if within_m is not None and not _far_enough(crowd, seekings, could_of, within_m, asked):
        return None
    in_line = Counter(seeking.zone for seeking in seekings)
    for i, (seeking, could) in enumerate(zip(seekings, could_of, strict=True)):
        first_in_line = _first_in_line(crowd.people, could, seeking, in_line[seeking.zone])
        near = list(
            dict.fromkeys([*first_in_line, *_nearest(crowd, could, seeking.first, asked[i]).tolist()])
        )
        looked_at.update(near)
        enough &= len(near) >= keeps[i]
        if near:
            travel = await _travel(work, market, seeking, [crowd.place(j) for j in near])
            sources.add(travel.source)
            there_s = travel.seconds + np.array([crowd.supply[j].free_in_s for j in near], dtype=np.float32)
            kept = dict.fromkeys([*range(len(first_in_line)), *_kept(there_s, keeps[i])])
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
    pairs = Pairs.of(rows, "crow" if "crow" in sources else min(sources, default="streets"))
    stated = Problem(
        asks=tuple(asks),
        supply=tuple(crowd.supply),
        pairs=pairs,
        policy=policy,
        seed=seed,
        left_out=left_out,
    )
    return only(stated, looked_at) if enough and len(crowd.people) > LARGE else stated


def contended(nearest: Sequence[Rows], wanted: Sequence[int], people: int) -> list[int]:
    """For each request how many are wanted, by itself and others, of those who are among its nearest: with fewer to
    judge, requests from one place would leave each other nobody. `nearest`: rows below `people`, a request."""
    demand = np.zeros(people, dtype=np.intp)
    for rows, many in zip(nearest, wanted, strict=True):
        demand[rows] += many
    return [min(KEPT_AT_MOST, int(demand[rows].max(initial=0))) for rows in nearest]


def _keeps(crowd: Crowd, seekings: Sequence[Seeking], could_of: Sequence[Rows], keep: int) -> list[int]:
    """How many are judged for each request."""
    nearest = [
        _nearest(crowd, could, seeking.first, keep) for seeking, could in zip(seekings, could_of, strict=True)
    ]
    wanted = [seeking.wanted for seeking in seekings]
    return [max(keep, many) for many in contended(nearest, wanted, len(crowd.people))]


def _far_enough(
    crowd: Crowd,
    seekings: Sequence[Seeking],
    could_of: Sequence[Rows],
    within_m: Mapping[UUID, float],
    wanted_of: Sequence[int],
) -> bool:
    """Whether of each request as many as are wanted could come from as far as everybody there was read."""
    for seeking, could, wanted in zip(seekings, could_of, wanted_of, strict=True):
        reach_m = within_m[seeking.request.id]
        if reach_m == math.inf:
            continue
        away_m = crow_many_m(crowd.lat[could], crowd.lon[could], seeking.first)
        if np.count_nonzero(away_m <= reach_m - TO_THE_METER) < wanted:
            return False
    return True


def _barred(crowd: Crowd, seeking: Seeking) -> tuple[tuple[str, Reason], ...]:
    """Whom their own way home, or the length of their day, keeps from this request."""
    found = [(str(who), Reason.HOURS_WORKED) for who in seeking.worked_out]
    for j in crowd.homeward:
        home = crowd.people[j].towards
        if home is not None and crow_m(seeking.last, home) >= crow_m(crowd.place(j), home):
            found.append((crowd.supply[j].id, Reason.NOT_HOMEWARD))
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


def _nearest(crowd: Crowd, could: Rows, place: LatLng, wanted: int) -> Rows:
    """The nearest in a straight line, so many; ties in order of id."""
    if len(could) <= wanted:
        return could
    away = crow_many_m(crowd.lat[could], crowd.lon[could], place)
    # All who are nearer than the last that is wanted, and of those as far as that one the first by id.
    last = np.partition(away, wanted - 1)[wanted - 1]
    nearer, as_far = np.flatnonzero(away < last), np.flatnonzero(away == last)
    return could[np.sort(np.concatenate((nearer, as_far[: wanted - len(nearer)])))]


def _first_in_line(people: Sequence[OnDuty], could: Rows, seeking: Seeking, waiting: int) -> list[int]:
    """The first of the station's queue: they are looked at however many stand nearer. `waiting`: requests there."""
    if seeking.zone is None:
        return []
    line = [j for j in could.tolist() if people[j].queue_zone == seeking.zone]
    return sorted(line, key=lambda j: (people[j].queue_rank, j))[: FIRST_IN_LINE + waiting]


async def _travel(work: Work, market: str, seeking: Seeking, origins: Sequence[LatLng]) -> Travel:
    travel = work.tools.cities[market].travel
    return await travel.to_one(origins, seeking.first, Profile(seeking.spec.profile))


def _kept(seconds: NDArray[np.float32], keep: int) -> list[int]:
    return [int(k) for k in np.argsort(seconds, kind="stable")[:keep]]


def _way(travel: Travel, k: int) -> tuple[float, float]:
    seconds, meters = float(travel.seconds[k]), float(travel.meters[k])
    return (seconds, meters) if math.isfinite(seconds) else (math.inf, math.inf)
