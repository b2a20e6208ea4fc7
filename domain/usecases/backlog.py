"""How far behind the house is with what it owes: in seconds, for whoever watches."""

from dataclasses import dataclass
from datetime import datetime

from domain.store import backlog as store
from domain.usecases.work import Work


@dataclass(frozen=True, slots=True)
class Behind:
    """Ages of the oldest that waits, in seconds; 0 where nothing does. `timers` counts those due."""

    relay_s: float
    timers: int
    timers_s: float
    pushes_s: float


async def behind(work: Work) -> Behind:
    """How old the oldest unsent event, due timer and due push are. The engine's own question."""
    found = await store.backlog(work.db, work.now)
    return Behind(
        relay_s=_age_s(found.unsent_since, work.now),
        timers=found.timers_overdue,
        timers_s=_age_s(found.overdue_since, work.now),
        pushes_s=_age_s(found.pushes_since, work.now),
    )


def _age_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
