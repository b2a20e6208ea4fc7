"""Four digits and five stars."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.pins import PIN_ENTROPY, PIN_TRIES, lock_left_s, new_pin, same_pin, tries_left
from domain.rules.reviews import PRIOR_MEAN, bayesian, window_ends


@given(st.binary(min_size=PIN_ENTROPY, max_size=PIN_ENTROPY))
def test_a_pin_is_four_digits(entropy: bytes) -> None:
    pin = new_pin(entropy)
    assert len(pin) == 4
    assert pin.isdecimal()
    assert same_pin(pin, pin)
    assert not same_pin(pin + "0", pin)


def test_a_pin_wants_enough_chance() -> None:
    with pytest.raises(ValueError, match="random bytes"):
        new_pin(b"12")


def test_tries_run_out_and_never_below_nothing() -> None:
    assert [tries_left(n) for n in (0, 1, PIN_TRIES, PIN_TRIES + 3)] == [5, 4, 0, 0]


def test_what_is_left_of_a_lock_is_told_in_whole_seconds_and_never_as_nothing() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    left = [lock_left_s(now + timedelta(seconds=seconds), now) for seconds in (60, 39.5, 0.1, 0, -3)]
    assert left == [60, 40, 1, 1, 1]
    assert lock_left_s(None, now) == 1


@given(stars=st.lists(st.integers(1, 5), max_size=200), prior=st.floats(1, 5))
def test_an_average_lies_between_the_stars_and_the_markets_mean(stars: list[int], prior: float) -> None:
    average = bayesian(len(stars), sum(stars), prior)
    low, high = min([*stars, prior]), max([*stars, prior])
    assert low - 0.01 <= average <= high + 0.01


def test_one_lone_five_does_not_outrank_fifty_good_ones() -> None:
    assert bayesian(1, 5, PRIOR_MEAN) < bayesian(50, 240, PRIOR_MEAN)
    assert bayesian(0, 0, PRIOR_MEAN) == PRIOR_MEAN


@pytest.mark.parametrize(("count", "total"), [(-1, 0), (2, 1), (1, 6)])
def test_impossible_sums_are_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="cannot add up"):
        bayesian(count, total, PRIOR_MEAN)


def test_a_window_ends_when_it_says() -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert window_ends(noon, 60) == noon + timedelta(minutes=1)
