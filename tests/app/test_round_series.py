"""What the rounds tell Prometheus."""

from prometheus_client import CollectorRegistry

from app.watch.rounds import RoundMetrics
from domain.rules.rounds import Rest
from domain.usecases.dispatch import RoundReport
from matching.fairness import FairnessPrice

REST = Rest(6.0, at_once=False)


def test_a_round_is_counted_with_its_scarcity_and_what_fairness_cost() -> None:
    registry = CollectorRegistry()
    metrics = RoundMetrics(registry)
    price = FairnessPrice(extra_pickup_s=42.0, moved=1, most_s=240.0)
    busy = RoundReport(
        open=3, offers=1, unserved=2, round_id=None, rest=REST, idle=1, candidates=64, fairness=price
    )
    metrics.leased("monaco", held=True)
    metrics.observe("monaco", busy, took_s=0.2)
    metrics.failed("monaco")

    def told(name: str) -> float | None:
        return registry.get_sample_value(f"coudmain_{name}", {"market": "monaco"})

    assert told("rounds_total") == 1
    assert (told("round_requests"), told("round_idle"), told("round_candidates")) == (3, 1, 64)
    assert told("round_window_seconds") == 6.0
    assert (told("round_seconds_count"), told("round_seconds_sum"), told("rounds_failed_total")) == (
        1,
        0.2,
        1,
    )
    assert (told("round_unserved"), told("lease_held")) == (2, 1)
    assert told("round_fairness_extra_pickup_seconds_sum") == 42.0
    assert told("round_fairness_extra_pickup_seconds_count") == 1

    metrics.observe("monaco", RoundReport(open=0, offers=0, unserved=0, round_id=None, rest=REST), took_s=0.1)
    metrics.leased("monaco", held=False)
    assert (told("rounds_total"), told("round_seconds_count")) == (1, 1)
    assert (told("round_requests"), told("round_unserved"), told("lease_held")) == (0, 0, 0)


def test_who_has_lost_a_market_says_nothing_of_its_last_round_any_more() -> None:
    """Or the alarm of a market without supply would ring for as long as the process lives."""
    registry = CollectorRegistry()
    metrics = RoundMetrics(registry)
    scarce = RoundReport(open=20, offers=1, unserved=19, round_id=None, rest=REST, idle=1, candidates=64)
    metrics.observe("monaco", scarce, took_s=0.2)
    metrics.leased("monaco", held=False)
    for name in ("requests", "unserved", "idle", "window_seconds", "candidates"):
        assert registry.get_sample_value(f"coudmain_round_{name}", {"market": "monaco"}) == 0, name
