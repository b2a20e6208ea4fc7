"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by the moment they were made."""

from typing import Final
from uuid import UUID

_VERSION: Final = 0x7
_VARIANT: Final = 0b10


def uuid7(unix_ms: int, entropy: bytes) -> UUID:
    """Build a UUIDv7 from a time in milliseconds and ten random bytes."""
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"unix_ms {unix_ms} does not fit in 48 bits")
    if len(entropy) != 10:
        raise ValueError(f"entropy has {len(entropy)} bytes, 10 are needed")
    rand = int.from_bytes(entropy)
    rand_a, rand_b = (rand >> 62) & 0xFFF, rand & ((1 << 62) - 1)
    return UUID(int=(unix_ms << 80) | (_VERSION << 76) | (rand_a << 64) | (_VARIANT << 62) | rand_b)


def parse_id(text: str) -> UUID | None:
    """Read an id a client sent; `None` when it is not one (the caller answers "not found")."""
    try:
        return UUID(text)
    except ValueError:
        return None
