import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.reach import ENOUGH, STEPS_S, WIDER_EVERY_S, reach_s

travels = st.lists(st.tuples(st.floats(0, 5_000), st.none() | st.floats(0, 5_000)), max_size=80)


def within(travel: list[tuple[float, float | None]], reach: float) -> int:
    return sum(s <= reach and (own is None or s <= own) for s, own in travel)


@given(travels, st.integers(0, 40), st.floats(1, 5_000))
def test_the_search_stops_at_the_first_step_with_enough_in_reach(
    travel: list[tuple[float, float | None]], heard: int, limit: float
) -> None:
    reach = reach_s(travel, heard=heard, age_s=0.0, limit_s=limit)
    assert reach == limit or heard + within(travel, reach) >= ENOUGH
    assert all(heard + within(travel, step) < ENOUGH for step in STEPS_S if step < reach)
    assert reach <= limit


@given(travels, st.floats(0, 10_000), st.floats(0, 10_000), st.floats(1, 5_000))
def test_an_older_job_never_looks_less_far(
    travel: list[tuple[float, float | None]], age: float, more: float, limit: float
) -> None:
    younger = reach_s(travel, heard=0, age_s=age, limit_s=limit)
    assert reach_s(travel, heard=0, age_s=age + more, limit_s=limit) >= younger


@pytest.mark.parametrize(
    ("age_s", "told"), [(0.0, 600.0), (WIDER_EVERY_S, 900.0), (3 * WIDER_EVERY_S, 1_500.0)]
)
def test_a_job_that_stands_open_looks_a_step_further_every_quarter_of_an_hour(
    age_s: float, told: float
) -> None:
    assert reach_s([(60.0, None)] * ENOUGH, heard=0, age_s=age_s, limit_s=1_500.0) == told


def test_who_would_not_travel_so_far_is_not_counted() -> None:
    assert reach_s([(60.0, 30.0)] * ENOUGH, heard=0, age_s=0.0, limit_s=1_500.0) == 1_500.0
