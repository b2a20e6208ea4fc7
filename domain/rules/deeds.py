"""Deeds worth counting: what a committed transaction tells whoever watches the house, without naming anybody."""

from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """What became of an offer."""

    OFFER_CREATED = "created"
    OFFER_ACCEPTED = "accepted"
    OFFER_DECLINED = "declined"
    OFFER_EXPIRED = "expired"
    OFFER_WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Counted:
    """One deed in one market. `waited_s`: of an offer of a request's first wave, since it could be matched."""

    deed: Deed
    market: str
    waited_s: float | None = None
