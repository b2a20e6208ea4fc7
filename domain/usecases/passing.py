"""Who passes a place anyway, on the way home or to where the work they are at ends: by the streets, and coarsely.

Where they go is their own business: what leaves this file is whether, and how many times five minutes it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.usecases.candidates import Seeking, seed_of
from domain.usecases.work import Work
from geo.corridor import Corridors, Line, Trip, bearable, detour_s
from geo.planes import Plane
from geo.points import LatLng, crow_m
from geo.travel import Profile
from matching.passing import Passer, rank_passing

STEP_S: Final = 300  # finer, and a few proposals would tell where somebody lives
ANY_MPS: Final = 8.0  # an order by straight lines is the same at any speed
MOST_ASKED: Final = 16  # of those whose line passes, the straightest: each costs a way by the streets


@dataclass(frozen=True, slots=True)
class Bound:
    """Somebody here who goes there anyway."""

    who: UUID
    here: LatLng
    to: LatLng


async def detours(work: Work, seeking: Seeking, bound: Sequence[Bound]) -> dict[UUID, int]:
    """Seconds out of their way, up to the next five minutes, of those who pass and can bear it (`geo.corridor`)."""
    near = _passing(seeking, bound)
    if not near:
        return {}
    travel, profile = work.tools.cities[seeking.request.market_id].travel, Profile(seeking.spec.profile)
    there = await travel.to_one([one.here for one in near], seeking.first, profile)
    onward = await travel.from_one(seeking.last, [one.to for one in near], profile)
    ride = await travel.from_one(seeking.first, [seeking.last], profile)
    direct = np.array(
        [float((await travel.from_one(one.here, [one.to], profile)).seconds[0]) for one in near]
    )
    ways = [one.seconds.astype(np.float64) for one in (there, ride, onward)]
    known = np.isfinite(direct) & np.isfinite(ways[0] + ways[1] + ways[2])
    to_pickup, rides, from_drop, straight = (np.where(known, way, 0.0) for way in (*ways, direct))
    detour = detour_s(to_pickup, rides, from_drop, straight)
    borne = known & bearable(detour, direct)
    return {
        one.who: -int(-seconds // STEP_S) * STEP_S
        for one, seconds, bears in zip(near, detour.tolist(), borne.tolist(), strict=True)
        if bears
    }


def _passing(seeking: Seeking, bound: Sequence[Bound]) -> list[Bound]:
    plane = Plane(seeking.first)

    def xy(*places: LatLng) -> NDArray[np.float64]:
        return plane.to_xy([p.lat for p in places], [p.lon for p in places])

    first, last = xy(seeking.first, seeking.last).tolist()
    index = Corridors(Line(str(one.who), xy(one.here, one.to), 0.0) for one in bound)
    pass_by = set(index.passing(Trip((first[0], first[1]), (last[0], last[1]))).ids)

    def straight_s(one: Bound) -> float:
        extra_m = crow_m(one.here, seeking.first) + crow_m(seeking.last, one.to) - crow_m(one.here, one.to)
        return max(extra_m, 0.0) / ANY_MPS

    near = {str(one.who): one for one in bound if str(one.who) in pass_by}
    ranked = rank_passing(
        (Passer(id=who, detour_s=straight_s(one)) for who, one in near.items()),
        seed=seed_of(seeking.request.id),
    )
    return [near[place.id] for place in ranked[:MOST_ASKED]]
