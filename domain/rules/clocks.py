"""The three clocks of a person's work, and the piece of agenda that agreed work takes.

*Service* time runs from the start to the end, *activity* time from the moment one is bound to the end
(the French "temps d'activité", code du travail D. 7342-8), *connected* time while on duty. Seconds, whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AFTERWARDS: Final = timedelta(minutes=5)  # to take leave, tidy up and look at the next offer


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time `[start, end)`; an end of `None` has not come."""

    start: datetime
    end: datetime | None = None


def seconds(spell: Spell, now: datetime) -> int:
    """How long a spell has lasted at `now`; a spell that has not begun has lasted nothing."""
    return max(0, int(((spell.end or now) - spell.start).total_seconds()))


def service_s(started_at: datetime | None, ended_at: datetime | None, now: datetime) -> int:
    """Service time: from the start of the work to its end, or to now."""
    return 0 if started_at is None else seconds(Spell(started_at, ended_at), now)


def activity_s(bound_at: datetime | None, ended_at: datetime | None, now: datetime) -> int:
    """Activity time: from the moment the provider is bound to the end, or to now."""
    return 0 if bound_at is None else seconds(Spell(bound_at, ended_at), now)


def bound_at(
    confirmed_at: datetime,
    en_route_at: datetime | None,
    start_at: datetime | None,
    *,
    waits: bool = False,
    promoted_at: datetime | None = None,
) -> datetime | None:
    """When the provider's time begins to belong to the work: the acceptance, the end of the work that it waited for,
    or setting off for agreed hours. Time is counted once: what waits has not begun."""
    if start_at is not None:
        return en_route_at
    return None if waits else promoted_at or confirmed_at


def connected_s(sessions: Iterable[Spell], since: datetime, until: datetime) -> int:
    """Connected time: what the sessions on duty share with `[since, until)`. Sessions do not overlap."""
    total = timedelta()
    for session in sessions:
        start, end = max(session.start, since), min(session.end or until, until)
        total += max(timedelta(), end - start)
    return int(total.total_seconds())


def agenda(
    start_at: datetime | None, now: datetime, *, approach_s: int, duration_s: int
) -> tuple[datetime, datetime]:
    """The interval `[from, to)` that agreed work takes of an agenda: the way there, the work, five minutes.

    Work for now takes `[now, now + approach + duration + 5 min)`; work at an hour begins with the way there. Agreed
    too near to its hour, or after it, it begins with the way there all the same: late, and never in the past.
    """
    approach = timedelta(seconds=approach_s)
    wanted = now if start_at is None else start_at
    work_from = max(wanted, now + approach)
    return work_from - approach, work_from + timedelta(seconds=duration_s) + AFTERWARDS


def binds_now(start_at: datetime | None, now: datetime, lead_s: int) -> bool:
    """Whether work fills the provider's whole attention from the confirmation on: for now, or within the lead."""
    return start_at is None or start_at - now <= timedelta(seconds=lead_s)
