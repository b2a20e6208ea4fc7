"""Double entry in whole cents: every transaction sums to zero. Positive is owed to the account, negative taken.

A capture takes the gross from the payment service's account and owes it to the provider (net) and to the
platform (commission); a refund turns a part of it round, the platform giving back its part. Tips are whole.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.rules.money import Cents

PSP: Final = "psp"
COMMISSION: Final = "platform:commission"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of a transaction."""

    account: str
    cents: int


def provider_account(provider: UUID) -> str:
    """The ledger's name for what is owed to a provider."""
    return f"provider:{provider}"


def capture_legs(provider: UUID, gross: int, fee: int) -> tuple[Leg, ...]:
    """Money taken from the customer: the provider is owed `gross - fee`, the platform `fee`."""
    if not 0 <= fee <= gross or gross == 0:
        raise ValueError(f"a fee of {fee} does not fit a capture of {gross}")
    return _without_zeros(
        Leg(PSP, -gross), Leg(provider_account(provider), gross - fee), Leg(COMMISSION, fee)
    )


def refund_legs(provider: UUID, amount: int, fee_back: int) -> tuple[Leg, ...]:
    """Money given back: the platform gives `fee_back` of it, the provider the rest."""
    if not 0 <= fee_back <= amount or amount == 0:
        raise ValueError(f"a fee of {fee_back} does not fit a refund of {amount}")
    owed = Leg(provider_account(provider), fee_back - amount)
    return _without_zeros(Leg(PSP, amount), owed, Leg(COMMISSION, -fee_back))


def fee_back(*, captured: int, fee: int, refunded: int, amount: int) -> Cents:
    """The platform's part of refunding `amount` more, of which `refunded` went back before.

    In proportion, and cumulative: refunds of everything give back the whole fee, whatever the cuts.
    """
    if not 0 < amount <= captured - refunded:
        raise ValueError(f"cannot refund {amount} of {captured} of which {refunded} went back")
    return Cents(_part(fee, refunded + amount, captured) - _part(fee, refunded, captured))


def _part(fee: int, returned: int, captured: int) -> int:
    """`fee x returned / captured`, rounded half up."""
    return (2 * fee * returned + captured) // (2 * captured)


def _without_zeros(*legs: Leg) -> tuple[Leg, ...]:
    return tuple(leg for leg in legs if leg.cents)
