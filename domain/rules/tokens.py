"""Proofs of who somebody is: access tokens (JWT), refresh tokens, tickets, one-time codes, keyed digests.

Pure: the caller brings the moment, the secret and the entropy.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import jwt

from domain.rules.errors import TokenExpired, TokenInvalid

ALGORITHM: Final = "HS256"
SECRET_BYTES: Final = 32  # of a refresh token or a ticket: 256 bits, beyond guessing
CODE_DIGITS: Final = 6
REMEMBERED: Final = 8_192  # tokens that were checked; about 1 KB each


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an access token says. `expires_at` and `issued_at` are Unix seconds."""

    account_id: UUID
    family_id: UUID
    issued_at: int
    expires_at: int
    token_id: UUID


def mint_access(secret: bytes, claims: Claims) -> str:
    """A signed access token."""
    payload = {
        "sub": str(claims.account_id),
        "fam": str(claims.family_id),
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "jti": str(claims.token_id),
    }
    return jwt.encode(payload, secret, algorithm=ALGORITHM)


def read_access(secret: bytes, token: str, now: datetime) -> Claims:
    """What a token says, once its signature holds; `TokenInvalid`, or `TokenExpired` from its last second on."""
    claims = _signed(secret, token)
    if now.timestamp() >= claims.expires_at:
        raise TokenExpired
    return claims


@lru_cache(maxsize=REMEMBERED)
def _signed(secret: bytes, token: str) -> Claims:
    """The claims of a token whose signature holds. Phones show the same one for a quarter of an hour, and to check it
    anew took a fifth of the time of a short answer; a refusal is not remembered."""
    # The library would compare with the machine's clock: times are judged above, against `now`.
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        said = jwt.decode(token, secret, algorithms=[ALGORITHM], options=options)
        return Claims(
            account_id=UUID(said["sub"]),
            family_id=UUID(said["fam"]),
            issued_at=int(said["iat"]),
            expires_at=int(said["exp"]),
            token_id=UUID(said["jti"]),
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError):
        raise TokenInvalid from None


def digest(key: bytes, text: str) -> str:
    """HMAC-SHA-256 in hex: what the store keeps instead of a code, a refresh token or a ticket."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one, other)


def one_time_code(entropy: bytes) -> str:
    """Six digits from eight random bytes (the bias of the remainder is below 1 in 10^13)."""
    return f"{int.from_bytes(entropy) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def write_refresh(key: bytes, family_id: UUID, nonce: str) -> str:
    """An opaque refresh token: its family, and a secret whose seal shows that we made it."""
    return f"{family_id}.{nonce}-{_seal(key, family_id, nonce)}"


def read_refresh(key: bytes, token: str) -> UUID:
    """The family of a refresh token that we made, or `TokenInvalid`.

    Whether it is the family's newest is the store's to say. A made-up token stops here, so that nobody can
    end a family by presenting a "reused" one of their own making.
    """
    family, _, secret = token.partition(".")
    nonce, _, seal = secret.rpartition("-")
    try:
        family_id = UUID(family)
    except ValueError:
        raise TokenInvalid from None
    if not seal.isascii() or not same(seal, _seal(key, family_id, nonce)):
        raise TokenInvalid
    return family_id


def _seal(key: bytes, family_id: UUID, nonce: str) -> str:
    return digest(key, f"refresh:{family_id}:{nonce}")[:32]
