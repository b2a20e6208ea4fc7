"""Signatures over frozen values: a quote that was not made here is refused. HMAC-SHA256 over canonical JSON."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def canonical(data: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no spaces: the same data gives the same bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(key: bytes, data: Mapping[str, Any]) -> str:
    """The signature of some data, in hex."""
    return hmac.new(key, canonical(data), hashlib.sha256).hexdigest()


def verifies(key: bytes, data: Mapping[str, Any], signature: str) -> bool:
    """Whether the signature is ours; compared in constant time."""
    return hmac.compare_digest(sign(key, data), signature)
