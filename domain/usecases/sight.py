"""Whom a round reads: everybody on duty; in a large market those about its requests, as many as it takes (ADR 16).

A round then costs what it looks at, and not what is on duty. What comes of it is what would come of reading everybody.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, degrees, inf, radians
from typing import Final
from uuid import UUID

import numpy as np

from domain.store import stations, supply
from domain.store.supply import Box, OnDuty
from domain.usecases.candidates import ASKED_A_KEPT, LARGE, Seeking, contended
from domain.usecases.work import Work
from geo.points import EARTH_RADIUS_M, HALF_WAY_ROUND_M, LatLng
from geo.units import Meters
from matching.field import Floats, Rows

ASKED_ALREADY: Final = 2  # read for each who is asked the way for: some have an offer, or lack a tag
WIDER: Final = 4  # times, where too few of those could come
MOST_OF_THEM: Final = 0.5  # of the market: where so many would be named, everybody is read
ENDS_WITHIN_M: Final = 3_000.0  # of a pickup, at most: trips that end there


@dataclass(frozen=True, slots=True)
class Sight:
    """People on duty who were read.

    `within_m`: by request, how far about it they are everybody who offers one of the services, whose place is known and
    who, unless those at work count too, has nothing in hand; infinite: wherever they are. As the live index has it:
    what changed a moment ago counts in the next round. `left_out`: how many more there are, of those.
    """

    people: Sequence[OnDuty]
    within_m: Mapping[UUID, float]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Horizon:
    """What the live index knows of a market: how many offer the services and were heard of lately, and how many of
    them have nothing in hand."""

    work: Work
    market: str
    services: frozenset[str]
    offering: int
    idle: int

    @classmethod
    def of(cls, work: Work, market: str, services: Iterable[str]) -> "Horizon":
        """As of the round's moment."""
        wanted = frozenset(services)
        mask, now = work.tools.live.mask_of(wanted), work.now.timestamp()
        return cls(work, market, wanted, *work.tools.live.of(market).offering(mask, now))

    @property
    def large(self) -> bool:
        """Whether not everybody is read."""
        return self.offering > LARGE

    async def sights(
        self, seekings: Sequence[Seeking], keep: int, *, at_work: bool = False, ends_too: bool = False
    ) -> AsyncIterator[Sight]:
        """One after another, each wider, the last of everybody: the first in which enough could come is the round's.

        `keep`: how many are judged for each request. `at_work`: whoever has work in hand could come like anybody else;
        `ends_too`: with those whose trip ends about a pickup.
        """
        k = self._enough_at_first(seekings, keep, at_work=at_work) if self.large else 0
        while self.large and k < self.offering:
            rows, away_m = self._about(seekings, k, at_work=at_work)
            seen = np.unique(rows)
            if len(seen) >= self.offering * MOST_OF_THEM:
                break
            yield await self._nearest(seekings, seen, away_m[:, -1].tolist(), ends_too=ends_too)
            k *= WIDER
        everybody = await supply.on_duty(self.work.db, self.market, self.services, self.work.now)
        yield Sight(everybody, {seeking.request.id: inf for seeking in seekings})

    def _enough_at_first(self, seekings: Sequence[Seeking], keep: int, *, at_work: bool) -> int:
        """How many of each request's nearest are read at first: as many as are asked the way for, and some more."""
        rows, _ = self._about(seekings, keep, at_work=at_work)
        people, nearest = np.unique(rows, return_inverse=True)
        wanted = [seeking.wanted for seeking in seekings]
        most = max(contended(list(nearest.reshape(rows.shape)), wanted, len(people)))
        return (max(keep, most) + (ASKED_A_KEPT - 1) * keep) * ASKED_ALREADY

    def _about(self, seekings: Sequence[Seeking], k: int, *, at_work: bool) -> tuple[Rows, Floats]:
        """The index's `k` nearest of each: rows, and how far they are."""
        return self.work.tools.live.of(self.market).nearest_many(
            [seeking.first.lat for seeking in seekings],
            [seeking.first.lon for seeking in seekings],
            k=k,
            within_m=Meters(HALF_WAY_ROUND_M),
            services_mask=self.work.tools.live.mask_of(self.services),
            now=self.work.now.timestamp(),
            only_available=not at_work,
        )

    async def _nearest(
        self, seekings: Sequence[Seeking], rows: Rows, within_m: Sequence[float], *, ends_too: bool
    ) -> Sight:
        """Those of these rows of the index, with those who stand in line there."""
        db, index = self.work.db, self.work.tools.live.of(self.market)
        named = {one for one in index.providers_of(rows) if one is not None}
        named |= await stations.waiting_at(db, self.market, {one.zone for one in seekings if one.zone})
        if ends_too:
            reach_m = [min(m, ENDS_WITHIN_M) for m in within_m]
            boxes = [_box(one.first, m) for one, m in zip(seekings, reach_m, strict=True)]
            named |= await supply.ending_in(db, self.market, boxes)
        return Sight(
            people=await supply.on_duty(db, self.market, self.services, self.work.now, among=named),
            within_m={one.request.id: m for one, m in zip(seekings, within_m, strict=True)},
            left_out=max(0, self.offering - len(named)),  # those at work among them
        )


def _box(place: LatLng, within_m: float) -> Box:
    """A box with everything so near to a place."""
    north = degrees(within_m / EARTH_RADIUS_M)
    east = north / max(0.01, cos(radians(place.lat)))
    return Box(place.lat - north, place.lat + north, place.lon - east, place.lon + east)
