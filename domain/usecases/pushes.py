"""Pushes: planned beside the events they tell, dropped when the socket was faster, claimed, settled.

Nobody talks to a carrier in here: `due` claims and commits, the sender sends, `settle` writes what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.events import EventType
from domain.rules.ports import PushFate, PushResult
from domain.rules.pushes import (
    Family,
    PushRule,
    ids_of,
    is_night,
    is_quiet,
    next_attempt,
    own_doing,
    rule_for,
    waits,
    worth_until,
)
from domain.store import pushes as store
from domain.store.pushes import Claimed
from domain.store.tables import EventRow
from domain.usecases.work import Tools, Work

KNOWN: Final[frozenset[str]] = frozenset(EventType)
CONSOLE: Final = "console"  # the phone itself as a device, in development
CLEARED_ON: Final = "android"  # the only platform where a silent push can take a notification away
LEASE: Final = timedelta(seconds=30)  # of a claim; longer than any sender tries (fcm.MOST_S)
STALE: Final = timedelta(days=30)  # no app start since: FCM's own advice for registrations
MOST_LATE: Final = 500  # a look; the rest is marked half a second later
OUTBOX_KEPT: Final = 50  # pushes of one number in the development outbox


@dataclass(frozen=True, slots=True)
class DuePush:
    """A claimed push with all its words depend on. `to` is a push token, or a phone number on the console."""

    id: UUID
    account_id: UUID
    device_id: str
    platform: str
    to: str
    language: str
    type: EventType
    seq: int
    ids: dict[str, str]
    role: str  # customer | provider: whose words; empty where there is but one reader
    origin: str  # of an offer: dispatch | proposal | counter
    family: Family
    not_after: datetime
    attempts: int
    urgent: bool
    quiet: bool
    clears: bool


def uses_console(tools: Tools) -> bool:
    """In development without Firebase every push goes to the console, to the account's phone number."""
    return tools.development and tools.firebase is None


async def plan(work: Work, rows: Sequence[EventRow]) -> int:
    """Put in line the pushes that some new events are worth, one per device; how many.

    In the transaction that claims the events, so that none is forgotten or planned twice (twice does no harm:
    a device gets a number once). A newer event about the same thing replaces what still waits.
    """
    worth = _worth(rows)
    if not worth:
        return 0
    clears = {(told.account_id, told.topic) for told in worth if told.rule.clears}
    shown = await store.told_of(work.db, clears)
    newest = {(told.account_id, told.topic): told.seq for told in worth}  # in order: the last one counts
    await store.replace(work.db, newest)
    living = [
        told
        for told in worth
        if newest[told.account_id, told.topic] == told.seq and told.next_at(work.now) < told.not_after
    ]
    devices = await _devices(work, {told.account_id for told in living})
    markets = await _markets(work, living)
    lines = [
        _line(work, told, device, markets)
        for told in living
        for device, platform in devices.get(told.account_id, [])
        if not told.rule.clears or (platform == CLEARED_ON and (told.account_id, told.topic, device) in shown)
    ]
    if any(line["next_at"] <= work.now for line in lines):
        work.signal("wake.push")
    return await store.put(work.db, lines)


async def acknowledge(work: Work, taken_in: Mapping[UUID, int]) -> int:
    """An app of each account has taken in everything up to that number: nothing of it is pushed any more. How many."""
    return await store.ack(work.db, taken_in)


async def due(work: Work, limit: int) -> list[DuePush]:
    """Claim at most `limit` pushes that are due, the shortest-lived first; those whose time is over are marked.

    Commit before sending. Whoever dies with a claim loses nothing: it runs out after `LEASE`.
    """
    await store.end_late(work.db, work.now, MOST_LATE)
    claimed = await store.claim_due(work.db, work.now, until=work.now + LEASE, limit=limit)
    found = []
    for one in claimed:
        if one.row.type not in KNOWN:
            continue  # a newer version's: when our claim has run out, it may find it
        push = _due(one, on_console=uses_console(work.tools))
        if push is None:
            await store.end(work.db, one.row.id, "refused", "the device is gone")
        elif (quiet_until := _quiet_until(one)) is None:
            found.append(push)
        elif quiet_until < push.not_after:
            await store.sleep(work.db, push.id, quiet_until)
        else:
            await store.end(work.db, push.id, "late", "its quiet hours outlast it")
    return found


async def settle(work: Work, push: DuePush, result: PushResult) -> None:
    """Write what became of a push. One acknowledged meanwhile stays so; a retry never comes after its time."""
    match result.fate:
        case PushFate.SENT:
            await store.end(work.db, push.id, "sent", result.detail or None)
        case PushFate.FORGET_DEVICE:
            await store.forget_device(work.db, push.account_id, push.device_id, push.to)
            await store.end(work.db, push.id, "refused", result.detail)
        case PushFate.RETRY:
            again = next_attempt(work.now, push.attempts, result.retry_after_s, push.not_after)
            if again is None:
                await store.end(work.db, push.id, "late", result.detail)
            else:
                await store.postpone(work.db, push.id, again, result.detail)
        case PushFate.REFUSED:
            await store.end(work.db, push.id, "refused", result.detail)
        case PushFate.ALERT:  # one that is tried now and then meets it; the others wait for the carrier
            await store.end(work.db, push.id, "alert", result.detail)


async def keep_sent(work: Work, *, to: str, body: str, data: dict[str, str]) -> None:
    """Keep what the console sent, for the development outbox; elsewhere nothing is kept."""
    if work.tools.development:
        values = {"id": work.new_id(), "to": to, "kind": "push", "body": body, "data": data, "at": work.now}
        await store.keep_sent(work.db, values, OUTBOX_KEPT)


@dataclass(frozen=True, slots=True)
class _Told:
    """An event worth a push."""

    row: EventRow
    rule: PushRule
    ids: dict[str, str]

    @property
    def account_id(self) -> UUID:
        return self.row.account_id

    @property
    def seq(self) -> int:
        return self.row.seq

    @property
    def topic(self) -> str:
        return f"{self.rule.family}:{self.ids.get(self.rule.subject, self.row.seq)}"

    @property
    def not_after(self) -> datetime:
        return worth_until(self.rule, self.row.at, self.row.not_after)

    @property
    def places(self) -> tuple[str | None, str | None]:
        """What may know the market: the engagement, the request."""
        return self.ids.get("engagement_id"), self.ids.get("request_id")

    def next_at(self, now: datetime) -> datetime:
        """The socket goes first, counted from the event: a relay that slept makes nobody wait again."""
        return max(now, self.row.at + timedelta(seconds=self.rule.after_s))


def _worth(rows: Sequence[EventRow]) -> list[_Told]:
    found = []
    for row in sorted(rows, key=lambda row: (row.account_id, row.seq)):
        if row.type not in KNOWN:
            continue  # a newer version wrote it while this one still runs: what it is worth, we cannot know
        type_ = EventType(row.type)
        rule = rule_for(type_, row.data)
        if rule is not None and not own_doing(row.account_id, row.data):
            found.append(_Told(row, rule, ids_of(type_, row.data)))
    return found


async def _devices(work: Work, accounts: set[UUID]) -> dict[UUID, list[tuple[str, str]]]:
    """`(device, platform)` of each account; in development who has none has the console."""
    devices = await store.devices_of(work.db, accounts, seen_since=work.now - STALE)
    if uses_console(work.tools):
        for account in await store.with_a_phone(work.db, accounts - devices.keys()):
            devices[account] = [(CONSOLE, CONSOLE)]
    return devices


async def _markets(work: Work, told: Sequence[_Told]) -> dict[UUID, str]:
    """The markets of events that do not say theirs, by engagement or request."""
    silent = [one.places for one in told if not one.row.data.get("market")]
    return await store.markets_of(
        work.db,
        engagements=store.ids_in(engagement for engagement, _ in silent),
        requests=store.ids_in(request for _, request in silent),
    )


def _line(work: Work, told: _Told, device: str, markets: dict[UUID, str]) -> dict[str, Any]:
    """The row of one push: ids, and the little its words depend on. No fare, address or place is copied."""
    data, known = told.row.data, [markets[id_] for id_ in store.ids_in(told.places) if id_ in markets]
    said = {
        "ids": told.ids,
        "role": data.get("role"),
        "origin": data.get("origin"),
        "market": data.get("market") or next(iter(known), None),
    }
    return {
        "id": work.new_id(),
        "account_id": told.account_id,
        "device_id": device,
        "seq": told.seq,
        "type": told.row.type,
        "topic": told.topic,
        "data": {name: value for name, value in said.items() if value is not None},
        "not_after": told.not_after,
        "next_at": told.next_at(work.now),
        "state": store.WAITING,
    }


def _quiet_until(one: Claimed) -> datetime | None:
    """Until when a push waits for its reader's quiet hours; None: it may go now."""
    rule = rule_for(EventType(one.row.type), one.row.data)
    since, until = one.account.quiet_from, one.account.quiet_until
    if rule is None or since is None or until is None or one.minute is None or not waits(rule):
        return None
    return one.quiet_ends if is_quiet(one.minute, since, until) else None


def _due(one: Claimed, *, on_console: bool) -> DuePush | None:
    """What a claimed row comes to; None when there is no device any more to send it to."""
    row, device, account = one.row, one.device, one.account
    said: dict[str, Any] = row.data
    type_ = EventType(row.type)
    rule = rule_for(type_, said)
    to = account.phone if on_console else None if device is None else device.push_token
    if rule is None or to is None or (device is None and row.device_id != CONSOLE):
        return None
    return DuePush(
        id=row.id,
        account_id=row.account_id,
        device_id=row.device_id,
        platform=CONSOLE if on_console or device is None else device.platform,
        to=to,
        language=account.language if device is None else device.language,
        type=type_,
        seq=row.seq,
        ids=dict(said["ids"]),
        role=said.get("role", ""),
        origin=said.get("origin", ""),
        family=rule.family,
        not_after=row.not_after,
        attempts=row.attempts,
        urgent=rule.urgent,
        quiet=rule.sleeps and account.quiet_from is None and one.hour is not None and is_night(one.hour),
        clears=rule.clears,
    )
