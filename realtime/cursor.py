"""Where one client is in its account's numbered stream. The stream's promise is kept here, without I/O.

An event is sent only if its number is the one after the last sent. Anything newer makes the cursor read the
log from its own number on; a log that no longer holds that number, another epoch or a number from the future
starts over with a snapshot. So a client gets exactly what it missed or is told everything, never a part.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.rules.turns import is_due
from realtime.effects import LOOK, Effect, ReadLog, ReadSnapshot, Send, Standing
from realtime.frames import Reset, write

LOG_PAGE: Final = 200  # events a read: 100-200 KB, under the outbox's bound
CHECK_EVERY: Final = 25.0  # s between looks at the log: what the bus lost last of all is found then
AGAIN_AFTER: Final = 1.0  # s until a read that failed is tried again


class Cursor:
    """A position in the stream, and at most one question to the log under way."""

    __slots__ = (
        "_begun",
        "_epoch",
        "_looked_at",
        "_question",
        "_retry_at",
        "_rumoured",
        "_rumoured_then",
        "delivered",
    )

    def __init__(self, now: float) -> None:
        self.delivered = 0  # the last number sent
        self._epoch = ""
        self._rumoured = 0  # the highest number heard of
        self._rumoured_then = 0  # the same, when the question was asked
        self._question: ReadLog | ReadSnapshot | None = None
        self._looked_at = now
        self._retry_at: float | None = None
        self._begun = False

    def begin(self, standing: Standing, *, after: int | None, epoch: str | None, now: float) -> list[Effect]:
        """Start after the client's number, or now when it names none."""
        self._begun, self._epoch, self._looked_at = True, standing.epoch, now
        self.delivered = standing.seq if after is None else after
        self._rumoured = max(self._rumoured, standing.seq)
        if epoch not in {None, standing.epoch} or self._lost(standing):
            return self._ask(ReadSnapshot())
        return self._catch_up()

    def heard(self, seq: int, frame: bytes) -> list[Effect]:
        """The bus carried an event. It may come twice, late, out of order or not at all."""
        self._rumoured = max(self._rumoured, seq)
        if not self._begun or self._question is not None:
            return []
        return self._advance(seq, frame) or self._catch_up()

    def read(self, events: Sequence[tuple[int, bytes]], standing: Standing, now: float) -> list[Effect]:
        """The log's answer: a page in order, and where the stream stood."""
        self._answered(now)
        if standing.epoch != self._epoch or self._lost(standing):
            return self._ask(ReadSnapshot())
        effects: list[Effect] = []
        for seq, frame in events:
            effects += self._advance(seq, frame)
        if not events and self._rumoured == self._rumoured_then:  # it was heard of, but is not there
            self._rumoured = self.delivered
        if standing.seq > self.delivered and not effects:
            return self._ask(ReadSnapshot())
        self._rumoured = max(self._rumoured, standing.seq)  # a page may be less than all there is
        return [*effects, *self._catch_up()]

    def restored(self, standing: Standing, snapshot: Mapping[str, Any], now: float) -> list[Effect]:
        """The account's whole state, and the number it stands for."""
        self._answered(now)
        self._epoch, self.delivered = standing.epoch, standing.seq
        return [Send(write(Reset(standing.seq, standing.epoch, snapshot))), *self._catch_up()]

    def unread(self, now: float) -> list[Effect]:
        """The question could not be answered."""
        self._retry_at = now + AGAIN_AFTER
        return []

    def tick(self, now: float) -> list[Effect]:
        """Ask again what was not answered; look from time to time."""
        again_in = None if self._retry_at is None else self._retry_at - now
        if again_in is not None and self._question is not None and not 0 < again_in <= AGAIN_AFTER:
            self._retry_at = None
            return [self._question]
        if self._question is None and is_due(now, self._looked_at, CHECK_EVERY):
            self._looked_at = now
            return [LOOK]
        return []

    def look(self) -> list[Effect]:
        """Look for oneself, unless that is being done."""
        return self._ask(ReadLog(self.delivered, LOG_PAGE)) if self._question is None else []

    def stands(self, standing: Standing) -> list[Effect]:
        """Somebody has looked where the stream stands, for many: read on only if that is not where we are."""
        return self.look() if (standing.epoch, standing.seq) != (self._epoch, self.delivered) else []

    def _lost(self, standing: Standing) -> bool:
        """Whether the next number is not to be had: erased by age, or never written."""
        return not standing.kept_from - 1 <= self.delivered <= standing.seq

    def _advance(self, seq: int, frame: bytes) -> list[Effect]:
        if seq != self.delivered + 1:
            return []
        self.delivered = seq
        return [Send(frame)]

    def _catch_up(self) -> list[Effect]:
        return self._ask(ReadLog(self.delivered, LOG_PAGE)) if self._rumoured > self.delivered else []

    def _ask(self, question: ReadLog | ReadSnapshot) -> list[Effect]:
        self._question, self._rumoured_then = question, self._rumoured
        return [question]

    def _answered(self, now: float) -> None:
        self._question, self._looked_at, self._retry_at = None, now, None
