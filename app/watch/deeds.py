"""The series of deeds: what became of offers, and how long a request waited for its first."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from domain.rules.deeds import Counted, Deed

WAITS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120)  # s; a round rests two, a patience is three minutes


class DeedSeries:
    """A witness (`Tools.witness`): it hears of what was committed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._offers = Counter(
            "coudmain_offers", "Offers, by what became of them.", ("market", "outcome"), registry=registry
        )
        self._waited = Histogram(
            "coudmain_request_to_offer_seconds",
            "From a request that may be matched to an offer of its first wave.",
            ("market",),
            registry=registry,
            buckets=WAITS,
        )

    def __call__(self, counted: Counted) -> None:
        """One deed."""
        self._offers.labels(counted.market, counted.deed.value).inc()
        if counted.deed is Deed.OFFER_CREATED and counted.waited_s is not None:
            self._waited.labels(counted.market).observe(max(0.0, counted.waited_s))
