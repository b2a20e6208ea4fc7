"""What an offer says before it is answered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.catalogue import ServiceSpec, read_spec
from domain.rules.terms import APPROACH_STEP_S, Terms, terms

JOB = {
    "slug": "odd-job",
    "name": "Odd job",
    "allocator": "call",
    "price_rule": {"kind": "quote", "commission_bp": 1_500},
}


@pytest.fixture(scope="module")
def odd_job() -> ServiceSpec:
    return read_spec(JOB)


@given(
    price=st.integers(0, 1_000_000),
    seconds=st.floats(0, 7_200),
    meters=st.floats(0, 60_000),
    duration=st.integers(0, 86_400),
)
def test_the_money_adds_up_and_the_way_is_coarse(
    odd_job: ServiceSpec, price: int, seconds: float, meters: float, duration: int
):
    told = terms(
        odd_job, price_cents=price, distance_m=0, duration_s=duration, approach_s=seconds, approach_m=meters
    )
    assert told.fee_cents + told.net_cents == price
    assert told.approach_s is not None
    assert told.approach_s % APPROACH_STEP_S == 0
    assert 0 <= told.approach_s - seconds <= APPROACH_STEP_S
    assert told.approach_m is not None
    assert told.approach_m % 250 == 0
    assert told.free_in_s is None
    assert Terms.read({**told.as_json(), "over_budget": True}) == told


@given(seconds=st.floats(0.001, 600))
def test_what_is_left_of_a_trip_is_told_in_whole_seconds_up_and_changes_no_money(
    odd_job: ServiceSpec, seconds: float
):
    def told(free_in_s: float) -> Terms:
        return terms(
            odd_job,
            price_cents=2_000,
            distance_m=0,
            duration_s=600,
            approach_s=60.0,
            approach_m=400.0,
            free_in_s=free_in_s,
        )

    after = told(seconds)
    assert after.free_in_s is not None
    assert 0 <= after.free_in_s - seconds < 1
    assert replace(after, free_in_s=None) == told(0.0)


def test_an_hours_work_next_door_leaves_almost_its_price_by_the_hour(odd_job: ServiceSpec):
    told = terms(odd_job, price_cents=4_000, distance_m=0, duration_s=3_540, approach_s=0, approach_m=0)
    assert told.net_per_hour_cents == told.net_cents == 3_400


def test_a_way_nobody_knows_is_not_made_up(odd_job: ServiceSpec):
    told = terms(odd_job, price_cents=4_000, distance_m=0, duration_s=3_600, approach_s=None, approach_m=None)
    assert (told.approach_s, told.approach_m) == (None, None)
