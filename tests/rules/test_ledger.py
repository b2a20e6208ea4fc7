"""Double entry: every transaction sums to zero, and refunds never give back more than was taken."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.ledger import COMMISSION, PSP, Leg, capture_legs, fee_back, provider_account, refund_legs
from domain.rules.money import share

PROVIDER = UUID(int=7)
cents = st.integers(min_value=1, max_value=10_000_000)
points = st.integers(min_value=0, max_value=9_999)


@given(gross=cents, commission=points)
def test_a_capture_sums_to_zero_and_takes_the_whole(gross: int, commission: int) -> None:
    legs = capture_legs(PROVIDER, gross, share(gross, commission))
    assert sum(leg.cents for leg in legs) == 0
    assert Leg(PSP, -gross) in legs
    assert all(leg.cents for leg in legs)


@given(gross=cents, commission=points, cuts=st.lists(cents, max_size=8))
def test_any_cuts_of_a_refund_sum_to_zero_and_end_where_they_began(
    gross: int, commission: int, cuts: list[int]
) -> None:
    fee = share(gross, commission)
    books = {leg.account: leg.cents for leg in capture_legs(PROVIDER, gross, fee)}
    refunded = 0
    for cut in (*cuts, gross):  # the last one asks for whatever is left
        amount = min(cut, gross - refunded)
        if amount == 0:
            break
        back = fee_back(captured=gross, fee=fee, refunded=refunded, amount=amount)
        legs = refund_legs(PROVIDER, amount, back)
        assert sum(leg.cents for leg in legs) == 0
        for leg in legs:
            books[leg.account] = books.get(leg.account, 0) + leg.cents
        refunded += amount
        assert 0 <= books.get(COMMISSION, 0) <= fee
        assert 0 <= books.get(provider_account(PROVIDER), 0) <= gross - fee
    assert set(books.values()) == {0}, "a full refund, in any cuts, leaves nothing anywhere"


@pytest.mark.parametrize(("gross", "fee"), [(100, 101), (100, -1), (0, 0)])
def test_a_fee_that_does_not_fit_is_refused(gross: int, fee: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        capture_legs(PROVIDER, gross, fee)
    with pytest.raises(ValueError, match="does not fit"):
        refund_legs(PROVIDER, gross, fee)


@pytest.mark.parametrize("amount", [0, -1, 51])
def test_more_than_is_left_cannot_go_back(amount: int) -> None:
    with pytest.raises(ValueError, match="cannot refund"):
        fee_back(captured=100, fee=20, refunded=50, amount=amount)
