"""What a gateway tells whoever records traces: which events reached sockets, and when it heard of them."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.rules.traces import carried
from domain.usecases.work import Tools
from realtime.frames import EventFrame

_told = msgspec.json.Decoder(EventFrame)


def since(tools: Tools) -> datetime | None:
    """Now, if anybody records."""
    return None if tools.traces is None else tools.clock.now()


def delivered(tools: Tools, account: UUID, frame: bytes, heard_at: datetime | None, sockets: int) -> None:
    """An event's frame, known here since `heard_at`, waits for so many sockets of its account."""
    if tools.traces is None or heard_at is None:
        return
    told = _told.decode(frame)
    event = carried(account, told.seq, told.type, told.data)
    if event is not None:
        tools.traces.delivered(event, heard_at, sockets)
