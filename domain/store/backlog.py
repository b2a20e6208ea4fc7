"""What waits to be done, in one query: events nobody has told yet, timers that are due, pushes to carry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.store.tables import EventRow, PushRow, Timer

COUNTED: Final = 10_000  # timers at most: past that the number is only bigger, and counting it costs


@dataclass(frozen=True, slots=True)
class Backlog:
    """The oldest moment of each kind, `None` where nothing waits; and how many timers are due."""

    unsent_since: datetime | None
    timers_overdue: int
    overdue_since: datetime | None
    pushes_since: datetime | None


async def backlog(db: AsyncSession, now: datetime) -> Backlog:
    """What waits now. Reads three partial or small indexes, never a table."""
    due = select(Timer.id).where(Timer.due_at <= now).limit(COUNTED).subquery()
    statement = select(
        select(func.min(EventRow.at)).where(EventRow.sent.is_(False)).scalar_subquery(),
        select(func.count()).select_from(due).scalar_subquery(),
        select(func.min(Timer.due_at)).where(Timer.due_at <= now).scalar_subquery(),
        select(func.min(PushRow.next_at))
        .where(PushRow.state == "waiting", PushRow.next_at <= now)
        .scalar_subquery(),
    )
    unsent, count, overdue, pushes = (await db.execute(statement)).one()
    return Backlog(unsent, count, overdue, pushes)
