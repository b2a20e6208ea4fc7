"""The series of the relay's and the timekeeper's work: how much, and how late."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.store.tables import EventRow
from domain.store.timers import TimerKind

LATE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)  # s


class RelaySeries:
    """What the relay told, and how old it was."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter("coudmain_events", "Events told, by type.", ("type",), registry=registry)
        self._late = Histogram(
            "coudmain_event_age_seconds", "Age of an event when told.", registry=registry, buckets=LATE
        )

    def told(self, rows: Iterable[EventRow], now: datetime) -> None:
        """Events have gone to the bus."""
        for row in rows:
            self._events.labels(row.type).inc()
            self._late.observe(max(0.0, (now - row.at).total_seconds()))


class TimerSeries:
    """What rang, and how late."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rang = Counter(
            "coudmain_timers", "Timers that rang, by what came of it.", ("kind", "outcome"), registry=registry
        )
        self._late = Histogram(
            "coudmain_timer_late_seconds", "From due to rung.", registry=registry, buckets=LATE
        )

    def rang(self, kind: TimerKind, *, late_s: float, done: bool) -> None:
        """A timer was acted on, or put off."""
        self._rang.labels(kind.value, "done" if done else "failed").inc()
        self._late.observe(max(0.0, late_s))
