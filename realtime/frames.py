"""Every frame of `coudmain.v1`, both ways, as msgspec structs: validation costs nothing, unknown fields pass.

One JSON object per WebSocket text message, told apart by `t`. A frame of an unknown type is ignored, so that
both sides may add. `read` is the door: what passes it needs no second look.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.rules.misfits import located
from domain.usecases.mapview import Item
from domain.usecases.readings import Lat, Lon, Reading

SUBPROTOCOL: Final = "coudmain.v1"
MAX_FRAME_BYTES: Final = 16 * 1024  # API.md; notes/realtime.md §6
FIXES_AT_ONCE: Final = 100  # a tunnel's worth at one fix a second; about 9 KB

Number = Annotated[int, Meta(ge=0, le=2**53)]  # what JavaScript counts without a slip
ChannelName = Annotated[str, Meta(min_length=1, max_length=120)]
ClientId = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class Frame(msgspec.Struct, tag_field="t", frozen=True, gc=False, omit_defaults=True):
    """A message with its type in `t`."""


Moment = Annotated[datetime, Meta(tz=True)]  # RFC 3339 with a zone


class FixIn(Reading, frozen=True, gc=False):
    """One reading of a phone's receiver, taken at `at` by the phone's clock."""


# Up: what a client sends.


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame. `after` and `epoch`: the last number seen, and of which stream.

    `device` names the installation: a newer socket of the same account and device replaces the older.
    """

    token: Annotated[str, Meta(max_length=4096)] | None = None
    ticket: Annotated[str, Meta(max_length=200)] | None = None
    after: Number | None = None
    epoch: Annotated[str, Meta(max_length=64)] | None = None
    device: Annotated[str, Meta(max_length=200)] | None = None
    session: Annotated[str, Meta(max_length=64)] | None = None


class Refresh(Frame, frozen=True, tag="refresh"):
    """A newer token of the same account, before the old one expires."""

    token: Annotated[str, Meta(max_length=4096)] | None = None
    ticket: Annotated[str, Meta(max_length=200)] | None = None


class Position(Frame, frozen=True, tag="position"):
    """One fix in the frame itself, or several in `fixes`."""

    lat: Lat | None = None
    lon: Lon | None = None
    at: Moment | None = None
    accuracy_m: float | None = None
    heading_deg: float | None = None
    speed_mps: float | None = None
    fixes: Annotated[tuple[FixIn, ...], Meta(max_length=FIXES_AT_ONCE)] | None = None


class Subscribe(Frame, frozen=True, tag="subscribe"):
    """`engagement:<id>`, or `map:<market>` with its view: bbox (west, south, east, north) and zoom."""

    channel: ChannelName
    bbox: tuple[Lon, Lat, Lon, Lat] | None = None
    zoom: Annotated[float, Meta(ge=0, le=24)] | None = None


class Unsubscribe(Frame, frozen=True, tag="unsubscribe"):
    channel: ChannelName


class Ack(Frame, frozen=True, tag="ack"):
    """Everything up to `seq` has been taken in: pushes about it need not be sent."""

    seq: Number


class Ping(Frame, frozen=True, tag="ping"):
    """Either side: are you there? Answered by `pong`."""


class Pong(Frame, frozen=True, tag="pong"):
    """I am here."""


class Do(Frame, frozen=True, tag="do"):
    """A command of the HTTP API; idempotent by `id`."""

    id: ClientId
    op: Annotated[str, Meta(max_length=60)]
    args: dict[str, Any] = {}


Up = Hello | Refresh | Position | Subscribe | Unsubscribe | Ack | Ping | Pong | Do

# Down: what the server sends.


class Welcome(Frame, frozen=True, tag="welcome"):
    """You are in. `seq`: the stream's last number now; events after your own number follow."""

    session: str
    seq: int
    epoch: str
    heartbeat_s: float


class Refreshed(Frame, frozen=True, tag="refreshed"):
    """The newer token is good: this socket lives as long as it does."""


class Reset(Frame, frozen=True, tag="reset"):
    """Your number cannot be resumed from: here is everything, and the number it stands for."""

    seq: int
    epoch: str
    snapshot: Mapping[str, Any]


class EventFrame(Frame, frozen=True, tag="event", omit_defaults=False):
    """One numbered event of the account."""

    seq: int
    type: str
    at: str
    data: Mapping[str, Any]


class Subscribed(Frame, frozen=True, tag="subscribed"):
    channel: str


class Unsubscribed(Frame, frozen=True, tag="unsubscribed"):
    channel: str


class Ended(Frame, frozen=True, tag="ended"):
    """The server has closed this channel: what it was about is over."""

    channel: str


class Track(Frame, frozen=True, tag="track", omit_defaults=False):
    """Where the provider of an engagement is; `eta_s` to where they are heading, null when nobody can say."""

    engagement_id: str
    lat: float
    lon: float
    at: str
    eta_s: int | None


class Map(Frame, frozen=True, tag="map", omit_defaults=False):
    """The n-th frame of a map channel. `full`: forget what you had. Then apply `remove`, then `upsert`."""

    channel: str
    n: int
    full: bool
    upsert: Sequence[Item]
    remove: Sequence[str]
    counters: Mapping[str, Any]


class Done(Frame, frozen=True, tag="done", omit_defaults=False):
    """The command's result: the body its HTTP route would answer."""

    id: str
    result: Any


class Failed(Frame, frozen=True, tag="failed"):
    """The command was refused and nothing changed: the problem its HTTP route would answer."""

    id: str
    problem: Mapping[str, Any]


class Error(Frame, frozen=True, tag="error"):
    """A frame that is no command was refused; the connection stays. `of`: its type."""

    of: str
    problem: Mapping[str, Any]
    channel: str | UnsetType = UNSET


class Dropped(msgspec.Struct, frozen=True, gc=False):
    index: int
    reason: str


class Fixes(Frame, frozen=True, tag="fixes", omit_defaults=False):
    """Some fixes were not taken. Sent only then."""

    accepted: int
    dropped: list[Dropped]


class Draining(Frame, frozen=True, tag="draining"):
    """This process is leaving: come back in about `retry_ms`. Close 4000 follows."""

    retry_ms: int


Down = (
    Welcome
    | Refreshed
    | Reset
    | EventFrame
    | Subscribed
    | Unsubscribed
    | Ended
    | Track
    | Map
    | Done
    | Failed
    | Error
    | Fixes
    | Ping
    | Pong
    | Draining
)


class BadFrame(ValueError):
    """Not a JSON object with a string `t`. There is no talking to such a client."""


class WrongFrame(ValueError):
    """A known type whose fields do not fit; `of` is the type, `pointer` the field's, the message says what is wrong."""

    def __init__(self, of: str, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.of, self.pointer = of, pointer


class _AnyFrame(msgspec.Struct, frozen=True, gc=False):
    t: str


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_up = msgspec.json.Decoder(Up)
_any = msgspec.json.Decoder(_AnyFrame)
_encoder = msgspec.json.Encoder()


def read(text: bytes) -> Up | None:
    """The frame a client sent; `None` for a type we do not know. Raises `BadFrame` or `WrongFrame`."""
    try:
        frame: Up = _up.decode(text)
    except UNREADABLE as wrong:
        _judge(text, wrong)
        return None
    return frame


def _judge(text: bytes, wrong: Exception) -> None:
    """Why the decoder would not have it; returns when there is only an unknown type to it."""
    try:
        kind = _any.decode(text).t
    except UNREADABLE:
        raise BadFrame("not a JSON object with a type in t") from None
    if kind in UP_TYPES:
        raise WrongFrame(kind, *located(wrong)) from None


def write(frame: Frame) -> bytes:
    """A frame as it goes over the wire."""
    return _encoder.encode(frame)


def tag_of(frame: type[Frame]) -> str:
    """The value of `t` of a frame's type."""
    tag = frame.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


UP_FRAMES: Final[tuple[type[Frame], ...]] = Up.__args__
DOWN_FRAMES: Final[tuple[type[Frame], ...]] = Down.__args__
UP_TYPES: Final = frozenset(tag_of(frame) for frame in UP_FRAMES)
