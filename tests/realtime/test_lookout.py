"""The common look at the log: one statement however many sockets are due, and only who missed something reads on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.events import EventType
from domain.store.outage import DatabaseAway
from domain.store.tables import Account, Stream
from domain.usecases.work import ENGINE, Actor, Tools, working
from realtime import lookout
from realtime.connection import Connection
from realtime.effects import LOOK, Effect, ReadLog, Standing
from realtime.lookout import Lookout
from realtime.session import Session
from tests.factories import make_tools
from tests.realtime.talking import up

SOCKETS = 1_000


class NoLine:
    """Nothing is sent here."""

    async def send(self, frame: bytes) -> None:
        """Gone."""

    async def close(self, code: int, reason: str) -> None:
        """Closed."""

    def closing(self) -> None:
        """Soon."""


class Crowd:
    """Sockets that have been welcomed, each of an account of its own; what they read is written down."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.reading: list[tuple[UUID, Effect]] = []
        self.sockets: list[Connection] = []

    @classmethod
    async def of(cls, tools: Tools, count: int) -> "Crowd":
        crowd, ids = cls(tools), [tools.new_id() for _ in range(count)]
        async with working(tools, ENGINE) as work:
            people = [{"id": id_, "language": "fr", "created_at": work.now} for id_ in ids]
            await work.db.execute(insert(Account), people)
            streams = [{"account_id": id_, "epoch": "e1", "seq": 0, "kept_from": 1} for id_ in ids]
            await work.db.execute(insert(Stream), streams)
        crowd.sockets = [crowd.socket(Actor(account_id=id_)) for id_ in ids]
        return crowd

    def socket(self, actor: Actor) -> Connection:
        session = Session("s", now=0.0)
        session.receive(up("hello", token="good"), 0.0)
        session.admitted(actor.id, Standing("e1", 0, 1), expires_at=None, now=0.0)
        connection = Connection(session, NoLine(), carry_out=self.reads, take=lambda *_: False)
        connection.actor = actor
        return connection

    async def reads(self, connection: Connection, effect: Effect) -> list[Effect]:
        self.reading.append((connection.actor.id, effect))
        return []

    async def at_rest(self) -> None:
        """Until everybody has asked what they wanted to ask."""
        for one in self.sockets:
            if one._worker is not None:
                await one._worker


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
def tools(engine: AsyncEngine, database_url: str) -> Tools:
    return make_tools(engine)


def all_due(crowd: Crowd, watch: Lookout) -> None:
    for one in crowd.sockets:
        assert watch.sift(one, [*one.session.tick(25.0)]) != [LOOK]


async def test_a_thousand_sockets_cost_one_statement_and_only_who_missed_something_reads_on(
    engine: AsyncEngine, tools: Tools
):
    crowd, watch = await Crowd.of(tools, SOCKETS), Lookout(tools)
    missed = [crowd.sockets[number].actor.id for number in (3, 500, 999)]
    async with working(tools, ENGINE) as work:
        for account in missed:
            work.emit(account, EventType.DUTY_CHANGED, {"on": True})
    all_due(crowd, watch)
    with statements(engine) as asked:
        await watch.step()
        await watch.step()
    assert len(asked) == 1, asked
    await crowd.at_rest()
    assert crowd.reading == [(account, ReadLog(0, 200)) for account in missed]


async def test_a_crowd_that_came_together_is_spread_over_several_looks(
    engine: AsyncEngine, tools: Tools, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lookout, "AT_ONCE", 4)
    crowd, watch = await Crowd.of(tools, 10), Lookout(tools)
    all_due(crowd, watch)
    with statements(engine) as asked:
        for _ in range(5):
            await watch.step()
    assert len(asked) == 3, "four, four and two; then nobody is due"


async def test_a_look_that_fails_is_made_again(tools: Tools):
    def away() -> Any:
        raise DatabaseAway

    crowd = await Crowd.of(tools, 2)
    async with working(tools, ENGINE) as work:
        work.emit(crowd.sockets[0].actor.id, EventType.DUTY_CHANGED, {"on": True})
    watch = Lookout(replace(tools, sessions=cast(Any, away)))
    all_due(crowd, watch)
    await watch.step()
    watch._tools = tools
    await watch.step()
    await crowd.at_rest()
    assert [effect for _, effect in crowd.reading] == [ReadLog(0, 200)]


async def test_whose_sign_in_has_ended_finds_out_by_itself(tools: Tools):
    crowd, watch = await Crowd.of(tools, 3), Lookout(tools)
    signed_out = crowd.sockets[1]
    signed_out.actor = Actor(
        account_id=signed_out.actor.id, family_id=tools.new_id()
    )  # there is no such family
    async with working(tools, ENGINE) as work:
        suspended = await work.db.get_one(Account, crowd.sockets[2].actor.id)
        suspended.suspended_at = work.now
    all_due(crowd, watch)
    await watch.step()
    await crowd.at_rest()
    assert [account for account, _ in crowd.reading] == [one.actor.id for one in crowd.sockets[1:]]
