"""How rounds are run: a market's settings, the rest between rounds, candidates, and income per active hour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.errors import Invalid
from domain.rules.rounds import (
    USUAL,
    RoundSettings,
    candidates_for,
    income_per_hour,
    read_round_settings,
    rest_after,
)

counts = st.integers(0, 500)


def test_a_market_that_says_nothing_has_the_usual_settings() -> None:
    assert read_round_settings({}) == USUAL
    assert USUAL.fairness_most_s == 240.0


def test_a_market_may_say_its_own() -> None:
    own = read_round_settings({"dispatch": {"fairness_s": 0, "window_most_s": 4}})
    assert own == RoundSettings(fairness_s=0.0, window_most_s=4.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fairnes_s": 60},
        {"fairness_s": "much"},
        {"fairness_s": -1},
        {"candidates": 8},
        {"candidates_scarce": 8},
        {"candidates_ample": 0},
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        read_round_settings({"dispatch": wrong})


def test_an_income_is_known_from_an_hour_of_work_on() -> None:
    assert income_per_hour(5_000, 3_599.0) is None
    assert income_per_hour(5_000, 7_200.0) == 2_500.0


def test_in_plenty_and_in_quiet_a_request_is_matched_at_once() -> None:
    assert rest_after(requests=0, idle=0, usual_s=2.0).at_once
    assert rest_after(requests=4, idle=20, usual_s=2.0).at_once
    assert not rest_after(requests=4, idle=19, usual_s=2.0).at_once


def test_the_scarcer_supply_is_the_longer_requests_are_gathered() -> None:
    assert rest_after(requests=10, idle=10, usual_s=2.0).window_s == 2.0
    assert rest_after(requests=10, idle=5, usual_s=2.0).window_s == 4.0
    assert rest_after(requests=50, idle=1, usual_s=2.0).window_s == 10.0


def test_with_nobody_idle_there_is_nothing_to_gather_for() -> None:
    assert rest_after(requests=50, idle=0, usual_s=2.0).window_s == 2.0


@given(counts, counts, st.floats(0.01, 60.0))
def test_a_rest_is_never_under_the_usual_and_never_over_the_longest(
    requests: int, idle: int, usual_s: float
) -> None:
    rest = rest_after(requests=requests, idle=idle, usual_s=usual_s)
    assert usual_s <= rest.window_s <= max(usual_s, USUAL.window_most_s)


def test_candidates_are_few_in_plenty_and_many_where_they_are_contended_for() -> None:
    assert [candidates_for(requests=10, idle=idle) for idle in (50, 49, 20, 19, 0)] == [16, 32, 32, 64, 64]


@given(st.integers(1, 100), counts, counts)
def test_more_supply_never_asks_for_more_candidates(requests: int, few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert candidates_for(requests=requests, idle=few) >= candidates_for(requests=requests, idle=more)
