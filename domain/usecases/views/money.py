"""Payments and ledger transactions as JSON: what a customer, a provider and ops see of the same cents."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from domain.rules.ledger import COMMISSION, PSP, provider_account
from domain.rules.states import Role
from domain.rules.wire import maybe_moment, moment, money
from domain.store.tables import Engagement, LedgerEntry, Payment


def payment_view(payment: Payment) -> dict[str, Any]:
    """A payment as its customer sees it."""
    currency = payment.currency
    return {
        "id": str(payment.id),
        "request_id": str(payment.request_id),
        "engagement_id": None if payment.engagement_id is None else str(payment.engagement_id),
        "kind": payment.kind,
        "state": payment.state,
        "method": payment.method,
        "amount": money(payment.amount_cents, currency),
        "captured": money(payment.captured_cents, currency),
        "refunded": money(payment.refunded_cents, currency),
        "reason": payment.reason,
        "created_at": moment(payment.created_at),
        "updated_at": moment(payment.updated_at),
    }


def payment_seen_by(payment: Payment, role: Role) -> dict[str, Any]:
    """A payment in the words of one role: that it is safe matters to a provider; with what card does not."""
    view = payment_view(payment)
    if role is Role.PROVIDER:
        view.pop("method")
        view.pop("reason")
    return view


def failed_view(
    payment: Payment, *, role: Role = Role.CUSTOMER, needed: bool = False, pay_by: datetime | None = None
) -> dict[str, Any]:
    """What a party hears of a payment that failed; `payment_needed`: nothing goes on until it is paid again."""
    return {
        **payment_seen_by(payment, role),
        "role": str(role),
        "payment_needed": needed,
        "pay_by": maybe_moment(pay_by),
    }


def income_view(payment: Payment, *, net: int) -> dict[str, Any]:
    """A captured payment as its provider sees it: what it was, and what of it is theirs."""
    return {
        "id": str(payment.id),
        "engagement_id": None if payment.engagement_id is None else str(payment.engagement_id),
        "kind": payment.kind,
        "state": payment.state,
        "gross": money(payment.captured_cents, payment.currency),
        "net": money(net, payment.currency),
    }


def entry_view(entry: LedgerEntry) -> dict[str, Any]:
    """One leg of the ledger, for ops."""
    return {
        "id": str(entry.id),
        "txn_id": str(entry.txn_id),
        "account": entry.account,
        "amount": money(entry.amount_cents, entry.currency),
        "kind": entry.kind,
        "payment_id": None if entry.payment_id is None else str(entry.payment_id),
        "engagement_id": None if entry.engagement_id is None else str(entry.engagement_id),
        "at": moment(entry.at),
    }


def transactions_view(
    entries: Sequence[LedgerEntry], engagement: Engagement, role: Role
) -> list[dict[str, Any]]:
    """Ledger transactions of one engagement in the words of one party; `amount` is positive when money comes in.

    The customer sees the whole, the provider their part, ops the whole with both parts.
    """
    told = []
    for _, group in groupby(
        sorted(entries, key=lambda entry: (entry.at, entry.txn_id)), lambda entry: entry.txn_id
    ):
        legs = list(group)
        currency, on = legs[0].currency, {leg.account: leg.amount_cents for leg in legs}
        net = on.get(provider_account(engagement.provider_id), 0)
        shown = {
            "kind": "money",
            "what": legs[0].kind,
            "at": moment(legs[0].at),
            "amount": money(net if role is Role.PROVIDER else on.get(PSP, 0), currency),
        }
        if role is Role.OPS:
            shown |= {"net": money(net, currency), "fee": money(on.get(COMMISSION, 0), currency)}
        told.append(shown)
    return told
