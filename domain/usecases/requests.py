"""A request's life: made from a quote or from its stops, read, reopened, closed, cancelled, expired.

What happens in between belongs to its allocator (`dispatch`, `call`) and to `offers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.catalogue import ServiceSpec
from domain.rules.errors import Invalid, LostRace, TooMany
from domain.rules.events import EventType
from domain.rules.places import Place
from domain.rules.states import (
    REQUEST_MOVES,
    Allocator,
    EngagementState,
    RequestMove,
    RequestState,
    Role,
    move,
)
from domain.rules.wire import moment
from domain.store import money as payments
from domain.store import requests as store
from domain.store.tables import Account, Payment, Quote, Request, Stop
from domain.store.timers import TimerKind
from domain.usecases import access, dispatch, money, nextbest, offers, quotes, telling
from domain.usecases.specs import spec_by_id, specs_of
from domain.usecases.views.requests import request_ended_view, request_view
from domain.usecases.work import Work

MOST_OPEN: Final = 5  # requests of one customer at a time: a household, not a firm
TRY_AGAIN_S: Final = 60
LONGEST_WINDOW: Final = 7 * 86_400  # seconds
GRACE: Final = timedelta(seconds=1)  # after the last answer that might still come


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for: a quote already made, or a service and where. Cents, seconds."""

    quote_id: UUID | None = None
    service: str | None = None
    places: Sequence[Place] = ()
    market: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    options: Sequence[str] = ()
    start_at: datetime | None = None
    window_s: int | None = None
    budget_cents: int | None = None
    currency: str | None = None
    method: str = "card"


@dataclass(frozen=True, slots=True)
class Published:
    """A request as it was made, with the rows around it."""

    row: Request
    stops: Sequence[Stop]
    payment: Payment | None = None


async def create_request(work: Work, wish: Wish) -> Published:
    """Publish a need. A dispatched one has its price authorised first: declined, and nothing was asked.

    `TooMany` beyond five open requests; `Invalid`, `OutsideServiceArea` … as a quote would say.
    """
    customer = access.require_account(work.actor)
    if await store.open_count(work.db, customer) >= MOST_OPEN:
        raise TooMany(
            f"at most {MOST_OPEN} open requests at a time",
            retry_after_s=TRY_AGAIN_S,
            policy="open-requests",
            limit=MOST_OPEN,
            window_s=TRY_AGAIN_S,
        )
    row, stops, spec = await _drafted(work, wish, customer)
    if wish.currency is not None and wish.currency != row.currency:
        raise Invalid.field(
            "/budget/currency", f"prices here are in {row.currency}", f"ici l'on paie en {row.currency}"
        )
    await work.db.flush()
    work.opens(row.id)
    work.schedule(TimerKind.REQUEST_EXPIRES, row.id, row.expires_at)
    payment = None
    if spec.allocator is Allocator.CALL:
        await telling.tell(work, row)
    elif row.price_cents is not None:
        payment = await money.authorise_new(work, row, row.price_cents, wish.method)
    work.signal(f"wake.dispatch.{row.market_id}")
    return Published(row, stops, payment)


def published_view(work: Work, made: Published) -> dict[str, Any]:
    """A request that has just been made, in its customer's words. Nothing is read for it."""
    return request_view(made.row, made.stops, Role.CUSTOMER, work.actor.language, payment=made.payment)


async def request_seen(work: Work, request_id: UUID) -> dict[str, Any]:
    """A request as the actor may see it: customer and ops wholly, a provider it concerns without places."""
    row, role = await access.request_in_sight(work, request_id)
    return (await views_of(work, [row], role))[0]


async def my_requests(
    work: Work, *, state: RequestState | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The actor's own requests, newest first."""
    account = access.require_account(work.actor)
    rows = await store.of_customer(work.db, account, state=state, before=before, limit=limit)
    return await views_of(work, rows, Role.CUSTOMER)


async def views_of(work: Work, rows: Sequence[Request], role: Role) -> list[dict[str, Any]]:
    """Requests in the words of one role."""
    ids = [row.id for row in rows]
    stops = await store.stops_of(work.db, ids)
    agreed = await store.engagements_of(work.db, ids)
    paid = await payments.prices_of(work.db, ids)
    return [
        request_view(
            row,
            stops.get(row.id, []),
            role,
            work.actor.language,
            agreed=agreed.get(row.id),
            payment=paid.get(row.id),
        )
        for row in rows
    ]


async def cancel_open(work: Work, row: Request, reason: str | None) -> Request:
    """Cancel a request that nobody has accepted yet: free. `LostRace` when it has just been taken."""
    move(REQUEST_MOVES, RequestState(row.state), RequestMove.CANCEL)
    cancelled = await store.move(
        work.db,
        row.id,
        RequestMove.CANCEL,
        only_if=store.IS_OPEN,
        ended_at=work.now,
        outcome={
            "reason": "cancelled_by_customer",
            "words": _CANCELLED,
            "note": reason or "",
            "next_best": [],
        },
    )
    if cancelled is None:
        raise LostRace
    await _end(work, cancelled, EventType.REQUEST_CANCELLED)
    return cancelled


async def close(work: Work, request_id: UUID) -> None:
    """The work of a matched request has ended, one way or another: so has the request."""
    agreed = (await store.engagements_of(work.db, [request_id])).get(request_id)
    left = agreed is not None and agreed.state == EngagementState.CANCELLED
    await store.moved(
        work.db, request_id, RequestMove.CANCEL if left else RequestMove.CLOSE, ended_at=work.now
    )


async def reopen(work: Work, request: Request, dropped_provider: UUID) -> Request:
    """A provider has dropped out before the start: back to the market, with its whole patience again.

    `LostRace` when the request is no longer matched. Who dropped out is not asked for it again, and nothing
    else follows from it. A posted job is shown again to all who were told of it.
    """
    due, expires = await patience(work, request)
    row = await store.moved(
        work.db, request.id, RequestMove.REOPEN, wave=0, matched_at=None, due_at=due, expires_at=expires
    )
    await set_patience_timer(work, row)
    said = {"id": str(row.id), "request_id": str(row.id), "state": row.state, "expires_at": moment(expires)}
    work.emit(row.customer_id, EventType.REQUEST_REOPENED, said)
    if row.allocator == Allocator.CALL:
        stops = (await store.stops_of(work.db, [row.id]))[row.id]
        posted = {**request_view(row, stops, Role.PROVIDER, "fr"), "request_id": str(row.id)}
        told = (await store.told_of(work.db, [row.id])).get(row.id, set())
        for provider in sorted(told - {dropped_provider}):
            work.emit(provider, EventType.REQUEST_POSTED, posted, not_after=expires)
    work.signal(f"wake.dispatch.{row.market_id}")
    return row


async def patience(work: Work, row: Request) -> tuple[datetime, datetime]:
    """`(due, expires)` of a request that is sought from now on."""
    spec = (await specs_of(work, [row]))[row.service_id]
    return _patience(work, spec, row.start_at)


async def set_patience_timer(work: Work, row: Request) -> None:
    """Have the timer of a request's patience ring at its `expires_at`, whenever it was to ring before."""
    work.settle(TimerKind.REQUEST_EXPIRES, row.id)
    work.schedule(TimerKind.REQUEST_EXPIRES, row.id, row.expires_at)


async def on_request_expired(work: Work, request_id: UUID) -> None:
    """The timer of a request's patience has rung: say honestly that nobody came, and what would be next best.

    While somebody may still say yes it waits for their answer; a timer of an earlier life changes nothing.
    """
    row = await store.fresh(work.db, request_id)
    if row is None or row.state != RequestState.OPEN:
        return
    last = await store.last_answer_by(work.db, request_id)
    until = row.expires_at if last is None else max(row.expires_at, last + GRACE)
    if until > work.now:
        work.schedule(TimerKind.REQUEST_EXPIRES, request_id, until)
        return
    outcome = await nextbest.outcome_of(work, row)
    expired = await store.move(work.db, request_id, RequestMove.EXPIRE, ended_at=work.now, outcome=outcome)
    if expired is not None:
        await _end(work, expired, EventType.REQUEST_EXPIRED)


_CANCELLED: Final = {"fr": "Demande annulée.", "en": "The request was cancelled."}


async def _end(work: Work, row: Request, event: EventType) -> None:
    """The common end of a request nobody works on: its offers, its money, its timers; the customer hears of it."""
    await offers.withdraw_pending(work, row, why=offers.REQUEST_OVER)
    await money.release_for_request(work, row)
    work.settle(TimerKind.REQUEST_EXPIRES, row.id)
    work.schedule(TimerKind.PLACES_FADE, row.id, work.now)
    customer = await work.db.get_one(Account, row.customer_id)
    work.emit(row.customer_id, event, request_ended_view(row, customer.language))
    await telling.tell_over(work, row, event)


def _patience(work: Work, spec: ServiceSpec, start_at: datetime | None) -> tuple[datetime, datetime]:
    if spec.allocator is Allocator.CALL:
        return work.now, work.after(spec.call.patience_s)
    return dispatch.patience(spec, work.now, start_at, work.knobs.scheduled_lead)


async def _drafted(work: Work, wish: Wish, customer: UUID) -> tuple[Request, list[Stop], ServiceSpec]:
    """The request's rows, from its quote or from its stops. A dispatched service is quoted on the spot."""
    if wish.quote_id is not None:
        return await _from_quote(work, wish, await quotes.redeem_quote(work, wish.quote_id))
    if wish.service is None:
        raise Invalid.field(
            "/quote_id", "a quote_id, or a service and its stops", "un quote_id, ou un service et ses lieux"
        )
    trip = await quotes.plan_trip(
        work,
        service=wish.service,
        places=wish.places,
        answers=wish.answers,
        start_at=wish.start_at,
        market_id=wish.market,
    )
    if trip.spec.allocator is Allocator.DISPATCH:
        quoted, _ = await quotes.quote(
            work,
            service=wish.service,
            places=wish.places,
            options=wish.options,
            answers=wish.answers,
            start_at=wish.start_at,
            market_id=wish.market,
        )
        await work.db.flush()
        return await _from_quote(work, wish, await quotes.redeem_quote(work, quoted.id))
    if trip.spec.allocator is not Allocator.CALL:
        raise Invalid.field(
            "/service",
            f"{trip.spec.allocator} services are not asked for this way yet",
            "ce genre de service ne se demande pas encore",
        )
    row = _row(work, wish, customer, trip.spec)
    row.market_id, row.currency = trip.market_id, trip.currency
    row.service_id, row.service_slug = trip.service.id, trip.spec.slug
    row.answers, row.start_at = trip.answers, trip.start_at
    row.distance_m, row.duration_s = trip.distance_m, trip.duration_s
    _set_patience(work, row, trip.spec)
    return row, store.publish(work.db, row, trip.stops), trip.spec


async def _from_quote(work: Work, wish: Wish, quote: Quote) -> tuple[Request, list[Stop], ServiceSpec]:
    spec = await spec_by_id(work, quote.service_id)
    row = _row(work, wish, quote.account_id, spec)
    row.market_id, row.currency = quote.market_id, quote.currency
    row.service_id, row.service_slug = quote.service_id, spec.slug
    row.answers, row.start_at = quote.answers, quote.start_at
    row.distance_m, row.duration_s = quote.distance_m, quote.duration_s
    row.quote_id = quote.id
    if spec.allocator is Allocator.CALL:  # a price to compare proposals with, not yet agreed with anybody
        row.budget_cents = row.budget_cents or quote.price_cents
    else:
        row.price_cents = quote.price_cents
    _set_patience(work, row, spec)
    return row, store.publish(work.db, row, quote.stops), spec


def _row(work: Work, wish: Wish, customer: UUID, spec: ServiceSpec) -> Request:
    if wish.window_s is not None and not 0 < wish.window_s <= LONGEST_WINDOW:
        raise Invalid.field(
            "/window", "a window is at most a week long", "une fenêtre dure au plus une semaine"
        )
    return Request(
        id=work.new_id(),
        customer_id=customer,
        allocator=spec.allocator,
        state=RequestState.OPEN,
        budget_cents=wish.budget_cents,
        window_s=wish.window_s,
        wave=0,
        created_at=work.now,
    )


def _set_patience(work: Work, row: Request, spec: ServiceSpec) -> None:
    row.due_at, row.expires_at = _patience(work, spec, row.start_at)
