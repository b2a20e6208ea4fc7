"""What approaches were promised and took: noted at the accept, learnt from when done, reported to ops."""

import math
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import UnknownMarket
from domain.store import calibration as store
from domain.store.tables import Request
from domain.usecases.access import require_ops_of
from domain.usecases.work import Work
from geo.calibration import CALIBRATION_RES, Calibration, Kept, kept, kept_by_hour, learn
from geo.cells import cell_of, to_hex
from geo.travel import Profile

LEARNT_FROM: Final = timedelta(days=60)  # streets and habits change; a season is remembered
MOST_LEARNT_FROM: Final = 50_000  # approaches; the newest


async def promise_of(
    work: Work, provider_id: UUID, start_at: datetime | None, request: Request, spec: ServiceSpec
) -> dict[str, Any] | None:
    """What the pick-up of work that begins at once is promised to take, from where its provider is now; `None` where
    nobody knows."""
    fix = work.tools.live.of(request.market_id).newest(provider_id)
    if start_at is not None or fix is None:
        return None
    pickup, timezone = await store.pickup_of(work.db, request.id)
    city = work.tools.cities[request.market_id]
    travel = await city.travel.to_one([fix.place], pickup, Profile(spec.profile))
    seconds = float(travel.seconds[0])
    if not math.isfinite(seconds):
        return None
    return {
        "streets_s": round(float(travel.plain_s[0]), 1),
        "p50_s": round(seconds, 1),
        "p90_s": round(float(travel.slow_s[0]), 1),
        "source": travel.source,
        "calibration": travel.calibration,
        "cell": to_hex(cell_of(pickup, CALIBRATION_RES)),
        "hour": work.now.astimezone(ZoneInfo(timezone)).hour,
    }


async def learnt(work: Work, market_id: str) -> Calibration:
    """The factors that a market's finished approaches give today."""
    return learn(await store.approaches(work.db, market_id, work.now - LEARNT_FROM, MOST_LEARNT_FROM))


async def report(work: Work, market_id: str) -> dict[str, Any]:
    """How often the promises of a market's pick-ups held, overall and by local hour. For its ops."""
    require_ops_of(work.actor, market_id)
    if await store.timezone_of(work.db, market_id) is None:
        raise UnknownMarket
    found = await store.approaches(work.db, market_id, work.now - LEARNT_FROM, MOST_LEARNT_FROM)
    calibration = learn(found)
    hours = kept_by_hour(found)
    overall = kept(found)
    return {
        "market": market_id,
        "version": calibration.version,
        "observed": calibration.observed,
        "days": LEARNT_FROM.days,
        "factor_p50": math.exp(calibration.city[0]),
        "factor_p90": math.exp(calibration.city[1]),
        "overall": None if overall is None else _kept_view(overall),
        "hours": [{"hour": hour, **_kept_view(one)} for hour, one in sorted(hours.items())],
    }


def _kept_view(one: Kept) -> dict[str, Any]:
    return {
        "count": one.count,
        "within_p50": one.within_p50,
        "within_p90": one.within_p90,
        "median_ratio": one.median_ratio,
    }
