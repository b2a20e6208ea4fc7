"""Positions: taken into memory, passed on as hints, and kept only as the track of work under way.

Nothing here writes a position but `_keep_tracks`, and the statement behind it writes none for an engagement
that is not en route, arrived or in progress.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec
import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from domain.rules.errors import NotOnDuty
from domain.rules.ids import parse_id
from domain.rules.turns import is_due
from domain.store.positions import Duty
from domain.usecases import tracks
from domain.usecases.access import require_account
from domain.usecases.dutybook import DutyBook
from domain.usecases.pace import Pace
from domain.usecases.positiontally import PositionTally
from domain.usecases.readings import Reading, Receipt, Report, Trails, without_first
from domain.usecases.work import ENGINE, Actor, Tools, working
from geo.live import Fix, Fixes, LiveIndex
from geo.livepoints import LivePoint
from geo.points import LatLng

log = logging.getLogger(__name__)

STEP_EVERY: Final = 1.0  # s between flushes of tracks: a crash loses at most this much of a line on a map
SWEEP_EVERY: Final = 10.0  # s
TOGETHER_FROM: Final = (
    32  # hints of one message: fewer cost less one by one, hundreds a quarter of it as columns
)
HINTS_AT_ONCE: Final = 1_000  # of one message, some 250 KB: NATS takes no message over a megabyte
UNKEPT_FIXES: Final = 600  # an engagement, while the database is away: ten minutes at one a second; older go


class PositionHint(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A provider's newest fix, for the live indexes of other processes."""

    provider: UUID
    services: tuple[str, ...]
    available: bool
    lat: float
    lon: float
    at: float
    heading_deg: float | None = None
    speed_mps: float | None = None
    accuracy_m: float | None = None


class PositionHints(msgspec.Struct, frozen=True, gc=False):
    """`position.<market>`: what one process took together. `node` is its name, and comes first in the text."""

    node: str
    hints: list[PositionHint]


class TrackHint(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`track.<engagement>`: where its provider is, for whoever follows it."""

    lat: float
    lon: float
    at: float

    @property
    def place(self) -> LatLng:
        return LatLng(self.lat, self.lon)


class Positions:
    """One process's part in positions: `run` it (or by hand: `start`, `step` each second, `stop`)."""

    def __init__(self, tools: Tools, *, node: str) -> None:
        """`node`: a name for this process that no other has, to know its own hints by."""
        self._tools = tools
        self._node = node
        self._own = msgspec.json.encode(PositionHints(node, []))[: -len("]}")]  # how our own hints begin
        self._book = DutyBook(tools)
        self._off_duty = LiveIndex()  # who finishes their work after going off duty: never offered anything
        self._market_of: dict[UUID, str] = {}  # where the live indexes have whom
        self._applied: dict[UUID, tuple[Duty, LiveIndex]] = {}  # what the indexes were last told, and which
        self._unkept: dict[tuple[UUID, str], list[Fix]] = {}
        self._swept_at = 0.0
        self._pace = Pace()
        self.tally = PositionTally()
        self._ends: list[Callable[[], Awaitable[None]]] = []

    async def start(self) -> None:
        """Listen for what other processes hear, and for changes of duty."""
        bus = self._tools.bus
        self._ends = [
            await bus.subscribe("position.>", self._heard_position),
            await bus.subscribe("duty.*", self._heard_duty),
            await bus.subscribe("account.*", self._heard_account),
        ]

    async def report(self, actor: Actor, readings: Sequence[Reading]) -> Receipt:
        """Take a provider's fixes. `NotOnDuty` when neither duty nor work gives us any business with them."""
        account = require_account(actor)
        duty = await self._book.of(account)
        if self._apply(account, duty) is None:
            # The signal of a change may be on its way: nobody is refused from memory.
            duty = await self._book.anew(account)
        (receipt,) = await self._take([(account, readings)], {account: duty}.get)
        if receipt is None:
            raise NotOnDuty
        return receipt

    async def learn(self, accounts: Iterable[UUID]) -> None:
        """Read the duty of those whose is not known at this moment, in one query: before `report_all`."""
        await self._book.learn(accounts)

    async def report_all(self, lots: Sequence[tuple[UUID, Sequence[Reading]]]) -> list[Receipt | None]:
        """Take many accounts' fixes together, a lot after the other; the answer of each, None: not on duty.

        All of it is taken before this waits for anything. Who is known no longer is as if off duty, until asked
        for again (`report`).
        """
        now = self._now()
        return await self._take(lots, lambda account: self._book.known(account, now))

    async def _take(
        self, lots: Sequence[tuple[UUID, Sequence[Reading]]], duty_of: Callable[[UUID], Duty | None]
    ) -> list[Receipt | None]:
        now = self._now()
        reports_of: dict[UUID, list[Report]] = {}
        for place, (account, readings) in enumerate(lots):
            if readings:
                reports_of.setdefault(account, []).append((place, readings))
        trails: dict[str | None, Trails] = {}
        beyond: dict[int, int] = {}  # by report, how many are more than are taken of one phone
        for account, reports in reports_of.items():
            duty = duty_of(account)
            index = None if duty is None else self._apply(account, duty)
            if duty is not None and index is not None:
                paced = self._paced(account, reports, now, beyond)
                trails.setdefault(duty.market, Trails(index)).add(account, duty, paced)
        answers: list[Receipt | None] = [None] * len(lots)
        hints: dict[str, list[PositionHint]] = {}
        for market, together in trails.items():
            for place, receipt in together.report(now):
                answers[place] = without_first(receipt, beyond.get(place, 0))
            if market is not None:
                hints[market] = [_hint(account, duty, taken[-1]) for account, duty, taken in together.taken()]
        for market, newest in hints.items():
            for start in range(0, len(newest), HINTS_AT_ONCE):
                payload = msgspec.json.encode(
                    PositionHints(self._node, newest[start : start + HINTS_AT_ONCE])
                )
                await self._tools.bus.publish(f"position.{market}", payload)
        for together in trails.values():
            for _, duty, taken in together.taken():
                await self._pass_on(duty, taken)
        self.tally.add(answer for answer in answers if answer is not None)
        return answers

    def _paced(
        self, account: UUID, reports: list[Report], now: float, beyond: dict[int, int]
    ) -> Sequence[Report]:
        """The reports without what is more than a phone can mean; how much that is of each goes into `beyond`."""
        sent = sum(len(readings) for _, readings in reports)
        left = self._pace.allow(account, sent, now)
        if left == sent:
            return reports
        paced: list[Report] = []
        for place, readings in reports:
            too_many = max(0, len(readings) - left)
            left -= len(readings) - too_many
            beyond[place] = too_many
            paced.append((place, readings[too_many:]))
        return paced

    def newest(self, provider: UUID) -> LivePoint | None:
        """Where a provider was last heard of, on duty or finishing their work."""
        market = self._market_of.get(provider)
        index = self._off_duty if market is None else self._tools.live.of(market)
        return index.newest(provider)

    async def step(self) -> None:
        """Apply changes of duty, keep tracks, forget the gone."""
        for account, duty in (await self._book.refresh()).items():
            self._apply(account, duty)
        await self._keep_tracks()
        now = self._now()
        if is_due(now, self._swept_at, SWEEP_EVERY):
            self._swept_at = now
            self._pace.forget_full(now)
            for market in sorted(set(self._market_of.values())):
                for gone in self._tools.live.of(market).sweep(now):
                    self._book.changed(
                        gone
                    )  # they may be off duty, and the word of it lost: the next step reads it
            for gone in self._off_duty.sweep(now):
                self._off_duty.take_off_duty(gone)
            self._applied = {
                account: told for account, told in self._applied.items() if account in self._book
            }

    async def run(self, stop: asyncio.Event) -> None:
        """Listen, and step until told to stop; then keep what is still unkept."""
        await self.start()
        try:
            while not stop.is_set():
                try:
                    await self.step()
                except (SQLAlchemyError, OSError):
                    log.exception("positions: the database is away")
                with suppress(TimeoutError):
                    async with asyncio.timeout(STEP_EVERY):
                        await stop.wait()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop listening and keep what is unkept."""
        for end in self._ends:
            await end()
        self._ends = []
        await self._keep_tracks()

    # Inside

    def _apply(self, account: UUID, duty: Duty) -> LiveIndex | None:
        """Bring the live indexes in line with a duty; the one that takes this account's fixes, if any does."""
        told, index = self._applied.get(account, (None, None))
        if index is not None and told is duty and account in index:
            return index
        index = self._apply_anew(account, duty)
        if index is None:
            self._applied.pop(account, None)
        else:
            self._applied[account] = (duty, index)
        return index

    def _apply_anew(self, account: UUID, duty: Duty) -> LiveIndex | None:
        if duty.market is not None:
            self._off_duty.take_off_duty(account)
            return self._put(account, duty.market, duty.services, available=duty.available)
        self._take_off(account)
        if not duty.work:
            self._off_duty.take_off_duty(account)
            return None
        self._off_duty.put_on_duty(account, 0)
        return self._off_duty

    def _put(self, account: UUID, market: str, services: Sequence[str], *, available: bool) -> LiveIndex:
        """On duty in one market is off duty in any other."""
        if self._market_of.get(account) != market:
            self._take_off(account, but=market)
            self._market_of[account] = market
        index = self._tools.live.of(market)
        index.put_on_duty(account, self._tools.live.mask_of(services))
        index.set_available(account, available)
        return index

    def _take_off(self, account: UUID, but: str | None = None) -> None:
        """Off every index that may have them, except one."""
        known = self._market_of.pop(account, None)
        for market in sorted(self._tools.cities) if known is None else [known]:
            if market != but:
                self._tools.live.of(market).take_off_duty(account)

    async def _pass_on(self, duty: Duty, taken: Sequence[Reading]) -> None:
        """To the tracks that are kept, and to whoever follows."""
        for work in duty.tracked if duty.work else ():
            fixes = [reading.fix for reading in taken]
            unkept = self._unkept.setdefault((work.engagement_id, work.market), [])
            unkept.extend(fixes)
            del unkept[:-UNKEPT_FIXES]
            seen = TrackHint(fixes[-1].lat, fixes[-1].lon, fixes[-1].at)
            await self._tools.bus.publish(f"track.{work.engagement_id}", msgspec.json.encode(seen))

    async def _keep_tracks(self) -> None:
        """Write the fixes gathered since the last time; what cannot be written now waits, bounded."""
        unkept, self._unkept = self._unkept, {}
        if not unkept:
            return
        try:
            async with working(self._tools, ENGINE) as work:
                await tracks.append(work, unkept)
        except (SQLAlchemyError, OSError):
            for key, fixes in unkept.items():
                self._unkept[key] = [*fixes, *self._unkept.get(key, [])][-UNKEPT_FIXES:]
            raise

    # Heard on the bus

    def _heard_position(self, subject: str, payload: bytes) -> None:
        """Another process took fixes."""
        if payload.startswith(self._own):
            return
        market, now = subject.split(".", 1)[1], self._now()
        hints = _positions.decode(payload).hints
        for hint in hints:
            self._applied.pop(hint.provider, None)
            self._put(hint.provider, market, hint.services, available=hint.available)
        index = self._tools.live.of(market)
        if len(hints) >= TOGETHER_FROM:
            index.report_many([hint.provider for hint in hints], _fixes(hints), now)
            return
        for hint in hints:
            fix = Fix(hint.lat, hint.lon, hint.at, hint.accuracy_m, hint.heading_deg, hint.speed_mps)
            index.report(hint.provider, fix, now)

    def _heard_duty(self, subject: str, _: bytes) -> None:
        account = parse_id(subject.partition(".")[2])
        if account is not None:
            self._book.changed(account)

    def _heard_account(self, subject: str, payload: bytes) -> None:
        """An engagement of somebody who reports positions has moved: their next fix may belong to it."""
        if b'"engagement.' in payload:
            account = parse_id(subject.partition(".")[2])
            if account is not None and account in self._book:
                self._book.changed(account)

    def _now(self) -> float:
        return self._tools.clock.now().timestamp()


def _hint(account: UUID, duty: Duty, newest: Reading) -> PositionHint:
    return PositionHint(
        account,
        duty.services,
        not duty.work or duty.available,
        newest.lat,
        newest.lon,
        newest.at.timestamp(),
        newest.heading_deg,
        newest.speed_mps,
        newest.accuracy_m,
    )


def _fixes(hints: Sequence[PositionHint]) -> Fixes:
    """The hints as an index takes many; None becomes NaN."""
    return Fixes.of(
        [hint.lat for hint in hints],
        [hint.lon for hint in hints],
        [hint.at for hint in hints],
        accuracy_m=np.array([hint.accuracy_m for hint in hints], np.float64),
        heading_deg=np.array([hint.heading_deg for hint in hints], np.float64),
        speed_mps=np.array([hint.speed_mps for hint in hints], np.float64),
    )


_positions = msgspec.json.Decoder(PositionHints)
