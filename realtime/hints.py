"""An event on the bus: its number, and the frame that the account's sockets get."""

import msgspec

from domain.usecases.stream import Told
from realtime.frames import EventFrame, write


class AccountHint(msgspec.Struct, frozen=True, gc=False):
    """`account.<id>`: the account's event `seq`, as the frame that its sockets get."""

    seq: int
    frame: msgspec.Raw


def event_frame(event: Told) -> bytes:
    """An event as its account's sockets get it, from the log and from the relay alike."""
    return write(EventFrame(event.seq, event.type, event.at, event.data))


def event_hint(event: Told) -> bytes:
    """The payload of `account.<id>`."""
    return msgspec.json.encode(AccountHint(event.seq, msgspec.Raw(event_frame(event))))


def read_hint(payload: bytes) -> AccountHint:
    """What `event_hint` wrote."""
    return _hints.decode(payload)


_hints = msgspec.json.Decoder(AccountHint)
