"""Ports: only where two real implementations exist. One contract suite runs against each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from domain.rules.money import Cents, Money
from geo.points import LatLng
from geo.travel import Profile, Route, Travel


class Clock(Protocol):
    """The wall clock, and waiting on it. Tests pass one that they move by hand."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class TravelTimes(Protocol):
    """Road travel times in one market. Every answer says where it comes from."""

    async def to_one(self, origins: Sequence[LatLng], destination: LatLng, profile: Profile) -> Travel:
        """From each origin to one destination (all candidates to a pickup)."""
        ...

    async def from_one(self, origin: LatLng, destinations: Sequence[LatLng], profile: Profile) -> Travel:
        """From one origin to each destination."""
        ...

    async def route(self, origin: LatLng, destination: LatLng, profile: Profile) -> Route | None:
        """The way itself, or `None` when there is none."""
        ...


Deliver = Callable[[str, bytes], None]


class Bus(Protocol):
    """At-most-once messages between processes. Nothing that matters may depend on one arriving."""

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to whoever listens now. Subjects are dotted words: `account.<id>`, `position.<market>`."""
        ...

    async def subscribe(self, pattern: str, deliver: Deliver) -> Callable[[], Awaitable[None]]:
        """Call `deliver(subject, payload)` for each match; `*` is one word, a last `>` the rest.

        `deliver` must not block. Returns the coroutine function that ends the subscription.
        """
        ...

    async def ready(self) -> bool:
        """Whether messages would go through now."""
        ...

    async def close(self) -> None:
        """Let go of sockets and tasks."""
        ...


class PushFate(StrEnum):
    """What became of one push."""

    SENT = "sent"
    FORGET_DEVICE = "forget_device"  # the registration is gone
    RETRY = "retry"  # quota or outage: later, if there is a later
    REFUSED = "refused"  # our fault: malformed, wrong sender; never retried
    ALERT = "alert"  # credentials to APNs or the like are broken: a human must act


@dataclass(frozen=True, slots=True)
class Push:
    """One message to one device."""

    to: str  # the push token, or the phone number for the console
    platform: str  # android | ios | web | console
    title: str
    body: str
    data: Mapping[str, str]
    collapse_key: str
    ttl_s: int
    urgent: bool
    quiet: bool = False  # shown without a sound


@dataclass(frozen=True, slots=True)
class PushResult:
    fate: PushFate
    detail: str = ""
    retry_after_s: float | None = None  # the carrier asks to be left alone for so long
    platform_only: bool = (
        False  # of an alert: it is about the push's platform (APNs, web push), not all of it
    )


class PushSender(Protocol):
    """Carries a push to a device (FCM, or the console in development)."""

    async def send(self, push: Push) -> PushResult:
        """Try once, bounded by the push's own `ttl_s`. Never raises for what the carrier answered."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class PspOutcome(StrEnum):
    """What the payment service says of an operation."""

    DONE = "done"
    DECLINED = "declined"
    PENDING = "pending"  # it will tell us later (webhook, or ask again)


@dataclass(frozen=True, slots=True)
class PspAnswer:
    outcome: PspOutcome
    ref: str
    reason: str = ""


class PspTimeout(Exception):
    """No answer in time: the operation may or may not have happened. Ask again with the same key."""


class Psp(Protocol):
    """A licensed payment service. Every call is idempotent by `key`; it holds the money, we never do."""

    async def authorise(self, key: str, amount: Money, *, method: str, meta: Mapping[str, Any]) -> PspAnswer:
        """Block an amount on the customer's means of payment."""
        ...

    async def capture(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        """Take up to the blocked amount; the rest is released."""
        ...

    async def release(self, key: str, ref: str) -> PspAnswer:
        """Let the blocked amount go."""
        ...

    async def refund(self, key: str, ref: str, amount: Cents) -> PspAnswer:
        """Give back what was captured."""
        ...
