import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.whatif.city import steady_fleet
from matching.whatif.measures import HEADLINES, Measures, Meter, gini, measure, pooled
from matching.whatif.outcome import Outcome
from matching.whatif.paired import difference, standard_error
from matching.whatif.round import nearest
from matching.whatif.simulate import Rules, simulate
from tests.matching.whatif.town import cars_at, learnt_of, town, town_day

METER = Meter()
RULES = Rules(window_s=60.0)


def outcome(cars: int = 4, trips: int = 150) -> Outcome:
    city = town(trips)
    day, learnt = city.days[1], learnt_of(city)
    fleet = steady_fleet(cars, city.days[:1], np.random.default_rng(1))
    fares = METER.fares(day.crow_m, day.driven_m, learnt.travel.detour)
    return simulate(day, fleet, learnt, nearest, fares, rules=RULES)


def nothing() -> Outcome:
    """A day without a request, and without a car."""
    city = town(150)
    return simulate(
        town_day("2026-03-06", 0, 1), cars_at(), learnt_of(city), nearest, np.empty(0), rules=RULES
    )


def test_a_day_s_figures_add_up() -> None:
    of = outcome()
    told = measure(of, METER)
    assert told["served"] == of.served.sum()
    assert told["service_rate"] == pytest.approx(told["served"] / told["requests"], abs=1e-5)
    for name in ("service_by_distance", "service_by_zone", "service_by_hour"):
        assert sum(group["requests"] for group in told[name].values()) == told["requests"], name
        assert sum(group["served"] for group in told[name].values()) == told["served"], name
    for name in ("offers_per_chance_by_zone", "offers_per_chance_by_seniority"):
        assert sum(group["offers"] for group in told[name].values()) == told["served"], name
        assert all(group["offers"] <= group["chances"] for group in told[name].values()), name
    assert sum(told["wait_histogram"]) == told["served"]
    assert told["dead_km_per_trip"] >= told["pickup_km_per_trip"]
    assert 0 < told["dead_share_of_km"] < 1
    assert told["mean_wait_s"] <= told["p95_wait_s"]
    assert told["net_per_hour_p10"] <= told["net_per_hour_p50"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_day_without_requests_has_no_figures_and_no_division_by_zero() -> None:
    told = measure(nothing(), METER)
    assert (told["requests"], told["served"]) == (0, 0)
    assert all(told[name] is None for name in HEADLINES)
    assert json.dumps(told, allow_nan=False)
    assert pooled([told, told])["mean_wait_s"] is None


def test_a_fare_follows_the_recorded_length_and_never_less_than_the_straight_line() -> None:
    crow, driven = np.array([1_000.0, 1_000.0, 1_000.0]), np.array([np.nan, 1_500.0, 500.0])
    assert Meter(base=100.0, per_km=100.0).fares(crow, driven, 1.3).tolist() == [230.0, 250.0, 200.0]


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=20))
def test_gini_is_the_mean_difference_of_two_over_twice_the_mean(amounts: list[float]) -> None:
    values = np.array(amounts)
    found = gini(values)
    if values.sum() <= 0:
        assert found is None
        return
    apart = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    assert found == pytest.approx(apart, abs=1e-6)


def test_where_nobody_has_anything_nobody_has_more() -> None:
    assert gini(np.empty(0)) is None
    assert gini(np.full(5, 3.0)) == pytest.approx(0.0)


def test_several_days_are_one_with_counts_added_and_rates_anew() -> None:
    one, other = measure(outcome(trips=150), METER), measure(outcome(trips=60), METER)
    both = pooled([one, other, measure(nothing(), METER)])
    assert both["served"] == one["served"] + other["served"]
    assert both["mean_wait_s"] == pytest.approx((one["mean_wait_s"] + other["mean_wait_s"]) / 2)
    group = both["service_by_distance"]["4-8 km"]
    assert group["requests"] == sum(day["service_by_distance"]["4-8 km"]["requests"] for day in (one, other))
    assert group["service_rate"] == pytest.approx(group["served"] / group["requests"], abs=1e-5)
    assert len(both["wait_histogram"]) == len(one["wait_histogram"])


def figures(value: float | None) -> Measures:
    return dict.fromkeys(HEADLINES, value)


def test_a_difference_is_paired_by_day_after_its_seeds_are_averaged() -> None:
    one = {("d1", 1): figures(3.0), ("d1", 2): figures(5.0), ("d2", 1): figures(7.0), ("d2", 2): figures(7.0)}
    other = dict.fromkeys(one, figures(1.0))
    told = difference(one, other)
    assert (told["paired_over"], told["pairs"]) == ("days", 2)
    assert told["service_rate"]["difference"] == 4.5  # days: 3 and 6
    assert told["service_rate"]["se"] == pytest.approx(np.std([3.0, 6.0], ddof=1) / np.sqrt(2), abs=1e-4)


def test_one_day_is_paired_over_its_seeds_and_one_pair_has_no_error() -> None:
    seeds = {("d1", 1): figures(3.0), ("d1", 2): figures(5.0)}
    told = difference(seeds, dict.fromkeys(seeds, figures(1.0)))
    assert (told["paired_over"], told["pairs"], told["gini"]["difference"]) == ("seeds", 2, 3.0)
    alone = difference({("d1", 1): figures(3.0)}, {("d1", 1): figures(1.0)})
    assert alone["gini"] == {"difference": 2.0, "se": None}


def test_a_figure_that_one_side_lacks_is_compared_with_nothing() -> None:
    told = difference({("d1", 1): figures(None)}, {("d1", 1): figures(1.0)})
    assert told["gini"] == {"difference": None, "se": None}
    assert standard_error([1.0, 1.0, 1.0]) == 0.0
