"""What Prometheus may read of the rounds: how many, how scarce, how long the rest, what fairness cost."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Summary

from domain.usecases.dispatch import RoundReport


class RoundMetrics:
    """The series of the rounds of one process, by market."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by, on = ("market",), registry
        self._rounds = Counter("coudmain_rounds", "Rounds that had a request to match.", by, registry=on)
        self._open = Gauge("coudmain_round_requests", "Requests in the last round.", by, registry=on)
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

    def observe(self, market: str, report: RoundReport) -> None:
        """One round."""
        if report.open == 0:
            return
        self._rounds.labels(market).inc()
        self._open.labels(market).set(report.open)
        self._idle.labels(market).set(report.idle)
        self._window.labels(market).set(report.rest.window_s)
        self._candidates.labels(market).set(report.candidates)
        if report.fairness is not None:
            self._extra.labels(market).observe(report.fairness.extra_pickup_s)
