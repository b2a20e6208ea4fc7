"""A request's life is one trace, and every process knows its ids without being told them. Pure.

The trace id is the request's own UUID, the id of its first span is the second half of it, and that of an event's
span is a hash of the account and the number. So nothing has to be stored or carried for a round, a relay, a
gateway and a pusher to write into the same trace (docs/adr/0014-traces.md).
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, Protocol
from uuid import UUID

from domain.rules.events import Event, EventType
from domain.rules.ids import parse_id
from domain.rules.pushes import ids_of

SPAN_BYTES: Final = 8  # of a span's id (W3C Trace Context §3.2.2.4)
TYPES: Final = frozenset(kind.value for kind in EventType)


@dataclass(frozen=True, slots=True)
class Carried:
    """An event about a request, on its way to an account."""

    account_id: UUID
    seq: int
    type: str
    request_id: UUID


class Traces(Protocol):
    """Records what became of requests. Nothing here waits, and nothing here fails."""

    def deed(self, name: str) -> AbstractContextManager[None]:
        """What is committed inside is done by this: a span in the trace of each request it was about."""
        ...

    def committed(self, requests: Iterable[UUID], opened: Iterable[UUID]) -> None:
        """A transaction about these requests is committed; some of them began in it."""
        ...

    def relayed(self, event: Carried, since: datetime) -> None:
        """The event, written at `since`, has been handed to the bus."""
        ...

    def delivered(self, event: Carried, since: datetime, sockets: int) -> None:
        """The event, known to this process at `since`, waits to be sent on so many sockets of its account."""
        ...

    def pushed(self, event: Carried, since: datetime, *, platform: str, fate: str, attempt: int) -> None:
        """A carrier has been asked to push it, and has answered."""
        ...


def doing(traces: Traces | None, name: str) -> AbstractContextManager[None]:
    """`traces.deed`, where anybody records."""
    return nullcontext() if traces is None else traces.deed(name)


def trace_of(request_id: UUID) -> int:
    """The id of a request's trace: searched for by the request's id without its dashes."""
    return request_id.int


def first_span_of(request_id: UUID) -> int:
    """The id of the span that begins the trace. Never zero: the second half of a UUID begins with its variant."""
    return request_id.int & (1 << 64) - 1


def span_of(account_id: UUID, seq: int) -> int:
    """The id of the span of an account's event."""
    digest = blake2b(account_id.bytes + seq.to_bytes(8), digest_size=SPAN_BYTES).digest()
    return int.from_bytes(digest) or 1  # zero means that there is none


def carried(account_id: UUID, seq: int, type_: str, data: Mapping[str, Any]) -> Carried | None:
    """The event as a trace sees it; None when it names no request, and has no trace."""
    request_id = _request_of(type_, data)
    return None if request_id is None else Carried(account_id, seq, type_, request_id)


def requests_of(events: Iterable[Event]) -> set[UUID]:
    """The requests that events are about."""
    named = (_request_of(event.type.value, event.data) for event in events)
    return {request_id for request_id in named if request_id is not None}


def _request_of(type_: str, data: Mapping[str, Any]) -> UUID | None:
    if type_ not in TYPES:
        return None  # of a newer version, while two run side by side
    return parse_id(ids_of(EventType(type_), data).get("request_id", ""))
