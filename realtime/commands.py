"""`do`: commands of the HTTP API over the socket. A literal table from an operation to its use case.

Arguments are checked here as the HTTP routes check theirs; `id` names the row. What is done is remembered under
the client's id in the same transaction: the same id, operation and arguments give the first result again, the same
id with anything else is refused.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from domain.rules.errors import Invalid
from domain.rules.misfits import misfit
from domain.rules.states import Verb
from domain.usecases import (
    access,
    actions,
    call,
    cancelling,
    comparing,
    duty,
    engagements,
    funding,
    identity,
    messages,
    offers,
)
from domain.usecases.actions import Deed, Tip
from domain.usecases.call import Bid
from domain.usecases.idempotency import as_text, fingerprint, once
from domain.usecases.views.duty import duty_view
from domain.usecases.work import Actor, Tools, Work, working
from realtime.effects import Do

NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL keeps none
Words = Annotated[str, Meta(max_length=2_000, pattern=NO_NUL)]
Cents = Annotated[int, Meta(ge=0, le=100_000_000)]
Slug = Annotated[str, Meta(min_length=1, max_length=60)]
Moment = Annotated[datetime, Meta(tz=True)]


class OneRow(msgspec.Struct, frozen=True):
    """Just which."""

    id: UUID


class MoneyArgs(msgspec.Struct, frozen=True):
    amount: Cents
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class CounterArgs(msgspec.Struct, frozen=True):
    """`offer.counter`: another price, perhaps another moment."""

    id: UUID
    price: MoneyArgs
    message: Words = ""
    start_at: Moment | None = None


class CancelArgs(msgspec.Struct, frozen=True):
    """`request.cancel`."""

    id: UUID
    reason: Words | None = None


class PayArgs(msgspec.Struct, frozen=True):
    """`request.pay`: with another means."""

    id: UUID
    payment_method: Annotated[str, Meta(max_length=200, pattern=NO_NUL)] = "card"


class ActionArgs(msgspec.Struct, frozen=True):
    """`engagement.action`."""

    id: UUID
    verb: Verb
    pin: Annotated[str, Meta(max_length=12)] | None = None
    reason: Words | None = None
    tip: MoneyArgs | Cents | None = None


class MessageArgs(msgspec.Struct, frozen=True):
    """`message.send`: to the other party of an engagement."""

    id: UUID
    text: Words


class DutyArgs(msgspec.Struct, frozen=True):
    """`duty.set`."""

    on: bool
    market: Slug | None = None
    services: Annotated[list[Slug], Meta(max_length=50)] | None = None


async def _accept(work: Work, args: OneRow) -> Mapping[str, Any]:
    accepted = await offers.accept_offer(work, args.id)
    return await engagements.view_for(work, accepted.engagement, accepted.role)


async def _decline(work: Work, args: OneRow) -> Mapping[str, Any]:
    return await offers.seen_by_actor(work, await offers.decline_offer(work, args.id))


async def _withdraw(work: Work, args: OneRow) -> Mapping[str, Any]:
    return await offers.seen_by_actor(work, await offers.withdraw_offer(work, args.id))


async def _counter(work: Work, args: CounterArgs) -> Mapping[str, Any]:
    bid = Bid(args.price.amount, args.price.currency, args.message, args.start_at)
    return await comparing.shown_to_customer(work, await call.counter(work, args.id, bid))


async def _cancel(work: Work, args: CancelArgs) -> Mapping[str, Any]:
    return await cancelling.cancel_request(work, args.id, args.reason)


async def _pay(work: Work, args: PayArgs) -> Mapping[str, Any]:
    return await funding.pay(work, args.id, args.payment_method)


async def _act(work: Work, args: ActionArgs) -> Mapping[str, Any]:
    tip = Tip(args.tip.amount, args.tip.currency) if isinstance(args.tip, MoneyArgs) else Tip(args.tip or 0)
    return await actions.act(work, args.id, Deed(args.verb, args.pin, args.reason, tip))


async def _send(work: Work, args: MessageArgs) -> Mapping[str, Any]:
    return await messages.send_message(work, args.id, args.text)


async def _set_duty(work: Work, args: DutyArgs) -> Mapping[str, Any]:
    if not args.on:
        await duty.go_off_duty(work)
        return duty_view(None)
    if args.market is None:
        raise Invalid.field(
            "/market", "going on duty needs a market", "pour prendre son service il faut une ville"
        )
    await duty.go_on_duty(work, args.market, args.services)
    return await duty.read_duty(work)


@dataclass(frozen=True, slots=True)
class Command:
    """An operation: the shape of its arguments, and the use case behind it."""

    args: type[msgspec.Struct]
    run: Callable[[Work, Any], Awaitable[Mapping[str, Any]]]


COMMANDS: Final[Mapping[str, Command]] = {
    "offer.accept": Command(OneRow, _accept),
    "offer.decline": Command(OneRow, _decline),
    "offer.withdraw": Command(OneRow, _withdraw),
    "offer.counter": Command(CounterArgs, _counter),
    "request.cancel": Command(CancelArgs, _cancel),
    "request.pay": Command(PayArgs, _pay),
    "engagement.action": Command(ActionArgs, _act),
    "message.send": Command(MessageArgs, _send),
    "duty.set": Command(DutyArgs, _set_duty),
}


def name_of(do: Do) -> str:
    """The operation, if there is such a one: what a client made up is no name."""
    return do.op if do.op in COMMANDS else "other"


async def carry_out(tools: Tools, actor: Actor, do: Do) -> Any:
    """Do it in one transaction and return its result, JSON-ready. Raises what the use case refuses."""
    command = COMMANDS.get(do.op)
    if command is None:
        raise Invalid.field("/op", f"one of {', '.join(COMMANDS)}")
    try:
        args = msgspec.convert(dict(do.args), command.args)
    except msgspec.ValidationError as wrong:
        raise misfit(wrong, "/args") from None
    async with working(tools, actor) as work:
        access.require_account(actor)
        work.actor = await identity.as_of_now(work)

        async def answer() -> tuple[int, str]:
            return 200, as_text(await command.run(work, args))

        given = await once(work, "do", do.id, fingerprint(do.op, dict(do.args)), answer)
    return json.loads(given.body)
