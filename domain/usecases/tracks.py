"""The way driven: written only while the engagement runs, shown to its parties, erased by rule with a receipt."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from domain.rules.states import ACTIVE_ENGAGEMENT
from domain.store import tracks as store
from domain.store.tables import Engagement
from domain.usecases import access
from domain.usecases.views.timeline import track_view
from domain.usecases.work import Work
from geo.live import Fix


async def append(work: Work, fixes: Mapping[tuple[UUID, str], Sequence[Fix]]) -> None:
    """Keep fixes, by `(engagement, market)`, taken while it was en route, arrived or in progress; of any other nothing
    is written."""
    await store.append(work.db, fixes)


async def track_of(work: Work, engagement_id: UUID) -> dict[str, Any]:
    """The track as a GeoJSON LineString, for the two parties and ops.

    Fewer than two points make no line: it is empty. Once erased the answer stays 200 and empty, and `receipt` says
    what was erased and when: there was something, and it is gone.
    """
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    points = await store.points_of(work.db, engagement.id)
    receipts = await store.receipts_of(work.db, engagement.id)
    return track_view(engagement, points, receipts)


async def on_track_erase(work: Work, engagement_id: UUID) -> None:
    """The kept time is over: delete the track and write the receipt. Twice does nothing."""
    engagement = await work.db.get(Engagement, engagement_id, populate_existing=True, with_for_update=True)
    if engagement is None or engagement.track_erased_at is not None or engagement.state in ACTIVE_ENGAGEMENT:
        return
    await store.erase(work.db, work.new_id(), engagement.id, engagement.market_id, work.now)
    engagement.track_erased_at = work.now
