"""The stream's promise against everything a bus, a log and a network may do, in any order."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime.effects import Close, Effect, Look, ReadLog, ReadSnapshot, Send, Standing
from realtime.frames import EventFrame, write
from realtime.session import Phase, Session
from tests.realtime.talking import ME, up


class Client:
    """What an honest client remembers across connections, and the law it holds the server to."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.epoch: str | None = None
        self.welcomes = 0

    def connects(self) -> bytes:
        self.welcomes = 0
        known = {} if self.seq is None else {"after": self.seq, "epoch": self.epoch}
        return up("hello", token="good", **known)

    def takes(self, text: bytes) -> None:
        frame = json.loads(text)
        if frame["t"] == "welcome":
            self.welcomes += 1
            assert self.welcomes == 1, "two welcomes"
            if self.seq is None:
                self.seq, self.epoch = frame["seq"], frame["epoch"]
        elif frame["t"] == "reset":
            assert self.welcomes == 1, "a reset before the welcome"
            self.seq, self.epoch = frame["seq"], frame["epoch"]
        elif frame["t"] == "event":
            assert self.welcomes == 1, "an event before the welcome"
            assert self.seq is not None
            assert frame["seq"] == self.seq + 1, "a gap, a repetition or disorder"
            self.seq = frame["seq"]


class StreamMachine(RuleBasedStateMachine):
    """A log that grows and forgets, a bus that loses and repeats, a database that fails, a phone that leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.epoch, self.head, self.kept_from = "e1", 0, 1
        self.client = Client()
        self.session: Session | None = None
        self.questions: list[Effect] = []
        self.judged = True
        self.looks = False

    def standing(self) -> Standing:
        return Standing(self.epoch, self.head, self.kept_from)

    def frame(self, seq: int) -> bytes:
        return write(EventFrame(seq=seq, type="duty.changed", at="2026-05-04T06:00:00.000Z", data={}))

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.client.takes(effect.frame)
            elif isinstance(effect, Look):
                self.looks = True
            elif isinstance(effect, ReadLog | ReadSnapshot):
                self.questions.append(effect)
                assert len(self.questions) == 1, "one question at a time"
            elif isinstance(effect, Close):
                self.session, self.questions = None, []

    @property
    def live(self) -> bool:
        return self.session is not None and self.session.phase is Phase.LIVE

    @rule(count=st.integers(1, 5), carried=st.sets(st.integers(0, 4)), twice=st.booleans())
    def something_happens(self, count: int, carried: set[int], twice: bool) -> None:
        """Events are committed; the bus carries some of them, perhaps twice, newest first."""
        first = self.head + 1
        self.head += count
        for offset in sorted(carried, reverse=True) * (1 + twice):
            if offset < count and self.session:
                self.perform(self.session.heard(first + offset, self.frame(first + offset)))

    @rule(seq=st.integers(1, 50))
    def the_bus_repeats_itself(self, seq: int) -> None:
        if self.session and seq <= self.head:
            self.perform(self.session.heard(seq, self.frame(seq)))

    @precondition(lambda self: self.session is None)
    @rule()
    def the_phone_connects(self) -> None:
        self.session, self.judged = Session("s", now=self.now), False
        self.session.receive(self.client.connects(), self.now)

    @precondition(lambda self: self.session is not None and not self.judged)
    @rule()
    def the_hello_is_judged(self) -> None:
        assert self.session
        self.judged = True
        self.perform(self.session.admitted(ME, self.standing(), expires_at=None, now=self.now))

    @rule()
    def the_phone_leaves(self) -> None:
        self.session, self.questions = None, []

    @precondition(lambda self: bool(self.questions))
    @rule(size=st.integers(1, 3), late=st.integers(0, 2), fails=st.booleans())
    def the_log_answers(self, size: int, late: int, fails: bool) -> None:
        """A page; meanwhile `late` more events are committed and heard of. Or the database is away."""
        assert self.session
        question, standing = self.questions.pop(), self.standing()
        for seq in range(self.head + 1, self.head + late + 1):
            self.head = seq
            self.perform(self.session.heard(seq, self.frame(seq)))
        if fails:
            self.perform(self.session.unread(self.now))
        elif isinstance(question, ReadLog):
            first = max(question.after + 1, self.kept_from)
            page = range(first, min(first + size, standing.seq + 1))
            self.perform(self.session.read([(n, self.frame(n)) for n in page], standing, self.now))
        else:
            self.perform(self.session.restored(standing, {}, self.now))

    @precondition(lambda self: self.looks)
    @rule(late=st.integers(0, 2), gone=st.booleans())
    def somebody_looks_for_all(self, late: int, gone: bool) -> None:
        """The common look comes back; meanwhile `late` more events are committed. Or it did not find this stream."""
        self.looks, standing = False, self.standing()
        self.head += late
        if self.session:
            self.perform(self.session.look() if gone else self.session.stands(standing))

    @rule(by=st.integers(0, 5))
    def the_log_forgets(self, by: int) -> None:
        self.kept_from = min(self.kept_from + by, self.head + 1)

    @rule(seconds=st.sampled_from([0.5, 2.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.session:
            self.perform(self.session.receive(up("pong"), self.now))
        if self.session:
            self.perform(self.session.tick(self.now))

    @rule()
    def the_database_is_restored_from_a_backup(self) -> None:
        self.epoch += "'"
        self.head = self.head // 2
        self.kept_from = min(self.kept_from, self.head + 1)
        self.session, self.questions = None, []

    @invariant()
    def a_client_never_knows_more_than_was_written(self) -> None:
        if self.client.epoch == self.epoch and self.client.seq is not None:
            assert self.client.seq <= self.head

    def teardown(self) -> None:
        """In calm weather everybody catches up within two looks at the log."""
        if not self.live:
            return
        for _ in range(3):
            self.time_passes(20.0)
            for _ in range(self.head + 5):
                if self.looks:
                    self.somebody_looks_for_all(late=0, gone=False)
                if self.questions:
                    self.the_log_answers(size=3, late=0, fails=False)
        assert self.client.seq == self.head
        assert not self.questions


StreamMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestStreamPromise = StreamMachine.TestCase
