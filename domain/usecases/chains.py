"""Who frees up soon: providers about to finish a trip, who may be promised to the next customer (ADR 13).

Nobody is promised twice ahead: a trip that something waits for already ends for that alone.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.rules.clocks import service_s
from domain.store.supply import Carrying, OnDuty
from domain.usecases.work import Work
from geo.points import LatLng, crow_m
from geo.travel import Profile
from matching.problem import DECIMALS

SET_DOWN_S: Final = 30.0  # to stop, pay thanks and get out. A judgement
FASTEST_MPS: Final = (
    25.0  # 90 km/h: who could not be there in time along a straight line is not asked the way for
)
MOST_FINISHING: Final = (
    64  # a round: each costs one search of the streets; those nearest to their end come first
)


@dataclass(frozen=True, slots=True)
class Finishing:
    """A provider's trip that ends soon: in how many seconds, and where."""

    engagement_id: UUID
    free_in_s: float
    place: LatLng


async def finishing(
    work: Work, market: str, people: Iterable[OnDuty], within_s: float
) -> dict[UUID, Finishing]:
    """Those of the people whose trip ends within so many seconds, by the road that is left of it."""
    if within_s == 0:
        return {}
    index = work.tools.live.of(market)
    near: list[tuple[float, UUID, Carrying]] = []
    for one in people:
        if one.carrying is None or (fix := index.newest(one.id)) is None:
            continue
        left_m = crow_m(fix.place, one.carrying.to)
        if left_m / FASTEST_MPS <= within_s:
            near.append((left_m, one.id, one.carrying))
    found = {}
    for _, who, trip in sorted(near, key=lambda row: row[:2])[:MOST_FINISHING]:
        left_s = await rest_s(work, market, who, trip)
        if left_s is not None and left_s <= within_s:
            found[who] = Finishing(trip.engagement_id, round(left_s, DECIMALS), trip.to)
    return found


async def rest_s(work: Work, market: str, provider: UUID, trip: Carrying) -> float | None:
    """Seconds until a trip ends: by road from where its provider is; with stops between, of which nobody knows which
    are behind, not less than the plan has left. `None` where nobody knows."""
    fix, city = work.tools.live.of(market).newest(provider), work.tools.cities.get(market)
    if fix is None or city is None:
        return None
    travel = await city.travel.from_one(fix.place, [trip.to], Profile(trip.profile))
    left_s = float(travel.seconds[0])
    if trip.vias:
        left_s = max(left_s, trip.duration_s - service_s(trip.started_at, None, work.now))
    return left_s + SET_DOWN_S if math.isfinite(left_s) else None
