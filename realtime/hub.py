"""The gateway: every socket of this process, what it may ask of the house, what the house tells it.

What a session wants done is done here through use cases; nothing here knows SQL or the HTTP API.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from domain.rules.errors import Refusal, Suspended, TokenExpired, TokenInvalid, Unavailable
from domain.rules.ids import parse_id
from domain.rules.tokens import read_access
from domain.rules.traces import doing
from domain.rules.turns import is_due
from domain.usecases import identity, stream
from domain.usecases.outages import ANSWER_WITHIN, took_too_long, unavailable_for
from domain.usecases.positions import Positions
from domain.usecases.work import NOBODY, Actor, Tools, Work, working
from realtime import commands, frames
from realtime.acknowledgements import Acknowledgements
from realtime.channels import Carriers
from realtime.connection import Connection, Line
from realtime.delivered import delivered, since
from realtime.doorstep import Doorstep
from realtime.effects import (
    Acknowledge,
    Authenticate,
    CloseCode,
    Do,
    Effect,
    ReadLog,
    ReadSnapshot,
    Report,
    Send,
    Subscribe,
    Unsubscribe,
)
from realtime.frames import write
from realtime.hints import event_frame, read_hint
from realtime.intake import Intake
from realtime.lookout import Lookout, standing_of
from realtime.mapdesk import MapDesk
from realtime.refusing import ProblemOf, plain_problem
from realtime.roster import Roster
from realtime.session import Session
from realtime.tracking import Tracking

log = logging.getLogger(__name__)

BEAT: Final = 0.25  # s between steps of the tracking channels
TICK_EVERY: Final = 1.0  # s between looks at the sessions' clocks
MAP_EVERY: Final = 1.0  # s between frames of the map channels
RETRY_FROM_MS: Final = 500  # a drained client comes back after this plus a random part of the spread
RETRY_SPREAD_MS: Final = 4_500
LOGGED_EVERY: Final = 1.0  # s between two lines about the same kind of failure
DRAIN_WITHIN: Final = 2.0  # s for farewells to leave


class _Glimpse(msgspec.Struct, frozen=True, gc=False):
    """As much of an engagement's event as says which engagement."""

    data: dict[str, Any]


class Gateway:
    """`run` it beside the server; `drain` it before the server stops. Owned by one event loop."""

    def __init__(
        self,
        tools: Tools,
        positions: Positions,
        *,
        problem_of: ProblemOf = plain_problem,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        """`answer_within`: seconds for whatever a session asks of the house; then it is given up and told."""
        self._tools = tools
        self._answer_within = answer_within
        self._positions = positions
        self.problem_of = problem_of
        self._roster = Roster()
        self.doorstep = Doorstep()
        self._tracking = Tracking(tools, positions)
        self._maps = MapDesk(tools)
        self._carriers = Carriers(self._tracking, self._maps)
        self._lookout = Lookout(tools)
        self._acknowledgements = Acknowledgements(tools)
        self._intake = Intake(positions, problem_of=problem_of, failed=self._failed)
        self._draining = False
        self._open = 0  # sockets whose tasks have not ended
        self._emptied: asyncio.Event | None = None
        self._ends: list[Callable[[], Awaitable[None]]] = []
        self._ticked_at = 0.0
        self._logged: dict[
            tuple[str, type[Exception]], float
        ] = {}  # when each kind of failure was; kinds are few

    @property
    def connections(self) -> int:
        """Open sockets, for the metrics."""
        return len(self._roster)

    @property
    def roster(self) -> Roster:
        """Who is connected, for the metrics."""
        return self._roster

    # Sockets

    def open(self, line: Line, bearer: str | None, address: str) -> Connection:
        """A socket has been accepted, of a client at this network address."""
        session = Session(
            str(self._tools.new_id()), now=self.now(), bearer=bearer, problem_of=self.problem_of
        )
        connection = Connection(session, line, carry_out=self._carry_out, take=self._intake.take)
        connection.on_over = self._roster.leave
        self._roster.meet(connection)
        self.doorstep.enter(connection, address)
        self._open += 1
        if self._draining:
            connection.perform(connection.session.drain(self._retry_ms()))
        return connection

    async def forget(self, connection: Connection) -> None:
        """A socket is closed and its tasks have ended."""
        self._roster.leave(connection)
        self.doorstep.leave(connection)
        self._open -= 1
        if not self._open and self._emptied is not None:
            self._emptied.set()
        await self._carriers.leave_all(connection)

    def now(self) -> float:
        """Unix seconds on the house's clock."""
        return self._tools.clock.now().timestamp()

    # Loops

    async def start(self) -> None:
        """Listen to the bus. `run` does it."""
        bus = self._tools.bus
        self._ends = [
            await bus.subscribe("account.*", self._heard_event),
            await bus.subscribe("suspended.*", self._heard_suspended),
            await bus.subscribe("signed_out.*", self._heard_signed_out),
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the sockets' clocks, the tracking channels and the maps going until told to stop."""
        await self.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_repeat(self.step_clocks, BEAT, stop))
                group.create_task(_repeat(self._tracking.step, BEAT, stop))
                group.create_task(_repeat(self._maps.step, MAP_EVERY, stop))
                group.create_task(_repeat(self._lookout.step, TICK_EVERY, stop))
                group.create_task(_repeat(self._acknowledgements.step, BEAT, stop))
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop listening."""
        for end in self._ends:
            await end()
        self._ends = []
        await self._tracking.stop()
        await self._acknowledgements.step()

    async def step(self) -> None:
        """One beat of everything that has one."""
        await self.step_clocks()
        await self._tracking.step()

    async def step_clocks(self) -> None:
        """Have sessions look at the clock, once a second. Waits for nothing: what a database does is nobody's time."""
        now = self.now()
        if is_due(now, self._ticked_at, TICK_EVERY):
            self._ticked_at = now
            for connection in self._roster:
                connection.perform(self._lookout.sift(connection, connection.session.tick(now)))

    async def step_acknowledgements(self) -> None:
        """Write what apps have taken in."""
        await self._acknowledgements.step()

    async def step_looks(self) -> None:
        """One look at the log, for those who are due."""
        await self._lookout.step()

    async def step_maps(self) -> None:
        """One frame of the maps."""
        await self._maps.step()

    async def drain(self) -> None:
        """Say good-bye to everybody, each with another moment to come back; returns when they have gone."""
        self._draining = True
        for connection in self._roster:
            connection.perform(connection.session.drain(self._retry_ms()))
        if self._open:
            self._emptied = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_WITHIN):
                    await self._emptied.wait()

    def _retry_ms(self) -> int:
        return RETRY_FROM_MS + int.from_bytes(self._tools.entropy(2)) * RETRY_SPREAD_MS // 0xFFFF

    # From the bus

    def _heard_event(self, subject: str, payload: bytes) -> None:
        account = parse_id(subject.partition(".")[2])
        mine = [] if account is None else self._roster.of(account)
        if not mine:
            return
        hint = read_hint(payload)
        frame, heard_at = bytes(hint.frame), since(self._tools)
        for connection in mine:
            connection.perform(connection.session.heard(hint.seq, frame))
        delivered(self._tools, mine[0].actor.id, frame, heard_at, len(mine))
        if b'"engagement.' in frame:
            engagement = parse_id(str(_glimpses.decode(frame).data.get("engagement_id")))
            if engagement is not None:
                self._tracking.look_again(engagement)

    def _heard_suspended(self, subject: str, _: bytes) -> None:
        account = parse_id(subject.partition(".")[2])
        if account is not None:
            for connection in self._roster.of(account):
                connection.perform(connection.session.close(CloseCode.FORBIDDEN, "this account is suspended"))

    def _heard_signed_out(self, subject: str, _: bytes) -> None:
        family = parse_id(subject.partition(".")[2])
        for connection in self._roster if family is not None else ():
            if connection.actor.family_id == family:
                ended = connection.session.close(CloseCode.UNAUTHENTICATED, "this sign-in has ended")
                connection.perform(ended)

    # What sessions ask for

    async def _carry_out(self, connection: Connection, effect: Effect) -> list[Effect]:
        """Do what a session asked. A failure of the house is logged and told; it ends no connection but a greeting."""
        try:
            async with asyncio.timeout(self._answer_within):
                return await self._do(connection, effect)
        except Refusal as refusal:
            return self._refused(connection, effect, refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and logged in one place
            return self._failed(connection, effect, error)

    def _failed(self, connection: Connection, effect: Effect, error: Exception) -> list[Effect]:
        """What a client is told when the house could not do what it asked."""
        session = connection.session
        failed = took_too_long() if isinstance(error, TimeoutError) else unavailable_for(error)
        self._log(type(effect).__name__, error, is_defect=failed is None)
        failed = failed or Unavailable("something went wrong on our side")
        match effect:
            case Authenticate(again=True):
                return session.unrenewed(failed)
            case Authenticate():
                return session.close(CloseCode.DRAINING, f"not now; retry_ms={self._retry_ms()}")
            case ReadLog() | ReadSnapshot():
                return session.unread(self.now())
            case _:
                return self._refused(connection, effect, failed)

    def _log(self, asked: str, error: Exception, *, is_defect: bool) -> None:
        """Each kind of failure once a second: in an outage ten thousand phones meet the same one."""
        kind, now = (asked, type(error)), self.now()
        if is_due(now, self._logged.get(kind, 0.0), LOGGED_EVERY):
            self._logged[kind] = now
            if is_defect:
                log.error("a socket's %s failed", asked, exc_info=error)
            else:
                log.warning("a socket's %s failed: %s", asked, error)

    async def _do(self, connection: Connection, effect: Effect) -> list[Effect]:
        if isinstance(effect, Do | Report):  # what was sent before it comes before it
            await self._intake.settle()
        match effect:
            case Authenticate():
                return await self._admit(connection, effect)
            case ReadLog():
                return await self._read_log(connection, effect)
            case ReadSnapshot():
                return await self._read_snapshot(connection)
            case Report():
                return await self._report(connection, effect)
            case Do():
                with doing(self._tools.traces, f"do {commands.name_of(effect)}"):
                    result = await commands.carry_out(self._tools, connection.actor, effect)
                return [Send(write(frames.Done(effect.id, result)))]
            case Subscribe():
                return await self._subscribe(connection, effect)
            case Unsubscribe():
                await self._carriers.leave(connection, effect.channel)
            case Acknowledge():
                self._acknowledgements.note(connection.actor.id, effect.seq)
            case _:
                raise TypeError(f"nobody carries out {effect}")
        return []

    def _refused(self, connection: Connection, effect: Effect, refusal: Refusal) -> list[Effect]:
        session = connection.session
        if isinstance(refusal, TokenInvalid | Suspended) and not isinstance(effect, Authenticate):
            return session.close(_close_for(refusal), refusal.detail)  # the sign-in has ended meanwhile
        problem = self.problem_of(refusal, connection.actor.language)
        match effect:
            case Authenticate():
                return session.refused(_close_for(refusal), refusal.detail)
            case Do():
                return [Send(write(frames.Failed(effect.id, problem)))]
            case Subscribe():
                return session.turned_away(effect.channel, problem)
            case Report():
                return [Send(write(frames.Error(of="position", problem=problem)))]
            case _:
                return [Send(write(frames.Error(of=type(effect).__name__.lower(), problem=problem)))]

    async def _admit(self, connection: Connection, ask: Authenticate) -> list[Effect]:
        session = connection.session
        if ask.again:
            async with working(self._tools, NOBODY) as work:
                actor, expires_at = await _who(work, ask)
            if actor.id == connection.actor.id:
                connection.actor = actor  # it may have become ops meanwhile, or speak another language
            return session.renewed(actor.id, expires_at=expires_at)
        async with working(self._tools, NOBODY) as work:
            work.actor, expires_at = await _who(work, ask)
            # Known before its standing is read: an event committed in between is heard, not lost.
            connection.actor, connection.device = work.actor, ask.device
            self._roster.join(connection, session=ask.session)
            stands = await stream.standing(work)
        self.doorstep.leave(connection)
        return session.admitted(work.actor.id, standing_of(stands), expires_at=expires_at, now=self.now())

    async def _read_log(self, connection: Connection, ask: ReadLog) -> list[Effect]:
        asked_at = since(self._tools)
        async with working(self._tools, connection.actor) as work:
            await identity.as_of_now(work)
            stands, events = await stream.events_after(work, ask.after, ask.limit)
        page = [(event.seq, event_frame(event)) for event in events]
        for _, frame in page:
            delivered(self._tools, connection.actor.id, frame, asked_at, 1)
        return connection.session.read(page, standing_of(stands), self.now())

    async def _read_snapshot(self, connection: Connection) -> list[Effect]:
        async with working(self._tools, connection.actor) as work:
            await identity.as_of_now(work)
            stands, state = await stream.snapshot(work)
        return connection.session.restored(standing_of(stands), state, self.now())

    async def _report(self, connection: Connection, ask: Report) -> list[Effect]:
        receipt = await self._positions.report(connection.actor, ask.fixes)
        return self._intake.answer(receipt, connection.actor.language)

    async def _subscribe(self, connection: Connection, ask: Subscribe) -> list[Effect]:
        async with working(self._tools, connection.actor) as work:
            connection.actor = await identity.as_of_now(work)  # it may be staff no longer
        await self._carriers.join(connection, ask)
        return connection.session.follows(ask.channel)


async def _who(work: Work, ask: Authenticate) -> tuple[Actor, float | None]:
    """The actor of a token or ticket, and when that ends (a ticket's socket lives as long as its sign-in)."""
    if ask.ticket is not None:
        return await identity.redeem_ticket(work, ask.ticket), None
    claims = read_access(work.tools.secrets.tokens, ask.token or "", work.now)
    return await identity.actor_of(work, claims), float(claims.expires_at)


def _close_for(refusal: Refusal) -> int:
    return _REFUSED.get(type(refusal), CloseCode.UNAUTHENTICATED)


async def _repeat(step: Callable[[], Awaitable[None]], every: float, stop: asyncio.Event) -> None:
    """Step again and again; one that fails is logged, and the next comes."""
    while not stop.is_set():
        try:
            await step()
        except Exception:
            log.exception("a step of the gateway failed")
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await stop.wait()


# Which close a refused sign-in gets; any other refusal is 4501.
_REFUSED: Final[Mapping[type[Refusal], int]] = {
    Suspended: CloseCode.FORBIDDEN,
    TokenExpired: CloseCode.TOKEN_EXPIRED,
}

_glimpses = msgspec.json.Decoder(_Glimpse)
