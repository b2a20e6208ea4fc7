"""How values look on the wire: ids in order of their moment, times in UTC, signatures over the same bytes."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules import money as amounts
from domain.rules.ids import parse_id, uuid7
from domain.rules.signing import canonical, sign, verifies
from domain.rules.wire import maybe_moment, moment, money

moments = st.integers(0, (1 << 48) - 1)
chance = st.binary(min_size=10, max_size=10)


@given(moments, chance)
def test_an_id_is_a_uuid_of_version_seven_that_says_when_it_was_made(at_ms: int, entropy: bytes) -> None:
    made = uuid7(at_ms, entropy)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == at_ms
    assert parse_id(str(made)) == made


@given(moments, moments, chance, chance)
def test_ids_sort_by_their_moment(a_ms: int, b_ms: int, of_a: bytes, of_b: bytes) -> None:
    if a_ms != b_ms:
        assert (uuid7(a_ms, of_a) < uuid7(b_ms, of_b)) == (a_ms < b_ms)


@given(moments, chance, st.integers(0, 73))
def test_no_bit_of_the_chance_is_lost_but_the_six_that_do_not_fit(
    at_ms: int, entropy: bytes, bit: int
) -> None:
    other = (int.from_bytes(entropy) ^ (1 << bit)).to_bytes(10)
    assert uuid7(at_ms, entropy) != uuid7(at_ms, other)


@pytest.mark.parametrize(("at_ms", "size"), [(-1, 10), (1 << 48, 10), (0, 9), (0, 11)])
def test_an_id_of_no_moment_or_of_the_wrong_chance_is_refused(at_ms: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"48 bits|10 are needed"):
        uuid7(at_ms, bytes(size))


@pytest.mark.parametrize("text", ["", "me", "01a218b9-09c3-7000-8000-087cdbdcf16", "1" * 33])
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse_id(text) is None


def test_a_moment_is_told_in_utc_to_the_millisecond() -> None:
    at = datetime(2026, 5, 1, 10, 30, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    assert moment(at) == maybe_moment(at) == "2026-05-01T08:30:00.123Z"
    assert moment(datetime(2026, 5, 1, tzinfo=UTC)) == "2026-05-01T00:00:00.000Z"
    assert maybe_moment(None) is None


def test_a_moment_without_a_zone_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="time zone"):
        moment(datetime(2026, 5, 1, tzinfo=UTC).replace(tzinfo=None))


def test_money_is_minor_units_and_its_currency() -> None:
    told = {"amount": 1_250, "currency": "EUR"}
    assert money(1_250, "EUR") == amounts.Money(amounts.Cents(1_250), "EUR").as_json() == told


def test_the_same_data_has_the_same_signature_in_whatever_order_it_is_said() -> None:
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert sign(b"key", {"b": 1, "a": 2}) == sign(b"key", {"a": 2, "b": 1})


def test_other_data_another_key_or_another_signature_is_refused() -> None:
    quote = {"price": 1_250, "policy": "p-1"}
    signed = sign(b"key", quote)
    assert verifies(b"key", quote, signed)
    assert not verifies(b"key", {**quote, "price": 1}, signed)
    assert not verifies(b"other", quote, signed)
    assert not verifies(b"key", quote, signed[:-1])
