"""Counts that anybody may read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.crowds import STEP, coarse_count


def test_fewer_than_five_look_like_nobody() -> None:
    assert {coarse_count(count) for count in range(5)} == {None}
    assert [coarse_count(count) for count in (5, 9, 10, 61)] == [5, 5, 10, 60]


@given(count=st.integers(0, 10**6))
def test_a_count_is_never_more_than_there_are_and_never_tells_one_from_the_next_four(count: int) -> None:
    told = coarse_count(count) or 0
    assert told <= count < told + STEP


def test_less_than_nobody_is_no_count() -> None:
    with pytest.raises(ValueError, match="no count"):
        coarse_count(-1)
