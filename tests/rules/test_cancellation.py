"""What leaving costs: never above the price, and never anything when it is not the customer who leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.cancellation import Leaving, fee, no_show_fee
from domain.rules.catalogue import Cancellation
from domain.rules.states import EngagementState, Role

RULE = Cancellation(free_s=120, late_cents=400, arrived_cents=800)
S = EngagementState
cents = st.integers(min_value=0, max_value=1_000_000)
seconds = st.floats(min_value=0, max_value=1e7)
rules = st.builds(Cancellation, free_s=st.integers(0, 10_000), late_cents=cents, arrived_cents=cents)
leavings = st.builds(
    Leaving,
    state=st.sampled_from(S),
    role=st.sampled_from(Role),
    price=cents,
    since_confirmed_s=seconds,
    before_start_s=seconds,
    since_started_s=seconds,
    planned_s=seconds,
)


@given(rule=rules, leaving=leavings)
def test_a_fee_is_never_above_the_price_nor_below_nothing(rule: Cancellation, leaving: Leaving) -> None:
    assert 0 <= fee(rule, leaving) <= leaving.price


@given(rule=rules, leaving=leavings)
def test_only_the_customers_own_leaving_costs_the_customer(rule: Cancellation, leaving: Leaving) -> None:
    if leaving.role is not Role.CUSTOMER:
        assert fee(rule, leaving) == 0


@given(rule=rules, price=cents, role=st.sampled_from(Role))
def test_a_no_show_never_costs_more_than_the_price(rule: Cancellation, price: int, role: Role) -> None:
    assert 0 <= no_show_fee(rule, role, price) <= price


def leaving(state: EngagementState, since_confirmed_s: float = 0, **more: float) -> Leaving:
    return Leaving(state, Role.CUSTOMER, 2_000, since_confirmed_s, **more)


@pytest.mark.parametrize(
    ("case", "owed"),
    [
        (leaving(S.CONFIRMED, 120), 0),
        (leaving(S.CONFIRMED, 121), 400),
        (leaving(S.EN_ROUTE, 60), 0),
        (leaving(S.EN_ROUTE, 600), 400),
        (leaving(S.ARRIVED, 60), 800),
        (leaving(S.ARRIVED, 600, before_start_s=900), 800),
        (leaving(S.ARRIVED, 600, before_start_s=901), 400),
        (leaving(S.ARRIVED, 60, before_start_s=18_000), 0),
        (leaving(S.IN_PROGRESS, 900, since_started_s=60, planned_s=600), 800),
        (leaving(S.IN_PROGRESS, 900, since_started_s=300, planned_s=600), 1_000),
        (leaving(S.IN_PROGRESS, 900, since_started_s=900, planned_s=600), 2_000),
        (leaving(S.IN_PROGRESS, 900, since_started_s=1, planned_s=0), 2_000),
        (leaving(S.COMPLETED, 900), 0),
    ],
)
def test_the_fee_follows_how_far_things_had_come(case: Leaving, owed: int) -> None:
    assert fee(RULE, case) == owed


def test_whoever_waited_in_vain_is_paid_and_whoever_was_not_there_is_not() -> None:
    assert no_show_fee(RULE, Role.PROVIDER, 2_000) == 800
    assert no_show_fee(RULE, Role.CUSTOMER, 2_000) == 0
