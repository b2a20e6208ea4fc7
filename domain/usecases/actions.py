"""Deeds on an engagement: `POST …/actions`. Tables say what is possible and who may; a function each does it.

Locks are taken in the order of the house, request before engagement, by every verb that touches both.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules import cancellation, pins
from domain.rules.errors import (
    AlreadyBusy,
    Forbidden,
    IllegalMove,
    Invalid,
    LostRace,
    NotYourTurn,
    PinLocked,
    TooEarly,
    WrongPin,
)
from domain.rules.reviews import window_ends
from domain.rules.states import (
    ACTIVE_ENGAGEMENT,
    ENGAGEMENT_MOVES,
    VERB_ROLES,
    EngagementState,
    Role,
    Verb,
    move,
)
from domain.rules.wire import moment
from domain.store import engagements as store
from domain.store import stations
from domain.store.requests import lock as lock_request
from domain.store.tables import Engagement
from domain.store.timers import TimerKind
from domain.usecases import access, engagements, money, requests
from domain.usecases.views.money import payment_view
from domain.usecases.work import Work, working_beside

MOST_TIP: Final = 50_000  # cents: beyond that it is a slip of the thumb
_IN_TURN: Final = frozenset({Verb.SET_OFF, Verb.ARRIVE, Verb.START})  # what cannot be done for two at once


@dataclass(frozen=True, slots=True)
class Tip:
    """What a customer gives on top. `currency`: the price's, if it is said at all."""

    cents: int
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody says they do."""

    verb: Verb
    pin: str | None = None
    reason: str | None = None
    tip: Tip | None = None


async def act(work: Work, engagement_id: UUID, deed: Deed) -> dict[str, Any]:
    """Do one thing on an engagement and return it as the actor now sees it; both parties hear of it.

    `Forbidden`: the verb is the other party's. `IllegalMove`: not in this state. `LostRace`: somebody moved it
    at the same moment. `NotYourTurn`: it waits for the end of other work, and may only be cancelled. Whatever waits
    for the end of this one is promoted with it.
    """
    engagement, role = await access.engagement_of_party(work, engagement_id)
    if role not in VERB_ROLES[deed.verb] and role is not Role.OPS:
        raise Forbidden(f"a {role} does not {deed.verb}")
    before = EngagementState(engagement.state)
    if engagement.waits and before is EngagementState.CONFIRMED and deed.verb in _IN_TURN:
        await _turn_come(work, engagement, role)
    move(ENGAGEMENT_MOVES, before, deed.verb)
    moved = await _DO[deed.verb](work, engagement, role, deed)
    if before in ACTIVE_ENGAGEMENT and moved.state not in ACTIVE_ENGAGEMENT:
        await engagements.promote_after(work, moved, role)
    return await engagements.view_for(work, moved, role)


async def give_tip(work: Work, engagement_id: UUID, tip: Tip) -> dict[str, Any]:
    """Tip the provider of completed work, once, while reviews are open. All of it is theirs."""
    engagement, role = await access.engagement_of_party(work, engagement_id, lock=True)
    if role is not Role.CUSTOMER:
        raise Forbidden("only the customer tips")
    return payment_view(await _tip(work, engagement, tip))


async def on_auto_confirm(work: Work, engagement_id: UUID) -> None:
    """The customer has said nothing for long enough: the work counts as done and is paid for."""
    engagement = await store.confirm_once(work.db, engagement_id, work.now)
    if engagement is not None:
        await money.take(work, engagement, engagement.price_cents, engagement.fee_cents)
        await engagements.note(work, engagement, role=Role.ENGINE, verb=Verb.CONFIRM)


async def _turn_come(work: Work, engagement: Engagement, role: Role) -> None:
    """See that work no longer waits for other work: promoted since it was read, or left behind by a process of a
    version that promotes nothing."""
    assert engagement.after_id is not None, "asked of work that waits"
    over = await work.db.get_one(Engagement, engagement.after_id, populate_existing=True)
    if over.state in ACTIVE_ENGAGEMENT:
        raise NotYourTurn(after=str(over.id))
    await engagements.promote_after(work, over, role)


async def _set_off(work: Work, engagement: Engagement, role: Role, _: Deed) -> Engagement:
    moved = await store.set_off(work.db, engagement.id, work.now)
    if moved is None:
        if await store.busy_with(work.db, engagement.provider_id) not in (None, engagement.id):
            raise AlreadyBusy
        raise LostRace
    await stations.leave(work.db, [moved.provider_id])
    work.signal(f"duty.{moved.provider_id}")
    return await _told(work, moved, role, Verb.SET_OFF)


async def _arrive(work: Work, engagement: Engagement, role: Role, _: Deed) -> Engagement:
    values = {"state": EngagementState.ARRIVED, "arrived_at": work.now}
    moved = await store.move(work.db, engagement.id, seen=EngagementState.EN_ROUTE, values=values)
    return await _told(work, _still(moved), role, Verb.ARRIVE)


async def _start(work: Work, engagement: Engagement, role: Role, deed: Deed) -> Engagement:
    await money.require_authorised(work, engagement)
    if engagement.pin is not None and role is not Role.OPS:
        await _check_pin(work, engagement, deed.pin)
    values = {
        "state": EngagementState.IN_PROGRESS,
        "started_at": work.now,
        "pin_tries": 0,
        "pin_locked_until": None,
    }
    moved = await store.move(work.db, engagement.id, seen=EngagementState.ARRIVED, values=values)
    return await _told(work, _still(moved), role, Verb.START)


async def _finish(work: Work, engagement: Engagement, role: Role, _: Deed) -> Engagement:
    await lock_request(work.db, engagement.request_id)
    spec = await engagements.spec_of(work, engagement)
    ended = await engagements.end(work, engagement, EngagementState.COMPLETED, role=role, reason=None)
    if spec.completion.kind == "pin":
        await money.take(work, ended, ended.price_cents, ended.fee_cents)
    else:
        wait = min(spec.completion.auto_confirm_s, work.knobs.auto_confirm)
        work.schedule(TimerKind.AUTO_CONFIRM, ended.id, work.after(wait))
    work.schedule(TimerKind.REVIEWS_PUBLISH, ended.id, work.after(work.knobs.review_window))
    await requests.close(work, ended.request_id)
    return await _told(work, ended, role, Verb.FINISH)


async def _confirm(work: Work, engagement: Engagement, role: Role, deed: Deed) -> Engagement:
    work.settle(TimerKind.AUTO_CONFIRM, engagement.id)
    confirmed = await store.confirm_once(work.db, engagement.id, work.now)
    if confirmed is None:
        raise IllegalMove("this was confirmed before", state=engagement.state, verb=str(Verb.CONFIRM))
    await money.take(work, confirmed, confirmed.price_cents, confirmed.fee_cents)
    given = deed.tip or Tip(0)
    if given.cents:
        await _tip(work, confirmed, given, pointer="/tip")
    await engagements.note(work, confirmed, role=role, verb=Verb.CONFIRM, detail={"tip_cents": given.cents})
    return confirmed


async def _cancel(work: Work, engagement: Engagement, role: Role, deed: Deed) -> Engagement:
    request = await lock_request(work.db, engagement.request_id)
    engagement = await store.lock(work.db, engagement.id)  # a step taken at this very moment changes the fee
    before = EngagementState(engagement.state)
    ended = await engagements.cancel(work, engagement, role, deed.reason)
    if engagements.leaves_request_open(before, role):
        await requests.reopen(work, request, ended.provider_id)
    else:
        await requests.close(work, request.id)
    return ended


async def _no_show(work: Work, engagement: Engagement, role: Role, deed: Deed) -> Engagement:
    there = max(filter(None, (engagement.arrived_at, engagement.start_at)), default=work.now)
    not_before = there + timedelta(seconds=work.knobs.no_show_after)
    if work.now < not_before:
        raise TooEarly(
            "wait for the other party a little longer",
            french="attendez encore un peu l'autre partie",
            not_before=moment(not_before),
        )
    await lock_request(work.db, engagement.request_id)
    spec = await engagements.spec_of(work, engagement)
    owed = cancellation.no_show_fee(spec.cancellation, role, engagement.price_cents)
    ended = await engagements.end(
        work, engagement, EngagementState.NO_SHOW, role=role, reason=deed.reason, fee_on_end_cents=owed
    )
    await money.take(work, ended, owed, money.commission(spec, owed))
    await requests.close(work, ended.request_id)
    return await _told(work, ended, role, Verb.NO_SHOW, {"reason": deed.reason, "fee_cents": owed})


async def _dispute(work: Work, engagement: Engagement, role: Role, deed: Deed) -> Engagement:
    """Stop the clock: nothing more is taken until a human of ops has looked at it."""
    before = EngagementState(engagement.state)
    work.settle(TimerKind.AUTO_CONFIRM, engagement.id)
    if before is EngagementState.IN_PROGRESS:
        await lock_request(work.db, engagement.request_id)
        moved = await engagements.end(
            work, engagement, EngagementState.DISPUTED, role=role, reason=deed.reason
        )
        await requests.close(work, moved.request_id)
    else:
        values = {"state": EngagementState.DISPUTED}
        moved = _still(await store.move(work.db, engagement.id, seen=before, values=values))
    return await _told(work, moved, role, Verb.DISPUTE, {"reason": deed.reason})


_DO: Final[Mapping[Verb, Callable[[Work, Engagement, Role, Deed], Awaitable[Engagement]]]] = {
    Verb.SET_OFF: _set_off,
    Verb.ARRIVE: _arrive,
    Verb.START: _start,
    Verb.FINISH: _finish,
    Verb.CONFIRM: _confirm,
    Verb.CANCEL: _cancel,
    Verb.NO_SHOW: _no_show,
    Verb.DISPUTE: _dispute,
}


async def _told(
    work: Work, moved: Engagement, role: Role, verb: Verb, detail: Mapping[str, Any] | None = None
) -> Engagement:
    await engagements.note(work, moved, role=role, verb=verb, detail=detail)
    await engagements.tell_both(work, moved)
    return moved


async def _check_pin(work: Work, engagement: Engagement, said: str | None) -> None:
    """Compare a PIN that was said with the customer's. Five wrong ones lock it for a minute.

    The try is counted in a transaction of its own, before the comparison: it stays counted though the refusal
    rolls this one back, and guesses sent at once cannot outrun the count. This transaction holds no lock on
    the engagement yet, so the two never wait for each other.
    """
    if not said:
        raise Invalid.field(
            "/pin",
            "this work starts with the customer's PIN",
            "cette mission commence par le code PIN du client",
        )
    async with working_beside(work.tools) as aside:
        tries = await store.take_pin_try(
            aside.db, engagement.id, work.now, most=pins.PIN_TRIES, lock=pins.PIN_LOCK
        )
        until = None if tries else await store.pin_locked_until(aside.db, engagement.id)
    if tries is None:
        raise PinLocked(retry_after_s=pins.lock_left_s(until, work.now))
    if not pins.same_pin(said, engagement.pin or ""):
        raise WrongPin(tries_left=pins.tries_left(tries))


async def _tip(work: Work, engagement: Engagement, tip: Tip, *, pointer: str = "") -> Any:
    if tip.currency not in {None, engagement.currency}:
        raise Invalid.field(
            f"{pointer}/currency",
            f"prices here are in {engagement.currency}",
            f"ici l'on paie en {engagement.currency}",
        )
    if not 1 <= tip.cents <= MOST_TIP:
        raise Invalid.field(
            f"{pointer}/amount",
            f"a tip is between 1 and {MOST_TIP} cents",
            f"un pourboire est entre 1 et {MOST_TIP} centimes",
        )
    if engagement.state != EngagementState.COMPLETED or engagement.ended_at is None:
        raise IllegalMove("only completed work can be tipped", state=engagement.state, verb="tip")
    if work.now > window_ends(engagement.ended_at, work.knobs.review_window):
        raise IllegalMove("it is too late for a tip", state=engagement.state, verb="tip")
    method = await money.method_of(work, engagement)
    return await money.tip(work, engagement, tip.cents, method)


def _still(moved: Engagement | None) -> Engagement:
    if moved is None:
        raise LostRace
    return moved
