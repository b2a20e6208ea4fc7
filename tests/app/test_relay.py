"""The relay: what was committed is told once by somebody, in order, and never before the commit."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.relay import BATCH, Relay
from domain.rules.events import EventType
from domain.store.tables import Device, EventRow, PushRow
from domain.usecases.work import ENGINE, Actor, Tools, working
from realtime.bus_inproc import InProcBus
from tests.factories import FakeClock, an_account, make_tools


class Listener:
    """Hears everything told to accounts."""

    def __init__(self) -> None:
        self.told: list[tuple[UUID, int]] = []
        self.frames: list[dict[str, Any]] = []
        self.heard = asyncio.Event()

    def __call__(self, subject: str, payload: bytes) -> None:
        hint = json.loads(payload)
        self.told.append((UUID(subject.removeprefix("account.")), hint["seq"]))
        self.frames.append(hint["frame"])
        self.heard.set()


@pytest.fixture
async def tools(engine: AsyncEngine) -> Tools:
    return replace(make_tools(engine, clock=FakeClock()), bus=InProcBus())


@pytest.fixture
async def listener(tools: Tools) -> Listener:
    listener = Listener()
    await tools.bus.subscribe("account.*", listener)
    return listener


async def happen(tools: Tools, actor: Actor, count: int, type_: EventType = EventType.DUTY_CHANGED) -> None:
    async with working(tools, ENGINE) as work:
        for _ in range(count):
            work.emit(actor.id, type_, {"id": str(actor.id), "role": "customer", "market": "monaco"})


async def test_events_are_told_in_order_and_once(tools: Tools, listener: Listener):
    camille, dominique = await an_account(tools), await an_account(tools)
    await happen(tools, camille, 3)
    await happen(tools, dominique, 2)
    relay = Relay(tools)
    assert await relay.step() == 5
    assert await relay.step() == 0
    for actor, count in ((camille, 3), (dominique, 2)):
        assert [seq for account, seq in listener.told if account == actor.id] == list(range(1, count + 1))
    assert listener.frames[0]["t"] == "event"
    assert set(listener.frames[0]) == {"t", "seq", "type", "at", "data"}


async def test_more_than_a_batch_is_told_in_one_step(tools: Tools, listener: Listener):
    camille = await an_account(tools)
    await happen(tools, camille, BATCH + 7)
    assert await Relay(tools).step() == BATCH + 7
    assert [seq for _, seq in listener.told] == list(range(1, BATCH + 8))


async def test_two_relays_tell_each_event_once(tools: Tools, listener: Listener):
    people = [await an_account(tools) for _ in range(5)]
    for person in people:
        await happen(tools, person, 40)
    counts = await asyncio.gather(Relay(tools).step(), Relay(tools).step())
    assert sum(counts) == 200
    assert len(set(listener.told)) == len(listener.told) == 200


async def test_a_push_is_planned_with_the_claim(tools: Tools, listener: Listener):
    camille = await an_account(tools, "+33611111111")
    async with working(tools, ENGINE) as work:
        work.db.add(
            Device(
                account_id=camille.id,
                device_id="pixel",
                platform="android",
                push_token="token",
                language="fr",
                updated_at=work.now,
            )
        )
    await happen(tools, camille, 1, EventType.ENGAGEMENT_ARRIVED)
    await Relay(tools).step()
    async with tools.sessions() as db:
        (push,) = (await db.execute(select(PushRow))).scalars()
    assert (push.account_id, push.device_id, push.seq) == (camille.id, "pixel", 1)


async def test_a_running_relay_is_woken_by_a_commit_and_stops_when_told(tools: Tools, listener: Listener):
    camille, stop = await an_account(tools), asyncio.Event()
    running = asyncio.create_task(Relay(tools).run(stop))
    async with asyncio.timeout(10):
        await happen(tools, camille, 1)
        await listener.heard.wait()
        stop.set()
        await running


async def test_an_event_that_a_newer_version_wrote_is_told_and_nothing_more(tools: Tools, listener: Listener):
    """While one version replaces another both relays run, and the older must not fall over a type it does not know."""
    camille = await an_account(tools, "+33611111111")
    await happen(tools, camille, 1, EventType.ENGAGEMENT_ARRIVED)
    async with tools.sessions() as db:
        await db.execute(update(EventRow).values(type="engagement.celebrated"))
        await db.commit()
    await happen(tools, camille, 1, EventType.ENGAGEMENT_ARRIVED)
    assert await Relay(tools).step() == 2
    assert [frame["type"] for frame in listener.frames] == ["engagement.celebrated", "engagement.arrived"]
    async with tools.sessions() as db:
        assert [push.seq for push in (await db.execute(select(PushRow))).scalars()] == [2]
