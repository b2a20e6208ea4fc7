"""The customer's PIN: four digits that only they see and say, so that work starts with the right person."""

import math
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final

PIN_DIGITS: Final = 4
PIN_TRIES: Final = 5  # wrong ones before the lock: 5 of 10,000 a minute is 0.05 %
PIN_LOCK: Final = timedelta(seconds=60)
_BYTES: Final = 8  # 2^64 over 10^4: the bias of the remainder is below 10^-15

PIN_ENTROPY: Final = _BYTES
"""How many random bytes `new_pin` wants."""


def new_pin(entropy: bytes) -> str:
    """Four digits from eight random bytes."""
    if len(entropy) != _BYTES:
        raise ValueError(f"a PIN wants {_BYTES} random bytes, not {len(entropy)}")
    return f"{int.from_bytes(entropy) % 10**PIN_DIGITS:0{PIN_DIGITS}d}"


def same_pin(said: str, meant: str) -> bool:
    """Whether the right PIN was said, in constant time."""
    return compare_digest(said.encode(), meant.encode())


def lock_left_s(until: datetime | None, now: datetime) -> int:
    """Whole seconds until the lock opens, at least one: it may have opened since it was looked at."""
    return 1 if until is None else max(1, math.ceil((until - now).total_seconds()))


def tries_left(tries: int) -> int:
    """Wrong tries that remain before the lock, `tries` having been made."""
    return max(0, PIN_TRIES - tries)
