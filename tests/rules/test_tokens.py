"""Tokens, digests, codes and phone numbers."""

from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.errors import Invalid, TokenExpired, TokenInvalid
from domain.rules.phones import read_phone
from domain.rules.tokens import (
    Claims,
    digest,
    mint_access,
    one_time_code,
    read_access,
    read_refresh,
    same,
    write_refresh,
)

SECRET, KEY = b"s" * 32, b"k" * 32
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WHO, FAMILY = UUID(int=1), UUID(int=2)


def claims(issued: int = 1_777_896_000) -> Claims:
    return Claims(
        account_id=WHO, family_id=FAMILY, issued_at=issued, expires_at=issued + 900, token_id=UUID(int=3)
    )


def test_a_token_says_what_it_was_given() -> None:
    made = claims(int(NOON.timestamp()))
    assert read_access(SECRET, mint_access(SECRET, made), NOON) == made


def test_a_token_ends_at_its_second_and_not_by_the_machines_clock() -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    token = mint_access(SECRET, claims(int(long_ago.timestamp())))
    assert read_access(SECRET, token, long_ago).account_id == WHO
    with pytest.raises(TokenExpired):
        read_access(SECRET, token, datetime(2001, 1, 1, 0, 15, tzinfo=UTC))


@pytest.mark.parametrize("missing", ["sub", "fam", "iat", "exp", "jti"])
def test_a_token_without_a_claim_is_no_token(missing: str) -> None:
    said = jwt.decode(mint_access(SECRET, claims()), options={"verify_signature": False})
    del said[missing]
    with pytest.raises(TokenInvalid):
        read_access(SECRET, jwt.encode(said, SECRET, algorithm="HS256"), NOON)


def test_a_token_of_another_secret_or_of_none_is_refused() -> None:
    unsigned = jwt.encode({"sub": str(WHO)}, "", algorithm="none")
    for token in (mint_access(b"x" * 32, claims()), unsigned, "", "a.b.c", "é"):
        with pytest.raises(TokenInvalid):
            read_access(SECRET, token, NOON)


def test_what_was_believed_once_is_not_believed_by_another_secret() -> None:
    token = mint_access(SECRET, claims())
    assert read_access(SECRET, token, NOON) == read_access(SECRET, token, NOON)
    with pytest.raises(TokenInvalid):
        read_access(b"x" * 32, token, NOON)


@given(st.text(max_size=60))
def test_only_our_own_refresh_tokens_name_a_family(text: str) -> None:
    with pytest.raises(TokenInvalid):
        read_refresh(KEY, text)
    with pytest.raises(TokenInvalid):
        read_refresh(KEY, f"{FAMILY}.{text}")


def test_a_refresh_token_names_its_family_to_whoever_made_it() -> None:
    token = write_refresh(KEY, FAMILY, "nonce-with_dashes")
    assert read_refresh(KEY, token) == FAMILY
    for forged in (token[:-1], token.replace("nonce", "other"), token.replace(str(FAMILY), str(WHO))):
        with pytest.raises(TokenInvalid):
            read_refresh(KEY, forged)
    with pytest.raises(TokenInvalid):
        read_refresh(b"x" * 32, token)


@given(st.binary(min_size=8, max_size=8))
def test_a_code_is_six_digits(entropy: bytes) -> None:
    code = one_time_code(entropy)
    assert len(code) == 6
    assert code.isdecimal()


def test_a_digest_depends_on_key_and_text() -> None:
    assert same(digest(KEY, "a"), digest(KEY, "a"))
    assert not same(digest(KEY, "a"), digest(KEY, "b"))
    assert not same(digest(KEY, "a"), digest(SECRET, "a"))


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+33612345678", "+33612345678"),
        (" +33 (0)6 12 34 56 78 ", "+33612345678"),
        ("00377-93.10.00.00", "+37793100000"),
        ("+1 (415) 555/2671", "+14155552671"),
    ],
)
def test_a_number_is_written_one_way(typed: str, number: str) -> None:
    assert read_phone(typed) == number
    assert read_phone(number) == number


@pytest.mark.parametrize(
    "typed", ["", "+", "+0123456789", "0612345678", "+3361234567890123", "+٣٣٦١٢٣٤٥٦٧٨", "+33612\x00345"]
)
def test_what_is_not_e164_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        read_phone(typed)
