"""Money: authorise, then capture, release or refund, one step and one transaction at a time.

Use cases only write what they *want*; `settle`, run by a durable timer, makes the payment service do it. Every
call carries a key made of the payment and the operation, so that asking again is always safe.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any
from uuid import UUID

from domain.rules import ledger
from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import IllegalMove, LostRace, PaymentDeclined, PaymentPending, Unavailable
from domain.rules.events import EventType
from domain.rules.money import Cents, Money
from domain.rules.ports import PspAnswer, PspOutcome, PspTimeout
from domain.rules.pricing import fee_of
from domain.rules.states import PAYMENT_MOVES, EngagementState, PaymentMove, PaymentState, move
from domain.store import money as store
from domain.store import requests
from domain.store.tables import Engagement, Payment, Request
from domain.store.timers import TimerKind
from domain.usecases.views.money import failed_view, income_view, payment_view
from domain.usecases.work import Work

_LIVE = (PaymentState.PENDING, PaymentState.AUTHORISED)
_ENDED_EARLY = (EngagementState.CANCELLED, EngagementState.NO_SHOW)


async def authorise_for_request(
    work: Work, request: Request, amount_cents: int, method: str = "card"
) -> Payment | None:
    """Block the price of a request on the customer's means of payment; `None` when there is nothing to pay.

    Call it last: the payment service cannot be rolled back (an authorisation nobody comes back for ends by itself).
    Declined raises `PaymentDeclined`. No answer in time, or "later", leaves the payment pending with a timer that
    asks again; the engagement cannot start before it is authorised. A request that already has a live payment keeps it.
    """
    if amount_cents == 0:
        return None
    known = await store.price_of_request(work.db, request.id)
    if known is not None and known.want == "hold" and known.state in _LIVE:
        return known
    payment = _new(work, request, amount_cents, method, kind="price", want="hold")
    work.db.add(payment)
    await work.db.flush()  # no second price of a request, before anything is blocked
    await _authorise_now(work, payment)
    return payment


async def authorise_new(work: Work, request: Request, amount_cents: int, method: str) -> Payment | None:
    """The same for a request made in this very transaction: nothing can be held for it yet, and nothing is read."""
    if amount_cents == 0:
        return None
    payment = _new(work, request, amount_cents, method, kind="price", want="hold")
    await _authorise_now(work, payment)
    work.db.add(payment)
    return payment


async def release_for_request(work: Work, request: Request) -> None:
    """Let the blocked price go: nothing will be taken. Nothing happens when nothing is blocked."""
    payment = await store.price_of_request(work.db, request.id)
    if payment is not None and payment.want == "hold" and payment.state in _LIVE:
        await _want(work, payment, "release")


async def replace(work: Work, payment: Payment) -> None:
    """Another means takes the place of a payment that is still undecided: whatever comes of it is let go."""
    await _want(work, payment, "release", reason="replaced")


async def tip(work: Work, engagement: Engagement, amount_cents: int, method: str) -> Payment:
    """A tip: authorised at once, captured within moments, all of it the provider's. One per engagement."""
    if await store.tip_of(work.db, engagement.id) is not None:
        raise IllegalMove("a tip was already given", state=engagement.state, verb="tip")
    payment = _new(work, engagement, amount_cents, method, kind="tip", want="capture")
    payment.engagement_id, payment.provider_id = engagement.id, engagement.provider_id
    payment.want_cents = amount_cents
    work.db.add(payment)
    await work.db.flush()
    await _authorise_now(work, payment)
    if payment.state == PaymentState.AUTHORISED:
        work.schedule(TimerKind.MONEY, payment.id, work.now)
    return payment


def commission(spec: ServiceSpec, cents: int) -> Cents:
    """The platform's part of an amount taken for this service: the price, or a fee for leaving."""
    return fee_of(spec.price_rule, cents)


async def method_of(work: Work, engagement: Engagement) -> str:
    """The means of payment the customer chose for the price."""
    payment = await store.price_of_request(work.db, engagement.request_id)
    return "card" if payment is None else payment.method


async def require_authorised(work: Work, engagement: Engagement) -> None:
    """No work starts without authorised funds."""
    if engagement.price_cents == 0:
        return
    payment = await store.price_of_request(work.db, engagement.request_id)
    if payment is None or payment.state == PaymentState.PENDING:
        raise PaymentPending
    if payment.state != PaymentState.AUTHORISED or payment.want != "hold":
        raise PaymentDeclined("the payment of this engagement failed")


async def take(work: Work, engagement: Engagement, gross: int, fee: int) -> None:
    """Take `gross` of the authorised price, of which the platform keeps `fee`; the rest is released. 0: all is."""
    payment = await store.price_of_request(work.db, engagement.request_id)
    if payment is None or payment.want != "hold" or payment.state not in _LIVE:
        return
    if gross == 0:
        await _want(work, payment, "release")
    else:
        await _want(work, payment, "capture", want_cents=gross, want_fee_cents=fee)


async def give_back(work: Work, payment: Payment, amount_cents: int) -> None:
    """Refund a part or all of what was captured; the platform gives back its part. One refund at a time."""
    if payment.state != PaymentState.CAPTURED or payment.want == "refund":
        raise IllegalMove("nothing captured that could be refunded now", state=payment.state, verb="refund")
    fee = await store.fee_taken(work.db, payment.id)
    back = ledger.fee_back(
        captured=payment.captured_cents, fee=fee, refunded=payment.refunded_cents, amount=amount_cents
    )
    await _want(work, payment, "refund", want_cents=amount_cents, want_fee_cents=back)


async def settle(work: Work, payment_id: UUID) -> Payment | None:
    """Take the next step towards what is wanted of a payment.

    Returns it when its authorisation has just been decided (its request is locked then), else None.
    Raises `Unavailable` when the payment service has not answered: the timer rings again, later and later.
    """
    payment = await store.fresh(work.db, payment_id)
    if payment is None:
        return None
    match (payment.state, payment.want):
        case (PaymentState.PENDING, _):
            return await _authorise(work, payment, await _answer(work, _ask_authorise(work, payment)))
        case (PaymentState.FAILED, _):
            await _let_go(work, payment)
        case (PaymentState.AUTHORISED, "capture"):
            await _capture(work, payment)
        case (PaymentState.AUTHORISED, "release"):
            await _release(work, payment)
        case (PaymentState.CAPTURED, "refund"):
            await _refund(work, payment)
        case _:  # nothing left to do: an earlier ring, or another worker, has done it
            pass
    return None


async def _authorise_now(work: Work, payment: Payment) -> None:
    """Ask once, inside the use case; a refusal is said at once, silence is left to the timer."""
    try:
        answer = await _bounded(work, _ask_authorise(work, payment))
    except PspTimeout:
        work.schedule(TimerKind.MONEY, payment.id, work.after(1.0))
        return
    if answer.outcome is PspOutcome.DECLINED:
        raise PaymentDeclined(answer.reason or "the payment was declined")
    payment.psp_ref = answer.ref
    if answer.outcome is PspOutcome.PENDING:
        work.schedule(TimerKind.MONEY, payment.id, work.after(1.0))
        return
    payment.state = move(PAYMENT_MOVES, PaymentState.PENDING, PaymentMove.AUTHORISE)
    work.emit(payment.customer_id, EventType.PAYMENT_AUTHORISED, payment_view(payment))


async def _authorise(work: Work, payment: Payment, answer: PspAnswer) -> Payment:
    """Write the late answer. The request is locked after the service was asked, and before the payment moves."""
    await requests.lock(work.db, payment.request_id)
    verb = PaymentMove.FAIL if answer.outcome is PspOutcome.DECLINED else PaymentMove.AUTHORISE
    moved = await _move(work, payment, verb, psp_ref=answer.ref, reason=answer.reason or None)
    if verb is PaymentMove.FAIL:
        if moved.kind == "tip":  # what a price that fails means is said by `funding`
            work.emit(moved.customer_id, EventType.PAYMENT_FAILED, failed_view(moved))
        return moved
    work.emit(moved.customer_id, EventType.PAYMENT_AUTHORISED, payment_view(moved))
    if moved.want != "hold":
        work.schedule(TimerKind.MONEY, moved.id, work.now)
    return moved


async def _let_go(work: Work, payment: Payment) -> None:
    """The service has something to say of a payment that failed: if it blocked the amount after all, it frees it."""
    if payment.psp_ref:
        await _answer(work, work.tools.psp.release(f"{payment.id}:release", payment.psp_ref))


async def _capture(work: Work, payment: Payment) -> None:
    gross, fee = payment.want_cents, payment.want_fee_cents
    psp = work.tools.psp
    answer = await _answer(work, psp.capture(f"{payment.id}:capture", payment.psp_ref or "", Cents(gross)))
    _insist(answer)
    moved = await _move(work, payment, PaymentMove.CAPTURE, captured_cents=gross)
    provider = _provider_of(moved)
    await _book(work, moved, ledger.capture_legs(provider, gross, fee), await _kind_of(work, moved))
    work.emit(moved.customer_id, EventType.PAYMENT_CAPTURED, payment_view(moved))
    work.emit(provider, EventType.PAYMENT_CAPTURED, income_view(moved, net=gross - fee))


async def _release(work: Work, payment: Payment) -> None:
    answer = await _answer(work, work.tools.psp.release(f"{payment.id}:release", payment.psp_ref or ""))
    _insist(answer)
    moved = await _move(work, payment, PaymentMove.RELEASE)
    work.emit(moved.customer_id, EventType.PAYMENT_RELEASED, payment_view(moved))


async def _refund(work: Work, payment: Payment) -> None:
    amount, back = payment.want_cents, payment.want_fee_cents
    refunded = payment.refunded_cents + amount
    key = (
        f"{payment.id}:refund:{refunded}"  # the running total tells one refund of this payment from the next
    )
    answer = await _answer(work, work.tools.psp.refund(key, payment.psp_ref or "", Cents(amount)))
    _insist(answer)
    done = refunded == payment.captured_cents
    values: dict[str, Any] = {"want": "refund" if done else "capture", "refunded_cents": refunded}
    moved = (
        await _move(work, payment, PaymentMove.REFUND, **values)
        if done
        else _still(await store.move(work.db, payment, work.now, **values))
    )
    provider = _provider_of(moved)
    await _book(work, moved, ledger.refund_legs(provider, amount, back), "refund")
    work.emit(moved.customer_id, EventType.PAYMENT_REFUNDED, payment_view(moved))
    work.emit(provider, EventType.PAYMENT_REFUNDED, income_view(moved, net=back - amount))


def _new(
    work: Work, on: Request | Engagement, amount_cents: int, method: str, *, kind: str, want: str
) -> Payment:
    work.shown.clear()  # whoever is shown the work next is shown this too
    return Payment(
        id=work.new_id(),
        market_id=on.market_id,
        request_id=on.request_id if isinstance(on, Engagement) else on.id,
        customer_id=on.customer_id,
        kind=kind,
        state=PaymentState.PENDING,
        want=want,
        method=method,
        amount_cents=amount_cents,
        captured_cents=0,
        refunded_cents=0,
        want_cents=0,
        want_fee_cents=0,
        currency=on.currency,
        created_at=work.now,
        updated_at=work.now,
    )


async def _want(work: Work, payment: Payment, want: str, **values: Any) -> None:
    """Write down what should become of a payment, and have it done as soon as this commits."""
    _still(await store.move(work.db, payment, work.now, want=want, **values))
    work.schedule(TimerKind.MONEY, payment.id, work.now)


async def _move(work: Work, payment: Payment, verb: PaymentMove, **values: Any) -> Payment:
    to = move(PAYMENT_MOVES, PaymentState(payment.state), verb)
    return _still(await store.move(work.db, payment, work.now, state=to, **values))


def _still(moved: Payment | None) -> Payment:
    if moved is None:
        raise LostRace("this payment was moved at the same moment")
    return moved


async def _book(work: Work, payment: Payment, legs: tuple[ledger.Leg, ...], kind: str) -> None:
    ids = [work.new_id() for _ in legs]
    await store.write(work.db, legs, txn_id=work.new_id(), ids=ids, kind=kind, payment=payment, at=work.now)


async def _kind_of(work: Work, payment: Payment) -> str:
    """What a capture is called in the ledger: a tip, a fee for leaving, or the price."""
    if payment.kind == "tip":
        return "tip"
    engagement = await work.db.get(Engagement, payment.engagement_id)
    return "cancellation" if engagement is not None and engagement.state in _ENDED_EARLY else "capture"


def _provider_of(payment: Payment) -> UUID:
    if payment.provider_id is None:
        raise ValueError(f"payment {payment.id} was captured for nobody")
    return payment.provider_id


# Asking the payment service


def _ask_authorise(work: Work, payment: Payment) -> Awaitable[PspAnswer]:
    meta: Mapping[str, Any] = {"payment_id": str(payment.id), "request_id": str(payment.request_id)}
    amount = Money(Cents(payment.amount_cents), payment.currency)
    return work.tools.psp.authorise(f"{payment.id}:authorise", amount, method=payment.method, meta=meta)


async def _answer(work: Work, asking: Awaitable[PspAnswer]) -> PspAnswer:
    """The service's answer, yes or no; anything else is `Unavailable`, to be asked again."""
    try:
        answer = await _bounded(work, asking)
    except PspTimeout:
        raise Unavailable("the payment service does not answer", retry_after_s=1) from None
    if answer.outcome is PspOutcome.PENDING:
        raise Unavailable("the payment service has not decided yet", retry_after_s=1)
    return answer


def _insist(answer: PspAnswer) -> None:
    """Funds that were authorised are ours to move: a refusal here is an outage, asked again and shown to ops."""
    if answer.outcome is PspOutcome.DECLINED:
        raise Unavailable(
            f"the payment service refused: {answer.reason or 'no reason given'}", retry_after_s=1
        )


async def _bounded(work: Work, asking: Awaitable[PspAnswer]) -> PspAnswer:
    """At most `psp_timeout` seconds; past it the operation may or may not have happened, so ask again."""
    try:
        async with asyncio.timeout(work.knobs.psp_timeout):
            return await asking
    except TimeoutError:
        raise PspTimeout("no answer in time") from None
