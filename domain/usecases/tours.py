"""Tours for staff to look at: planned from what is asked and what is open, and kept nowhere.

Nothing is written, nobody is told, nothing is offered (ADR 17 says what that would need).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import numpy as np

from domain.rules.errors import Invalid, NotFound, Unavailable
from domain.rules.ports import TravelTimes
from domain.rules.states import RequestState
from domain.rules.tours import ErrandAsked, StopAsked, VehicleAsked, Ways, check_promises, lay_out
from domain.store import catalogue
from domain.store import requests as store
from domain.store.tables import Request, Stop
from domain.usecases.access import require_ops_of
from domain.usecases.area import Spot, zones_of
from domain.usecases.views.tours import tours_view
from domain.usecases.work import PlannerAway, Work
from geo.points import LatLng
from geo.travel import Profile
from matching.tours.answer import Tours
from matching.tours.problem import TourProblem

ON_TIME: Final = timedelta(minutes=15)  # of a request for an hour that names no window: a judgement
FURTHEST: Final = timedelta(days=30)  # of a plan's moment from now, as requests may be made
BREATH: Final = (
    0.003  # s; as long as a question about five hundred places takes: others have half of the loop
)
AGAIN_AFTER: Final = 5  # s until a planner that has died, or had too much to do, is asked again


class Mode(StrEnum):
    """What is looked for."""

    DAY = "day"  # tours of a day, the fewest vehicles first; running plans may be arranged anew
    NOW = "now"  # what may be added to running plans; what is promised stays with its vehicle, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAsked:
    """An open request of the market, to be fetched and brought as it says itself."""

    id: UUID
    pointer: str
    load: int = 1
    service_s: int = 0
    nobody_s: int = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class ToursAsked:
    """The whole question. `at` is now unless it says otherwise."""

    market: str
    at: datetime | None
    profile: Profile
    mode: Mode
    seed: int
    vehicles: Sequence[VehicleAsked]
    errands: Sequence[ErrandAsked | RequestAsked]


async def plan_tours(work: Work, asked: ToursAsked) -> dict[str, Any]:
    """Tours for a market's staff; nothing is changed. Refuses with the first thing wrong, by its pointer."""
    require_ops_of(work.actor, asked.market)
    await catalogue.market(work.db, asked.market)
    at = _moment(work, asked.at)
    errands = await _errands(work, asked)
    laid = lay_out(at, asked.vehicles, errands)
    await zones_of(work, asked.market, _spots(asked.vehicles, errands))
    await work.let_go()
    ways = await ways_between(work.tools.cities[asked.market].travel, laid.points, asked.profile)
    problem = laid.problem(ways.seconds, asked.seed)
    check_promises(problem, asked.vehicles)
    answer = await _answer(work, asked.mode, problem)
    about = {"market": asked.market, "mode": str(asked.mode), "profile": str(asked.profile)}
    return about | tours_view(laid, asked.vehicles, ways, answer, work.actor.language)


async def ways_between(travel: TravelTimes, points: Sequence[LatLng], profile: Profile) -> Ways:
    """By road, a question for each place, and the loop everybody else's between."""
    rows = []
    for point in points:
        rows.append(await travel.from_one(point, points, profile))
        await asyncio.sleep(BREATH)
    return Ways(
        seconds=np.array([row.seconds for row in rows], np.float64),
        meters=np.array([row.meters for row in rows], np.float64),
        source="+".join(sorted({row.source for row in rows})),
        calibration="+".join(sorted({row.calibration for row in rows})),
    )


def _moment(work: Work, at: datetime | None) -> datetime:
    """To the millisecond, as it is told."""
    moment = at or work.now
    if not abs(moment - work.now) <= FURTHEST:
        raise Invalid.field("/at", f"at most {FURTHEST.days} days from now")
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


async def _errands(work: Work, asked: ToursAsked) -> list[ErrandAsked]:
    """All of them in full, requests as they stand."""
    ids = [one.id for one in asked.errands if isinstance(one, RequestAsked)]
    rows = await store.in_market(work.db, asked.market, ids)
    stops = await store.stops_of(work.db, rows)
    return [
        one if isinstance(one, ErrandAsked) else _of_request(one, rows.get(one.id), stops.get(one.id, ()))
        for one in asked.errands
    ]


def _of_request(asked: RequestAsked, row: Request | None, stops: Sequence[Stop]) -> ErrandAsked:
    if row is None:
        raise NotFound("there is no such request in this market", pointer=asked.pointer)
    if row.state != RequestState.OPEN:
        raise Invalid.field(asked.pointer, f"this request is {row.state}; open ones can be planned")
    if [stop.kind for stop in stops] != ["pickup", "drop"]:
        kinds = ", ".join(stop.kind for stop in stops)
        raise Invalid.field(asked.pointer, f"a tour takes a pickup and a drop; this request has {kinds}")
    earliest, latest = _window(row)
    first, last = (LatLng(stop.lat, stop.lon) for stop in stops)
    where, takes = asked.pointer, asked.service_s
    return ErrandAsked(
        id=str(asked.id),
        pointer=where,
        pickup=StopAsked(point=first, pointer=where, earliest=earliest, latest=latest, service_s=takes),
        drop=StopAsked(point=last, pointer=where, service_s=takes),
        load=asked.load,
        nobody_s=asked.nobody_s,
    )


def _window(row: Request) -> tuple[datetime | None, datetime | None]:
    """When a request is to be picked up: from its start, within its window."""
    if row.window_s is not None:
        return row.start_at, (row.start_at or row.created_at) + timedelta(seconds=row.window_s)
    return row.start_at, None if row.start_at is None else row.start_at + ON_TIME


def _spots(vehicles: Sequence[VehicleAsked], errands: Sequence[ErrandAsked]) -> list[Spot]:
    """Every place, with where it stands in the question."""
    spots = []
    for vehicle in vehicles:
        spots.append(Spot(vehicle.start, f"{vehicle.pointer}/start"))
        if vehicle.end is not None:
            spots.append(Spot(vehicle.end, f"{vehicle.pointer}/end"))
        spots += [Spot(one.drop.point, one.drop.pointer) for one in vehicle.onboard]
    for errand in errands:
        spots.append(Spot(errand.pickup.point, errand.pickup.pointer, is_pickup=True))
        spots.append(Spot(errand.drop.point, errand.drop.pointer))
    return spots


async def _answer(work: Work, mode: Mode, problem: TourProblem) -> Tours:
    planner = work.tools.planner
    if planner is None:
        raise Unavailable("there is no planner here", retry_after_s=AGAIN_AFTER)
    try:
        return await (planner.plan(problem) if mode is Mode.DAY else planner.pool(problem))
    except PlannerAway as away:
        raise Unavailable(str(away), retry_after_s=AGAIN_AFTER) from away
