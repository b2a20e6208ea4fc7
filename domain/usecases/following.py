"""Following an engagement: who may, while what, and how long until its provider is there."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from domain.rules.catalogue import read_spec
from domain.rules.errors import IllegalMove
from domain.rules.states import ACTIVE_ENGAGEMENT, TRACKED_ENGAGEMENT, EngagementState
from domain.store import following as store
from domain.store.accounts import ops_among
from domain.store.following import ActiveWork
from domain.usecases import access
from domain.usecases.work import Tools, Work
from geo.points import LatLng
from geo.travel import Profile


@dataclass(frozen=True, slots=True)
class Following:
    """An engagement to follow. Its provider shows only while `tracked`; `target` is where they are heading."""

    engagement_id: UUID
    market: str
    customer_id: UUID
    provider_id: UUID
    tracked: bool
    there: bool  # arrived: nothing left to go
    target: LatLng | None
    profile: Profile

    @property
    def parties(self) -> frozenset[UUID]:
        return frozenset({self.customer_id, self.provider_id})


async def follow(work: Work, engagement_id: UUID) -> Following:
    """For its two parties and ops, until it is over (`IllegalMove` after)."""
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    if engagement.state not in ACTIVE_ENGAGEMENT:
        raise IllegalMove("this engagement is over", state=engagement.state)
    found = await still(work, [engagement.id])
    if engagement.id not in found:
        raise IllegalMove("this engagement is over")
    return found[engagement.id]


async def still(work: Work, engagements: Collection[UUID]) -> dict[UUID, Following]:
    """Those that are not over, as they are now. For the engine, on behalf of those `follow` let in."""
    return {key: _following(one) for key, one in (await store.active(work.db, engagements)).items()}


async def still_allowed(work: Work, following: Following, accounts: Collection[UUID]) -> set[UUID]:
    """Those of these accounts that may still follow it: its parties always, others as staff of its market."""
    others = set(accounts) - following.parties
    staff = await ops_among(work.db, others, following.market) if others else set()
    return set(accounts) & following.parties | staff


async def eta_s(tools: Tools, following: Following, place: LatLng) -> float | None:
    """Seconds by road from a place to where the provider is heading; `None` when there is no such place."""
    if following.there:
        return 0.0
    city = tools.cities.get(following.market)
    if following.target is None or city is None:
        return None
    travel = await city.travel.from_one(place, [following.target], following.profile)
    seconds = float(travel.seconds[0])
    return seconds if math.isfinite(seconds) else None


def _following(work: ActiveWork) -> Following:
    state = EngagementState(work.state)
    under_way = state is EngagementState.IN_PROGRESS
    target = None
    if work.places and not under_way:
        target = work.places[0]
    elif len(work.places) > 1:
        target = work.places[-1]
    return Following(
        engagement_id=work.engagement_id,
        market=work.market,
        customer_id=work.customer_id,
        provider_id=work.provider_id,
        tracked=state in TRACKED_ENGAGEMENT,
        there=state is EngagementState.ARRIVED,
        target=target,
        profile=Profile(read_spec(work.spec).profile),
    )
