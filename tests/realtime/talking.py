"""What a client says to a session, and what is read of its effects."""

import json
from typing import Any
from uuid import UUID

from realtime.effects import Close, Effect, Send, Standing
from realtime.frames import EventFrame, write
from realtime.session import Session
from tests.realtime.documented import as_documented

ME = UUID(int=7)
SOMEBODY = UUID(int=8)


def up(t: str, **fields: Any) -> bytes:
    """A frame, which the document and the decoder judge alike."""
    return as_documented(json.dumps({"t": t, **fields}).encode())


def event(seq: int) -> bytes:
    return write(EventFrame(seq=seq, type="message.created", at="2026-05-04T06:00:00.000Z", data={}))


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [json.loads(effect.frame) for effect in effects if isinstance(effect, Send)]


def close_of(effects: list[Effect]) -> int | None:
    return next((effect.code for effect in effects if isinstance(effect, Close)), None)


def a_live_session(*, seq: int = 0, kept_from: int = 1, **hello: Any) -> tuple[Session, list[Effect]]:
    session = Session("s1", now=0.0)
    session.receive(up("hello", token="good", **hello), 0.0)
    standing = Standing("e1", seq, kept_from)
    return session, session.admitted(ME, standing, expires_at=900.0, now=0.0)
