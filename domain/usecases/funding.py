"""Funding a request: what the payment service's late answer means for it, and paying again with another means.

A request is *funded* while an authorised price is held for it (`store.requests.is_funded`): only then is it
offered, accepted, started. Held once is held until the end: a payment that is authorised is never replaced.
"""

from typing import Any, Final
from uuid import UUID

from domain.rules.errors import Forbidden, IllegalMove
from domain.rules.events import EventType
from domain.rules.states import ACTIVE_ENGAGEMENT, Allocator, PaymentState, RequestState, Role
from domain.store import money as payments
from domain.store import requests as store
from domain.store.tables import Engagement, Payment, Request
from domain.usecases import access, money, requests
from domain.usecases.views.money import failed_view, payment_seen_by
from domain.usecases.work import Work

PAY_WITHIN_S: Final = 600  # at least this long to find another card, whatever was left of the patience


async def pay(work: Work, request_id: UUID, method: str) -> dict[str, Any]:
    """Pay for one's own request with another means, after the first has failed or while it is undecided.

    A price that is authorised already, or on its way by the same means, stays as it is: paying twice is paying
    once. `IllegalMove`: there is nothing to pay (yet, or any more). `PaymentDeclined`: nothing has changed.
    """
    row = await access.request_of_customer(work, request_id, lock=True)
    if row.customer_id != work.actor.account_id:
        raise Forbidden("only the customer pays")
    agreed = await _agreed(work, row)
    amount = _owed(row, agreed)
    known = await payments.price_of_request(work.db, row.id)
    if known is None or not _stands(known, method):
        if known is not None and known.state == PaymentState.PENDING and known.want == "hold":
            await money.replace(work, known)
        paid = await money.authorise_for_request(work, row, amount, method)
        await _for(work, row, agreed)
        if paid is not None and paid.state == PaymentState.AUTHORISED:
            await _funded(work, row, paid, agreed)
    return (await requests.views_of(work, [row], Role.CUSTOMER))[0]


async def on_money(work: Work, payment_id: UUID) -> None:
    """The handler of `TimerKind.MONEY`: the payment's next step, and what it means for its request."""
    decided = await money.settle(work, payment_id)
    if decided is None or decided.kind != "price" or decided.want != "hold":
        return
    row = await store.lock(work.db, decided.request_id)
    agreed = await _agreed(work, row)
    if decided.state == PaymentState.AUTHORISED:
        await _funded(work, row, decided, agreed)
    else:
        await _missing(work, row, decided, agreed)


async def _funded(work: Work, row: Request, payment: Payment, agreed: Engagement | None) -> None:
    """The money is there: an open request is sought from now on, with its whole patience; a bound provider hears."""
    if row.state == RequestState.OPEN:
        row.due_at, row.expires_at = await requests.patience(work, row)
        await work.db.flush()
        await requests.set_patience_timer(work, row)
        work.signal(f"wake.dispatch.{row.market_id}")
    if agreed is not None:
        seen = payment_seen_by(payment, Role.PROVIDER)
        work.emit(agreed.provider_id, EventType.PAYMENT_AUTHORISED, seen)


async def _missing(work: Work, row: Request, payment: Payment, agreed: Engagement | None) -> None:
    """The money is not there: the customer hears why and may pay again; nobody is asked, nothing starts meanwhile."""
    open_ = row.state == RequestState.OPEN
    if open_:  # its timer rings at the old hour, finds the new one and is set again
        row.expires_at = max(row.expires_at, work.after(PAY_WITHIN_S))
        await work.db.flush()
    pay_by = row.expires_at if open_ else None
    needed = open_ or agreed is not None
    said = failed_view(payment, needed=needed, pay_by=pay_by)
    work.emit(row.customer_id, EventType.PAYMENT_FAILED, said, not_after=pay_by)
    if agreed is not None:
        told = failed_view(payment, role=Role.PROVIDER, needed=True)
        work.emit(agreed.provider_id, EventType.PAYMENT_FAILED, told)


async def _agreed(work: Work, row: Request) -> Engagement | None:
    """The work of a matched request that is still ahead or under way."""
    found = (await store.engagements_of(work.db, [row.id])).get(row.id)
    return found if found is not None and found.state in ACTIVE_ENGAGEMENT else None


def _owed(row: Request, agreed: Engagement | None) -> int:
    """What is to be paid for a request now, in cents; never nothing."""
    cents = 0
    if agreed is not None:
        cents = agreed.price_cents
    elif row.state == RequestState.OPEN and row.allocator == Allocator.DISPATCH:
        cents = row.price_cents or 0
    if cents == 0:
        raise IllegalMove("there is nothing to pay for it now", state=row.state, verb="pay")
    return cents


def _stands(payment: Payment, method: str) -> bool:
    """Whether a payment needs no other: it is authorised, or being asked for by this very means."""
    if payment.want != "hold":
        return False
    undecided = payment.state == PaymentState.PENDING and payment.method == method
    return undecided or payment.state == PaymentState.AUTHORISED


async def _for(work: Work, row: Request, agreed: Engagement | None) -> None:
    if agreed is not None:
        await payments.attach(
            work.db, row.id, engagement_id=agreed.id, provider_id=agreed.provider_id, now=work.now
        )
