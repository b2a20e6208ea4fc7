"""Whose token a request carries, read once: the limits need the account before any row is read."""

from starlette.datastructures import Headers
from starlette.types import Scope

from domain.rules.errors import Refusal, TokenInvalid
from domain.rules.tokens import Claims, read_access
from domain.usecases.work import Tools

LONGEST_TOKEN = 2_000  # ours have about 330 characters


def read_bearer(scope: Scope, tools: Tools) -> Claims | Refusal | None:
    """The claims of the `Authorization` header, why they cannot be believed, or `None` without one."""
    header = Headers(scope=scope).get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or len(token) > LONGEST_TOKEN:
        return TokenInvalid("send `Authorization: Bearer <access token>`")
    try:
        return read_access(tools.secrets.tokens, token.strip(), tools.clock.now())
    except Refusal as refusal:
        return refusal


def bearer_of(scope: Scope) -> Claims | Refusal | None:
    """What `read_bearer` found for this request."""
    found: Claims | Refusal | None = scope.get("state", {}).get("bearer")
    return found


def remember_bearer(scope: Scope, found: Claims | Refusal | None) -> None:
    """Keep it for `bearer_of`."""
    scope.setdefault("state", {})["bearer"] = found
