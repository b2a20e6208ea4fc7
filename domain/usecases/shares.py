"""A public link that follows a trip and dies with it."""

import base64
import hashlib
import hmac
from typing import Any, Final
from uuid import UUID

from domain.rules.catalogue import in_language
from domain.rules.errors import Forbidden, IllegalMove, NotFound
from domain.rules.states import ACTIVE_ENGAGEMENT, TRACKED_ENGAGEMENT, EngagementState, Role
from domain.rules.wire import moment
from domain.store import engagements as store
from domain.store.engagement_facts import EngagementFacts, facts_of
from domain.store.tables import Engagement, Share
from domain.usecases import access
from domain.usecases.specs import spec_of
from domain.usecases.views.engagements import first_name, vehicle_view
from domain.usecases.work import Work
from geo.live import GONE_AFTER
from geo.points import LatLng
from geo.travel import Profile

TOKEN_BYTES: Final = 18  # 144 bits, 24 characters: not to be guessed
DECIMALS: Final = 4  # of a degree: about 10 m, enough to see which street
_TOWARDS_PICKUP: Final = (EngagementState.CONFIRMED, EngagementState.EN_ROUTE, EngagementState.ARRIVED)


async def share_trip(work: Work, engagement_id: UUID) -> dict[str, Any]:
    """A link for whoever should follow the trip; its token is shown once and only its hash is kept."""
    engagement, role = await access.engagement_of_party(work, engagement_id)
    if role is Role.OPS:
        raise Forbidden("only the two parties share their trip")
    if engagement.state not in ACTIVE_ENGAGEMENT:
        raise IllegalMove("this trip is over", state=engagement.state, verb="share")
    token = base64.urlsafe_b64encode(work.tools.entropy(TOKEN_BYTES)).decode()
    work.db.add(
        Share(
            token_hash=_hash(work, token),
            engagement_id=engagement.id,
            created_by=work.actor.id,
            created_at=work.now,
        )
    )
    return {"url": f"/t/{token}", "token": token, "expires": "with the trip"}


async def follow(work: Work, token: str) -> dict[str, Any]:
    """What the holder of a link sees, without an account: `NotFound` for a wrong token and once the trip is over."""
    engagement = await _shared(work, token)
    if engagement is None:
        raise NotFound
    (facts,) = await facts_of(work.db, [engagement])
    spec = spec_of(work, facts.service)
    position = _position(work, facts)
    return {
        "state": engagement.state,
        "service": in_language(spec.name, work.actor.language),
        "provider": {
            "name": first_name(facts.provider),
            "vehicle": vehicle_view(facts.profile, plate=True),
        },
        "position": position,
        "eta_s": None if position is None else await _eta_s(work, facts, Profile(spec.profile)),
        "at": moment(work.now),
    }


async def is_followed(work: Work, token: str) -> bool:
    """Whether a link leads to a trip that is still under way."""
    return await _shared(work, token) is not None


async def _shared(work: Work, token: str) -> Engagement | None:
    engagement = await store.shared(work.db, _hash(work, token))
    return engagement if engagement is not None and engagement.state in ACTIVE_ENGAGEMENT else None


def _hash(work: Work, token: str) -> str:
    return hmac.new(work.tools.secrets.hashes, b"share:" + token.encode(), hashlib.sha256).hexdigest()


def _position(work: Work, facts: EngagementFacts) -> dict[str, Any] | None:
    """Where the provider is, to ten meters, while the trip is tracked."""
    row = facts.engagement
    if row.state not in TRACKED_ENGAGEMENT:
        return None
    point = work.tools.live.of(row.market_id).newest(row.provider_id)
    age_s = None if point is None else work.now.timestamp() - point.at
    if point is None or age_s is None or age_s > GONE_AFTER:
        return None
    return {
        "lat": round(point.lat, DECIMALS),
        "lon": round(point.lon, DECIMALS),
        "age_s": max(0, round(age_s)),
    }


async def _eta_s(work: Work, facts: EngagementFacts, profile: Profile) -> int | None:
    """Seconds to the next stop that matters: the pickup or the site, then the drop; `None` without a way."""
    city = work.tools.cities.get(facts.engagement.market_id)
    point = work.tools.live.of(facts.engagement.market_id).newest(facts.engagement.provider_id)
    if city is None or point is None or not facts.stops:
        return None
    stop = facts.stops[0 if facts.engagement.state in _TOWARDS_PICKUP else -1]
    travel = await city.travel.to_one([point.place], LatLng(stop.lat, stop.lon), profile)
    seconds = float(travel.seconds[0])
    return None if seconds == float("inf") else round(seconds)
