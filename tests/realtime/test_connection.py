"""A connection between its session and the house: at rest it is nothing but its reader, and order is kept."""

import asyncio

from realtime.connection import CHORES_WAITING, REPLAY_ROOM, Connection
from realtime.effects import Close, Do, Effect, ReadLog, Report, Send
from realtime.outbox import LIMIT_BYTES
from realtime.session import Session
from tests.realtime.house import until

REPORT = Report(())


class Wire:
    """The sending side of a socket whose client takes what it is let take."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed: int | None = None
        self.is_told_of_the_end = False
        self.takes = asyncio.Event()
        self.takes.set()

    async def send(self, frame: bytes) -> None:
        await self.takes.wait()
        self.sent.append(frame)

    async def close(self, code: int, reason: str) -> None:
        await self.takes.wait()
        self.closed = code

    def closing(self) -> None:
        self.is_told_of_the_end = True


class Desk:
    """A house that writes down what it is asked, and does it when it is let."""

    def __init__(self) -> None:
        self.asked: list[Effect] = []
        self.at_once: list[Effect] = []
        self.takes_reports = True
        self.works = asyncio.Event()
        self.works.set()
        self.wire = Wire()
        self.connection = Connection(Session("s", now=0.0), self.wire, carry_out=self.do, take=self.take)

    async def do(self, _: Connection, effect: Effect) -> list[Effect]:
        self.asked.append(effect)
        await self.works.wait()
        return []

    def take(self, _: Connection, report: Report) -> bool:
        if self.takes_reports:
            self.at_once.append(report)
        return self.takes_reports

    @property
    def rests(self) -> bool:
        return self.connection._writer is None and self.connection._worker is None


async def test_a_connection_that_has_sent_and_done_everything_has_no_tasks():
    desk = Desk()
    desk.connection.perform([Send(b"1"), Do("a", "x", {}), Send(b"2")])
    assert not desk.rests
    await until(lambda: desk.rests)
    assert desk.wire.sent == [b"1", b"2"]
    assert desk.asked == [Do("a", "x", {})]


async def test_a_report_is_taken_at_once_but_never_before_what_was_asked_before_it():
    desk = Desk()
    desk.connection.perform([REPORT])
    assert (desk.at_once, desk.rests) == ([REPORT], True)
    desk.works.clear()
    desk.connection.perform([Do("duty", "duty.set", {}), REPORT, Do("b", "x", {})])
    await until(lambda: len(desk.asked) == 1)
    assert desk.at_once == [REPORT], "it waits its turn"
    desk.works.set()
    await until(lambda: desk.rests)
    assert desk.at_once == [REPORT, REPORT]
    assert [effect.id for effect in desk.asked if isinstance(effect, Do)] == ["duty", "b"]


async def test_a_report_that_nobody_takes_at_once_is_a_chore():
    desk = Desk()
    desk.takes_reports = False
    desk.connection.perform([REPORT])
    await until(lambda: desk.rests)
    assert desk.asked == [REPORT]


async def test_who_asks_faster_than_it_is_done_is_read_no_further():
    desk = Desk()
    desk.works.clear()
    desk.connection.perform([Do(str(n), "x", {}) for n in range(CHORES_WAITING + 2)])
    reading = asyncio.create_task(desk.connection.received(b'{"t":"ping"}', 0.0))
    await until(lambda: len(desk.asked) == 1)
    assert len(desk.connection._chores or ()) > CHORES_WAITING
    await asyncio.sleep(0)
    assert not reading.done()
    desk.works.set()
    await asyncio.wait_for(reading, 5)
    await until(lambda: desk.rests)


async def test_the_log_is_not_read_on_while_much_of_it_waits_to_be_sent():
    desk = Desk()
    desk.wire.takes.clear()
    desk.connection.perform([Send(b"x" * (REPLAY_ROOM + 1)), Send(b"y" * (REPLAY_ROOM + 1)), ReadLog(1, 10)])
    await until(lambda: desk.connection._bell is not None)
    assert desk.asked == []
    desk.wire.takes.set()
    await until(lambda: desk.rests)
    assert desk.asked == [ReadLog(1, 10)]


async def test_what_was_put_before_a_close_still_goes_and_nothing_after():
    desk = Desk()
    desk.connection.perform([Send(b"1"), Close(4000, "bye"), Send(b"2")])
    assert desk.wire.is_told_of_the_end
    await until(lambda: desk.wire.closed is not None)
    assert (desk.wire.sent, desk.wire.closed) == ([b"1"], 4000)
    assert not desk.connection.put("track", b"3")


async def test_a_client_that_takes_nothing_is_cut_at_the_bound():
    desk = Desk()
    desk.wire.takes.clear()
    desk.connection.perform([Send(b"x" * (LIMIT_BYTES // 2))] * 4)
    assert desk.connection.closing is not None
    assert desk.connection.closing.code == 4002
    assert len(desk.connection.outbox) == 0
    await desk.connection.end()
    assert desk.rests
