"""Everything that happened on one engagement, as one of its readers may know it."""

from typing import Any, Final
from uuid import UUID

from domain.rules.states import Role
from domain.store import engagements as store
from domain.store import money, tracks
from domain.usecases import access
from domain.usecases.views.timeline import timeline_view
from domain.usecases.work import Work

MOST_MESSAGES: Final = 500  # in a timeline; `GET …/messages` pages through the rest
MOST_EVENTS: Final = 500  # an engagement makes a dozen


async def timeline_of(work: Work, engagement_id: UUID) -> list[dict[str, Any]]:
    """Events, deeds, messages, money and erasures in one list by time.

    The events are those of the reader's own stream (for ops, the customer's) as long as they are kept.
    """
    engagement, role = await access.engagement_of_party(work, engagement_id)
    reader = engagement.customer_id if role is Role.OPS else access.require_account(work.actor)
    return timeline_view(
        engagement,
        role,
        events=await store.events_about(work.db, reader, engagement.id, MOST_EVENTS),
        actions=await store.actions_of(work.db, engagement.id),
        messages=await store.messages_of(work.db, engagement.id, after=None, limit=MOST_MESSAGES),
        payments=await money.of_engagements(work.db, [engagement.id]),
        entries=await money.entries_of(work.db, engagement.id),
        erasures=await tracks.receipts_of(work.db, engagement.id),
    )
