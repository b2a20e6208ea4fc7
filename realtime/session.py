"""One client's conversation, without I/O: frames, answers and moments in, effects out.

The caller owns the socket, the clock and the database: it feeds `receive`, `tick` and the answers to the
effects it was given, and carries out what comes back, in order. Nothing a client sends raises here.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.rules.errors import Invalid, Refusal, TokenInvalid, TooMany
from realtime import frames
from realtime.cursor import Cursor
from realtime.effects import (
    Acknowledge,
    Authenticate,
    Close,
    CloseCode,
    Do,
    Effect,
    Report,
    Send,
    Standing,
    Subscribe,
    Unsubscribe,
)
from realtime.frames import FixIn, Up
from realtime.refusing import ProblemOf, plain_problem

HELLO_WITHIN: Final = 5.0  # s; API.md
HEARTBEAT_EVERY: Final = 25.0  # s; proxies may cut at 30 (notes/realtime.md §6)
PONG_WITHIN: Final = 10.0  # s after a heartbeat
FRAMES_PER_S: Final = 100.0  # sustained; a phone sends one or two
FRAMES_BURST: Final = 200.0
CHANNELS_AT_ONCE: Final = 32  # a phone follows one, an ops desk a map and what is clicked
HELD_FRAMES: Final = 32  # sent right behind the hello, before it is answered
REASON_BYTES: Final = 120  # a close frame carries at most 123 (RFC 6455 §5.5)


class Phase(StrEnum):
    GREETING = "greeting"  # no hello yet
    JUDGING = "judging"  # the hello is being looked at
    LIVE = "live"
    CLOSED = "closed"


class Session:
    """The conversation with one client, from hello to close."""

    __slots__ = (
        "_acked",
        "_allowance",
        "_allowed_at",
        "_bearer",
        "_expires_at",
        "_heard_at",
        "_held",
        "_hello",
        "_opened_at",
        "_pinged_at",
        "_problem_of",
        "_renewing",
        "account",
        "channels",
        "cursor",
        "id",
        "phase",
    )

    def __init__(
        self,
        session_id: str,
        *,
        now: float,
        bearer: str | None = None,
        problem_of: ProblemOf = plain_problem,
    ) -> None:
        """`bearer`: the token of the upgrade's Authorization header, if any. Times are unix seconds."""
        self.id = session_id
        self.phase = Phase.GREETING
        self.account: UUID | None = None
        self.channels: set[str] = set()
        self.cursor = Cursor(now)
        self._bearer = bearer
        self._problem_of = problem_of
        self._opened_at = self._heard_at = self._allowed_at = now
        self._allowance = FRAMES_BURST
        self._pinged_at: float | None = None
        self._expires_at: float | None = None
        self._hello: frames.Hello | None = None
        self._held: list[Up] = []
        self._renewing = False
        self._acked = 0

    # From the client

    def receive(self, text: bytes, now: float) -> list[Effect]:
        """One text frame has come."""
        if self.phase is Phase.CLOSED:
            return []
        self._heard_at, self._pinged_at = now, None
        if not self._within_rate(now):
            return self.close(CloseCode.TOO_FAST, f"more than {FRAMES_PER_S:.0f} frames a second")
        if len(text) > frames.MAX_FRAME_BYTES:
            return self.close(CloseCode.TOO_BIG, f"a frame over {frames.MAX_FRAME_BYTES} bytes")
        try:
            frame = frames.read(text)
        except frames.BadFrame as bad:
            return self.close(CloseCode.BAD_FRAME, str(bad))
        except frames.WrongFrame as wrong:
            return self._misread(wrong)
        return [] if frame is None else self._take(frame)

    def _take(self, frame: Up) -> list[Effect]:
        handle = _TABLE[self.phase].get(type(frame))
        if handle is not None:
            return handle(self, frame)
        if self.phase is Phase.GREETING:
            return self.close(CloseCode.UNAUTHENTICATED, "the first frame is hello")
        if self.phase is Phase.JUDGING:
            return self._hold(frame)
        return self.close(CloseCode.BAD_FRAME, f"{frames.tag_of(type(frame))} has no place here")

    def _hold(self, frame: Up) -> list[Effect]:
        if len(self._held) >= HELD_FRAMES:
            return self.close(CloseCode.TOO_FAST, "too many frames before the welcome")
        self._held.append(frame)
        return []

    def _misread(self, wrong: frames.WrongFrame) -> list[Effect]:
        """A known frame whose fields do not fit: told, and nothing else. But no talk starts that way."""
        if self.phase is not Phase.LIVE:
            return self.close(CloseCode.BAD_FRAME, f"{wrong.of}{wrong.pointer}: {wrong}")
        return [self._error(wrong.of, Invalid.field(wrong.pointer, str(wrong)))]

    def on_hello(self, frame: frames.Hello) -> list[Effect]:
        token = frame.token
        if token is None and frame.ticket is None:
            token = self._bearer
        if token is None and frame.ticket is None:
            return self.close(CloseCode.UNAUTHENTICATED, "hello needs a token or a ticket")
        self._hello, self.phase, self._bearer = frame, Phase.JUDGING, None
        return [Authenticate(token, frame.ticket, frame.device, frame.session, again=False)]

    def on_refresh(self, frame: frames.Refresh) -> list[Effect]:
        if frame.token is None and frame.ticket is None:
            return [self._error("refresh", Invalid("refresh needs a token or a ticket"))]
        if self._renewing:
            return []
        self._renewing = True
        return [Authenticate(frame.token, frame.ticket, None, None, again=True)]

    def on_position(self, frame: frames.Position) -> list[Effect]:
        fixes = frame.fixes or ()
        if frame.lat is not None and frame.lon is not None and frame.at is not None:
            sharpness = (frame.accuracy_m, frame.heading_deg, frame.speed_mps)
            fixes = (*fixes, FixIn(frame.lat, frame.lon, frame.at, *sharpness))
        if not fixes:
            return [self._error("position", Invalid("a position has lat, lon and at, or fixes"))]
        return [Report(fixes)]

    def on_subscribe(self, frame: frames.Subscribe) -> list[Effect]:
        if frame.channel not in self.channels and len(self.channels) >= CHANNELS_AT_ONCE:
            detail = f"at most {CHANNELS_AT_ONCE} channels at once"
            return [self._error("subscribe", TooMany(detail))]
        self.channels.add(frame.channel)
        return [Subscribe(frame.channel, frame.bbox, frame.zoom)]

    def on_unsubscribe(self, frame: frames.Unsubscribe) -> list[Effect]:
        self.channels.discard(frame.channel)
        return [Unsubscribe(frame.channel), Send(frames.write(frames.Unsubscribed(frame.channel)))]

    def on_ack(self, frame: frames.Ack) -> list[Effect]:
        seq = min(frame.seq, self.cursor.delivered)
        if seq <= self._acked:
            return []
        self._acked = seq
        return [Acknowledge(seq)]

    def on_ping(self, _: frames.Ping) -> list[Effect]:
        return [Send(_PONG)]

    def on_pong(self, _: frames.Pong) -> list[Effect]:
        return []

    def on_do(self, frame: frames.Do) -> list[Effect]:
        return [Do(frame.id, frame.op, frame.args)]

    # From the house

    def admitted(
        self, account: UUID, standing: Standing, *, expires_at: float | None, now: float
    ) -> list[Effect]:
        """The hello was good: welcome, then what was missed, then what was sent behind the hello."""
        if self.phase is not Phase.JUDGING or self._hello is None:
            return []
        hello, self._hello = self._hello, None
        self.phase, self.account, self._expires_at, self._heard_at = Phase.LIVE, account, expires_at, now
        welcome = frames.Welcome(self.id, standing.seq, standing.epoch, HEARTBEAT_EVERY)
        effects: list[Effect] = [Send(frames.write(welcome))]
        effects += self.cursor.begin(standing, after=hello.after, epoch=hello.epoch, now=now)
        held, self._held = self._held, []
        for frame in held:
            effects += self._take(frame)
        return effects

    def renewed(self, account: UUID, *, expires_at: float | None) -> list[Effect]:
        """A refresh was good. It must be for the same account."""
        self._renewing = False
        if account != self.account:
            return self.close(CloseCode.UNAUTHENTICATED, "this token is for another account")
        self._expires_at = expires_at
        return [Send(frames.write(frames.Refreshed()))]

    def refused(self, code: int, reason: str) -> list[Effect]:
        """The hello was not good: good-bye. A refresh that was not leaves things as they are, and is told."""
        if self._renewing:
            self._renewing = False
            return [self._error("refresh", TokenInvalid(reason))]
        return self.close(code, reason)

    def unrenewed(self, refusal: Refusal) -> list[Effect]:
        """A refresh could not be looked at: the house's fault, and the older token is as good as it was."""
        self._renewing = False
        return [self._error("refresh", refusal)]

    def heard(self, seq: int, frame: bytes) -> list[Effect]:
        """The bus carried an event of this account."""
        return [] if self.phase is Phase.CLOSED else self.cursor.heard(seq, frame)

    def read(self, events: Sequence[tuple[int, bytes]], standing: Standing, now: float) -> list[Effect]:
        """The log's answer to `ReadLog`."""
        return self.cursor.read(events, standing, now) if self.phase is Phase.LIVE else []

    def stands(self, standing: Standing) -> list[Effect]:
        """The answer to `Look`: where the stream stood a moment ago."""
        return self.cursor.stands(standing) if self.phase is Phase.LIVE else []

    def look(self) -> list[Effect]:
        """The other answer to `Look`: whether there is still a stream for this client must be seen by itself."""
        return self.cursor.look() if self.phase is Phase.LIVE else []

    def restored(self, standing: Standing, snapshot: Mapping[str, Any], now: float) -> list[Effect]:
        """The answer to `ReadSnapshot`."""
        if self.phase is not Phase.LIVE:
            return []
        self._acked = 0
        return self.cursor.restored(standing, snapshot, now)

    def unread(self, now: float) -> list[Effect]:
        """The log or the snapshot could not be read."""
        return self.cursor.unread(now)

    def follows(self, channel: str) -> list[Effect]:
        """The client may follow this channel, and does from now on."""
        return [Send(frames.write(frames.Subscribed(channel)))] if channel in self.channels else []

    def turned_away(self, channel: str, problem: Mapping[str, Any]) -> list[Effect]:
        """The client may not follow this channel."""
        self.channels.discard(channel)
        return [Send(frames.write(frames.Error(of="subscribe", problem=problem, channel=channel)))]

    def ended(self, channel: str) -> list[Effect]:
        """What a channel was about is over."""
        if channel not in self.channels or self.phase is not Phase.LIVE:
            return []
        self.channels.discard(channel)
        return [Send(frames.write(frames.Ended(channel)))]

    def drain(self, retry_ms: int) -> list[Effect]:
        """This process is leaving."""
        farewell = Send(frames.write(frames.Draining(retry_ms)))
        closing = self.close(CloseCode.DRAINING, f"draining; retry_ms={retry_ms}")
        return [farewell, *closing] if closing else []

    def close(self, code: int, reason: str) -> list[Effect]:
        """End it, once."""
        if self.phase is Phase.CLOSED:
            return []
        self.phase = Phase.CLOSED
        return [Close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))]

    # From the clock

    def tick(self, now: float) -> list[Effect]:
        """Time has passed. Called about once a second. A clock that was set back begins what it counts anew."""
        self._opened_at, self._heard_at = min(self._opened_at, now), min(self._heard_at, now)
        if self._pinged_at is not None:
            self._pinged_at = min(self._pinged_at, now)
        if self.phase is Phase.GREETING and now - self._opened_at >= HELLO_WITHIN:
            return self.close(CloseCode.UNAUTHENTICATED, f"no hello within {HELLO_WITHIN:.0f} s")
        if self.phase is Phase.JUDGING and now - self._heard_at >= HEARTBEAT_EVERY:
            return self.close(CloseCode.DRAINING, "too busy to greet; retry_ms=2000")
        return self._tick_live(now) if self.phase is Phase.LIVE else []

    def _tick_live(self, now: float) -> list[Effect]:
        if self._expires_at is not None and now >= self._expires_at:
            return self.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        silence = now - self._heard_at
        if self._pinged_at is not None and now - self._pinged_at >= PONG_WITHIN:
            return self.close(CloseCode.PING_TIMEOUT, f"nothing heard for {silence:.0f} s")
        effects = self.cursor.tick(now)
        if silence >= HEARTBEAT_EVERY and self._pinged_at is None:
            self._pinged_at = now  # the answer's time runs from the question, however late we were to ask
            effects.append(Send(_PING))
        return effects

    def _within_rate(self, now: float) -> bool:
        since, self._allowed_at = now - self._allowed_at, now
        allowance = self._allowance + since * FRAMES_PER_S if since > 0 else self._allowance
        self._allowance = min(FRAMES_BURST, allowance) - 1
        return self._allowance >= 0

    def _error(self, of: str, refusal: Refusal) -> Send:
        """What a frame did wrong: a slip of a client's author, told in English."""
        return Send(frames.write(frames.Error(of=of, problem=self._problem_of(refusal, "en"))))


_PING: Final = frames.write(frames.Ping())
_PONG: Final = frames.write(frames.Pong())

Handler = Callable[[Session, Any], list[Effect]]

# Which frame may come when, and who takes it. What is not here ends the conversation, or waits for the welcome.
_TABLE: Final[Mapping[Phase, Mapping[type[frames.Frame], Handler]]] = {
    Phase.GREETING: {
        frames.Hello: Session.on_hello,
        frames.Ping: Session.on_ping,
        frames.Pong: Session.on_pong,
    },
    Phase.JUDGING: {frames.Ping: Session.on_ping},
    Phase.LIVE: {
        frames.Refresh: Session.on_refresh,
        frames.Position: Session.on_position,
        frames.Subscribe: Session.on_subscribe,
        frames.Unsubscribe: Session.on_unsubscribe,
        frames.Ack: Session.on_ack,
        frames.Ping: Session.on_ping,
        frames.Pong: Session.on_pong,
        frames.Do: Session.on_do,
    },
    Phase.CLOSED: {},
}
