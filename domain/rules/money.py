"""Money: whole cents of one currency. Never a float."""

from dataclasses import dataclass
from typing import Final, NewType

Cents = NewType("Cents", int)
BasisPoints = NewType("BasisPoints", int)  # 1/100 of a percent: 2000 = 20 %

MOST_CENTS: Final = 100_000_000  # a million of the currency, of any one amount: more is a slip of the finger


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units and its ISO 4217 currency."""

    amount: Cents
    currency: str

    def as_json(self) -> dict[str, object]:
        """The shape of API.md: `{"amount": 1250, "currency": "EUR"}`."""
        return {"amount": self.amount, "currency": self.currency}


def share(amount: int, points: int) -> Cents:
    """`points` basis points of `amount`, rounded half up, so that a fee and a net always sum to the gross."""
    return Cents((amount * points + 5_000) // 10_000)
