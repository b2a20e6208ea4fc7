"""Words between the two parties, while the work is ahead or under way and for a day after it."""

from typing import Any, Final
from uuid import UUID

from domain.rules.errors import Forbidden, IllegalMove, Invalid
from domain.rules.events import EventType
from domain.rules.reviews import window_ends
from domain.rules.states import ACTIVE_ENGAGEMENT, Role
from domain.store import engagements as store
from domain.store.tables import Engagement, Message
from domain.usecases import access
from domain.usecases.views.engagements import message_view
from domain.usecases.work import Work

LONGEST: Final = 2_000  # characters: a page
OPEN_AFTER_S: Final = 24 * 3_600  # for the umbrella left on the seat


async def send_message(work: Work, engagement_id: UUID, text: str) -> dict[str, Any]:
    """Write to the other party. `IllegalMove` once the conversation is closed."""
    engagement, role = await access.engagement_of_party(work, engagement_id)
    if role is Role.OPS:
        raise Forbidden("only the two parties write to each other")
    words = text.strip()
    if not 1 <= len(words) <= LONGEST:
        raise Invalid.field(
            "/text", f"a message has 1 to {LONGEST} characters", f"un message a de 1 à {LONGEST} caractères"
        )
    if not _is_open(work, engagement):
        raise IllegalMove("this conversation is closed", state=engagement.state, verb="write")
    message = Message(
        id=work.new_id(),
        market_id=engagement.market_id,
        engagement_id=engagement.id,
        sender_id=work.actor.id,
        text=words,
        at=work.now,
    )
    work.db.add(message)
    other = engagement.provider_id if role is Role.CUSTOMER else engagement.customer_id
    view = message_view(message)
    work.emit(other, EventType.MESSAGE_CREATED, view)
    return view


async def messages_of(
    work: Work, engagement_id: UUID, *, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The conversation, oldest first, for its parties and ops."""
    engagement, _ = await access.engagement_of_party(work, engagement_id)
    rows = await store.messages_of(work.db, engagement.id, after=after, limit=limit)
    return [message_view(row) for row in rows]


def _is_open(work: Work, engagement: Engagement) -> bool:
    if engagement.state in ACTIVE_ENGAGEMENT or engagement.ended_at is None:
        return True
    return work.now <= window_ends(engagement.ended_at, OPEN_AFTER_S)
