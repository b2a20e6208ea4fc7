"""What a session asks of the world around it, as values; and the codes it closes with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from realtime.frames import FixIn


class CloseCode:
    """4000-4499: come back, with jitter; 4500-4999: stop. The table of API.md."""

    DRAINING: Final = 4000
    PING_TIMEOUT: Final = 4001
    TOO_SLOW: Final = 4002
    TOKEN_EXPIRED: Final = 4003
    TOO_FAST: Final = 4008
    BAD_FRAME: Final = 4500
    UNAUTHENTICATED: Final = 4501
    REPLACED: Final = 4503
    VERSION_UNSUPPORTED: Final = 4504
    FORBIDDEN: Final = 4507  # the account is suspended; a refused channel is an `error` frame instead
    TOO_BIG: Final = 1009


LEFT: Final = "the client has left"  # the reason of a close that nobody will read


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account's stream stands: its epoch, its last number, the oldest number kept."""

    epoch: str
    seq: int
    kept_from: int


@dataclass(frozen=True, slots=True)
class Send:
    """A frame that must arrive."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection: the last effect of a session."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out who this is; answer with `admitted`, `renewed` or `refused`."""

    token: str | None
    ticket: str | None
    device: str | None
    session: str | None
    again: bool


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Read events after a number; answer with `read` or `unread`."""

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Look:
    """See where the stream stands, together with everybody else's; answer with `stands` or `look`, some time soon."""


LOOK: Final = Look()


@dataclass(frozen=True, slots=True)
class ReadSnapshot:
    """Read the account's state and the number it stands for; answer with `restored` or `unread`."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Let this client follow a channel, if it may; a second time changes the view."""

    channel: str
    bbox: tuple[float, float, float, float] | None
    zoom: float | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """It follows the channel no longer."""

    channel: str


@dataclass(frozen=True, slots=True)
class Report:
    """Take these fixes."""

    fixes: tuple[FixIn, ...]


@dataclass(frozen=True, slots=True)
class Do:
    """Carry out a command of the HTTP API, once for this client id."""

    id: str
    op: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The client has taken in everything up to this number."""

    seq: int


Effect = (
    Send
    | Close
    | Authenticate
    | Look
    | ReadLog
    | ReadSnapshot
    | Subscribe
    | Unsubscribe
    | Report
    | Do
    | Acknowledge
)
