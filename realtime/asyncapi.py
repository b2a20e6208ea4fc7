"""AsyncAPI 3.0 of the socket, generated from the frames themselves: what is documented is what is decoded."""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, Final

import msgspec

from domain.rules.events import EventType
from realtime import commands, frames
from realtime.channels import CHANNELS
from realtime.effects import CloseCode
from realtime.frames import DOWN_FRAMES, SUBPROTOCOL, UP_FRAMES, Frame, tag_of

VERSION: Final = "1.0.0"
CHANNEL: Final = "socket"
REF: Final = "#/components/schemas/{name}"

AN_ID: Final = "019682b3-1c00-7a52-8b5e-3f1c7f9d2a10"
A_PLACE: Final[dict[str, Any]] = {"lat": 43.7392, "lon": 7.4277}
A_MOMENT: Final = "2026-05-04T06:00:00.000Z"

# One example of each frame; a test decodes them all.
EXAMPLES: Final[Mapping[type[Frame], dict[str, Any]]] = {
    frames.Hello: {"token": "eyJhbGciOi…", "after": 41, "epoch": "1777874400", "device": "pixel-8"},
    frames.Refresh: {"token": "eyJhbGciOi…"},
    frames.Position: {**A_PLACE, "at": A_MOMENT, "accuracy_m": 5.0, "heading_deg": 90.0, "speed_mps": 8.3},
    frames.Subscribe: {"channel": "map:monaco", "bbox": [7.40, 43.72, 7.44, 43.75], "zoom": 14.0},
    frames.Unsubscribe: {"channel": f"engagement:{AN_ID}"},
    frames.Ack: {"seq": 42},
    frames.Ping: {},
    frames.Pong: {},
    frames.Do: {"id": "tap-1", "op": "offer.accept", "args": {"id": AN_ID}},
    frames.Welcome: {"session": AN_ID, "seq": 42, "epoch": "1777874400", "heartbeat_s": 25.0},
    frames.Refreshed: {},
    frames.Reset: {"seq": 42, "epoch": "1777874400", "snapshot": {"offers": [], "engagements": []}},
    frames.EventFrame: {"seq": 42, "type": "offer.created", "at": A_MOMENT, "data": {"id": AN_ID}},
    frames.Subscribed: {"channel": f"engagement:{AN_ID}"},
    frames.Unsubscribed: {"channel": f"engagement:{AN_ID}"},
    frames.Ended: {"channel": f"engagement:{AN_ID}"},
    frames.Track: {"engagement_id": AN_ID, **A_PLACE, "at": A_MOMENT, "eta_s": 140},
    frames.Map: {
        "channel": "map:monaco",
        "n": 1,
        "full": True,
        "upsert": [
            {"kind": "cell", "id": "c:893969a4003ffff", "cell": "893969a4003ffff", "demand": 2, "supply": 5}
        ],
        "remove": [],
        "counters": {"requests": {"open": 2, "matched": 1}},
    },
    frames.Done: {"id": "tap-1", "result": {"id": AN_ID, "state": "confirmed"}},
    frames.Failed: {"id": "tap-1", "problem": {"code": "lost_race", "title": "Somebody else was faster"}},
    frames.Error: {"of": "position", "problem": {"code": "not_on_duty", "title": "Go on duty first"}},
    frames.Fixes: {"accepted": 1, "dropped": [{"index": 0, "reason": "older_than_known"}]},
    frames.Draining: {"retry_ms": 1800},
}

# What answers what.
REPLIES: Final[Mapping[type[Frame], tuple[type[Frame], ...]]] = {
    frames.Hello: (frames.Welcome,),
    frames.Refresh: (frames.Refreshed, frames.Error),
    frames.Subscribe: (frames.Subscribed, frames.Error),
    frames.Unsubscribe: (frames.Unsubscribed,),
    frames.Do: (frames.Done, frames.Failed),
    frames.Ping: (frames.Pong,),
}

ABOUT: Final = """The account's numbered stream, positions, tracking, the ops map and commands on one socket.

JSON text frames told apart by `t`; unknown fields and types are ignored, so that both sides may add.
Events arrive in order, without gaps, at least once. Track and map frames are newest-wins: a slow reader gets fewer.
Close codes 4000-4499 mean come back (with full jitter), 4500-4999 mean stop."""


def asyncapi_document() -> dict[str, Any]:
    """The document, JSON-ready, the same every time. Operations are seen from the server."""
    every = tuple(dict.fromkeys((*UP_FRAMES, *DOWN_FRAMES)))
    arguments = [command.args for command in commands.COMMANDS.values()]
    _, schemas = msgspec.json.schema_components([*every, *arguments], ref_template=REF)
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])  # as Python itself does it from 3.13 on
    schemas["EventFrame"]["properties"]["type"]["examples"] = [kind.value for kind in EventType]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Coudmain socket", "version": VERSION, "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {
            CHANNEL: {
                "address": "/v1/ws",
                "description": f"Subprotocol `{SUBPROTOCOL}`. The first frame is `hello`, within 5 s.",
                "messages": {_name(frame): {"$ref": _message_ref(frame)} for frame in every},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "x-close-codes": {
                    name.lower(): code for name, code in vars(CloseCode).items() if name.isupper()
                },
            }
        },
        "operations": {
            **{f"receive_{_name(frame)}": _operation("receive", frame) for frame in UP_FRAMES},
            **{f"send_{_name(frame)}": _operation("send", frame) for frame in DOWN_FRAMES},
        },
        "components": {
            "messages": {_name(frame): _message(frame) for frame in every},
            "schemas": schemas,
        },
        "x-channels": {kind: channel.name for kind, channel in CHANNELS.items()},
        "x-commands": {
            op: {"$ref": REF.format(name=command.args.__name__)} for op, command in commands.COMMANDS.items()
        },
    }


def _name(frame: type[Frame]) -> str:
    return tag_of(frame)


def _message_ref(frame: type[Frame]) -> str:
    return f"#/components/messages/{_name(frame)}"


def _message(frame: type[Frame]) -> dict[str, Any]:
    words = " ".join((frame.__doc__ or "").split())
    return {
        "name": _name(frame),
        "summary": words.split(". ")[0].rstrip("."),
        "payload": {"$ref": REF.format(name=frame.__name__)},
        "examples": [{"payload": {"t": _name(frame), **EXAMPLES[frame]}}],
    }


def _operation(action: str, frame: type[Frame]) -> dict[str, Any]:
    here = f"#/channels/{CHANNEL}"
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": here},
        "messages": [{"$ref": f"{here}/messages/{_name(frame)}"}],
    }
    answers = REPLIES.get(frame, ()) if action == "receive" else ()
    if answers:
        operation["reply"] = {
            "channel": {"$ref": here},
            "messages": [{"$ref": f"{here}/messages/{_name(answer)}"} for answer in answers],
        }
    return operation
