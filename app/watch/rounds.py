"""What Prometheus may read of the rounds: how many, how long, how scarce, how long the rest, what fairness cost."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from domain.usecases.dispatch import RoundReport

TOOK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0)  # s; a round is given up after fifteen


class RoundMetrics:
    """The series of the rounds of one process, by market."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by, on = ("market",), registry
        self._rounds = Counter("coudmain_rounds", "Rounds that had a request to match.", by, registry=on)
        self._failed = Counter("coudmain_rounds_failed", "Rounds that broke off.", by, registry=on)
        self._took = Histogram(
            "coudmain_round_seconds",
            "From a round's start to its commit.",
            by,
            registry=on,
            buckets=TOOK,
        )
        self._leased = Gauge(
            "coudmain_lease_held", "1 where this process has the market's lease.", by, registry=on
        )
        self._open = Gauge("coudmain_round_requests", "Requests in the last round.", by, registry=on)
        self._unserved = Gauge(
            "coudmain_round_unserved", "Of those, without anybody to ask.", by, registry=on
        )
        self._idle = Gauge("coudmain_round_idle", "Idle providers in the last round.", by, registry=on)
        self._window = Gauge("coudmain_round_window_seconds", "Rest after the last round.", by, registry=on)
        self._candidates = Gauge(
            "coudmain_round_candidates", "Providers judged for a request.", by, registry=on
        )
        self._extra = Summary(
            "coudmain_round_fairness_extra_pickup_seconds",
            "Seconds of approach more than without fairness, by round.",
            by,
            registry=on,
        )

    def observe(self, market: str, report: RoundReport, took_s: float) -> None:
        """One round. One with nothing to match says that, and no more."""
        self._open.labels(market).set(report.open)
        self._unserved.labels(market).set(report.unserved)
        if report.open == 0:
            return
        self._rounds.labels(market).inc()
        self._took.labels(market).observe(max(0.0, took_s))
        self._idle.labels(market).set(report.idle)
        self._window.labels(market).set(report.rest.window_s)
        self._candidates.labels(market).set(report.candidates)
        if report.fairness is not None:
            self._extra.labels(market).observe(report.fairness.extra_pickup_s)

    def leased(self, market: str, *, held: bool) -> None:
        """Whether this process has the market now. If not, what its last round found is another's to say."""
        self._leased.labels(market).set(held)
        if not held:
            for last in (self._open, self._unserved, self._idle, self._window, self._candidates):
                last.labels(market).set(0)

    def failed(self, market: str) -> None:
        """A round broke off; the next one comes."""
        self._failed.labels(market).inc()
