"""What Prometheus may read: requests by route and status, how long they took, what refused them."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # s; the usual web steps
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The API's own series, on a registry that other rooms may share."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self.requests = Counter(
            "coudmain_http_requests", "HTTP requests answered.", labels, registry=registry
        )
        self.seconds = Histogram(
            "coudmain_http_request_seconds",
            "Time to answer.",
            ("method", "route"),
            registry=registry,
            buckets=BUCKETS,
        )
        self.in_flight = Gauge("coudmain_http_in_flight", "Requests being answered now.", registry=registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request. Routes are templates and methods the known ones, so the series stay few."""
        known = method if method in METHODS else "OTHER"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(known, route).observe(seconds)
