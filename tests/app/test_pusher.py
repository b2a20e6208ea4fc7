"""The pusher: from a real offer to the outbox, to FCM, and through what goes wrong on the way."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import SystemClock
from app.firebase import FirebaseTokens, firebase_pushes, open_firebase
from app.pusher import AT_ONCE, Pusher
from domain.rules.events import EventType
from domain.rules.ports import Push, PushFate, PushResult
from domain.store import streams
from domain.store.tables import Account, Device, PushRow
from domain.usecases import pushes
from domain.usecases.development import outbox
from domain.usecases.work import ENGINE, Actor, Tools, working
from notifications.console import ConsoleSender
from realtime.bus_inproc import InProcBus
from tests.factories import FakeClock, a_market, a_provider, a_ride, a_round, an_account, make_tools, run_as
from tests.notifications.fake_fcm import fake_fcm, service_account

PHONE = "+37760000001"


@dataclass
class ScriptedSender:
    """Says what it is told to say, after what it is told to do first."""

    fate: PushFate = PushFate.SENT
    before: Callable[[Push], object] = lambda push: None
    wait_for: asyncio.Event | None = None
    heard: list[Push] = field(default_factory=list)

    async def send(self, push: Push) -> PushResult:
        self.heard.append(push)
        self.before(push)
        if self.wait_for is not None and push.to.startswith("slow"):
            await self.wait_for.wait()
        return PushResult(self.fate)

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    """A development installation with a bus that delivers."""
    return replace(make_tools(engine, clock=clock), bus=InProcBus())


async def messages_to(tools: Tools, phones: list[str]) -> list[Actor]:
    """A message for each of some people, planned and due."""
    people = [await an_account(tools, phone) for phone in phones]
    async with working(tools, ENGINE) as work:
        for person in people:
            work.emit(person.id, EventType.MESSAGE_CREATED, {"id": str(tools.new_id())})
    await relay(tools)
    tools.clock.move(3)  # type: ignore[attr-defined]
    return people


async def relay(tools: Tools) -> None:
    """Claim events and plan their pushes, as the relay does."""
    async with working(tools, ENGINE) as work:
        await pushes.plan(work, await streams.claim_unsent(work.db, 1_000))


async def states(tools: Tools) -> list[str]:
    async with tools.sessions() as db:
        return sorted((await db.execute(select(PushRow.state))).scalars())


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds; the test's own timeout is the bound."""
    while not holds():  # noqa: ASYNC110 - there is nothing to wait on from outside
        await asyncio.sleep(0.005)


async def test_a_real_offer_reaches_the_outbox_of_a_phone_without_a_device(
    tools: Tools, clock: FakeClock
) -> None:
    await a_market(tools)
    provider = await a_provider(tools)
    async with working(tools, ENGINE) as work:
        (await work.db.get_one(Account, provider.id)).phone = PHONE
    customer = await an_account(tools, "+37760000002")
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    await relay(tools)
    pusher = Pusher(tools, ConsoleSender(tools))
    assert await pusher.step() == 0  # the socket goes first
    clock.move(2)
    assert await pusher.step() == 1
    (sent,) = await run_as(tools, ENGINE, outbox, PHONE)
    assert (sent.kind, sent.to) == ("push", PHONE)
    assert sent.body == "Nouvelle offre: Une demande près de vous attend votre réponse."
    assert sent.data["type"] == "offer.created"
    assert sent.data["request_id"] == str(request_id)
    assert sent.data.keys() == {"type", "seq", "offer_id", "request_id"}


async def test_no_transaction_is_open_while_the_carrier_is_spoken_to(
    tools: Tools, engine: AsyncEngine
) -> None:
    open_then: list[int] = []
    sender = ScriptedSender(before=lambda _: open_then.append(engine.pool.checkedout()))  # type: ignore[attr-defined]
    await messages_to(tools, [PHONE])
    await Pusher(tools, sender).step()
    assert open_then == [0]
    assert await states(tools) == ["sent"]


async def test_a_push_is_not_repeated_once_sent(tools: Tools, clock: FakeClock) -> None:
    sender = ScriptedSender()
    await messages_to(tools, [PHONE])
    pusher = Pusher(tools, sender)
    await pusher.step()
    clock.move(120)
    assert await pusher.step() == 0
    assert len(sender.heard) == 1


async def test_two_pushers_send_each_push_once(tools: Tools) -> None:
    sender = ScriptedSender()
    await messages_to(tools, [f"+3776000{n:04}" for n in range(20)])
    first, second = Pusher(tools, sender), Pusher(tools, sender)
    await asyncio.gather(first.step(), second.step())
    assert sorted(push.to for push in sender.heard) == [f"+3776000{n:04}" for n in range(20)]


async def test_nothing_is_sent_that_died_between_claim_and_sending(
    tools: Tools, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = ScriptedSender()
    await messages_to(tools, [PHONE])
    pusher = Pusher(tools, sender)
    claim = pusher._claim

    async def slow_claim(limit: int) -> list[pushes.DuePush]:
        found = await claim(limit)
        clock.move(4 * 3_600)
        return found

    monkeypatch.setattr(pusher, "_claim", slow_claim)
    await pusher.step()
    assert sender.heard == []
    assert await states(tools) == ["late"]


async def test_a_defect_in_a_sender_stops_no_other_push(
    tools: Tools, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks_once(push: Push) -> None:
        if push.to == PHONE and len(sender.heard) <= 2:
            raise KeyError("a bug")

    sender = ScriptedSender(before=breaks_once)
    await messages_to(tools, [PHONE, "+37760000002"])
    pusher = Pusher(tools, sender)
    await pusher.step()
    assert await states(tools) == ["sent", "waiting"]
    assert "could not be sent" in caplog.text
    clock.move(2)
    await pusher.step()
    assert await states(tools) == ["sent", "sent"]


async def test_one_slow_answer_holds_nobody_else_up_and_the_stop_waits_for_it(tools: Tools) -> None:
    gate, stop = asyncio.Event(), asyncio.Event()
    sender = ScriptedSender(wait_for=gate)
    running = asyncio.create_task(Pusher(tools, sender).run(stop))
    await messages_to(tools, ["slow+1"])
    await tools.bus.publish("wake.push", b"")
    await until(lambda: len(sender.heard) == 1)
    await messages_to(tools, ["+2"])
    await tools.bus.publish("wake.push", b"")
    await until(lambda: len(sender.heard) == 2)
    stop.set()
    gate.set()
    await running
    assert await states(tools) == ["sent", "sent"]


async def test_a_crowd_is_carried_a_few_at_a_time(tools: Tools) -> None:
    gate, stop = asyncio.Event(), asyncio.Event()
    sender = ScriptedSender(wait_for=gate)
    await messages_to(tools, [f"slow+{n}" for n in range(AT_ONCE + 5)])
    running = asyncio.create_task(Pusher(tools, sender).run(stop))
    await until(lambda: len(sender.heard) == AT_ONCE)
    gate.set()
    await until(lambda: len(sender.heard) == AT_ONCE + 5)
    stop.set()
    await running
    assert set(await states(tools)) == {"sent"}


async def test_a_database_that_is_away_is_waited_for(tools: Tools, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> None:
        raise ConnectionRefusedError("no database")

    stop = asyncio.Event()
    broken = replace(tools, sessions=away)  # type: ignore[arg-type]
    running = asyncio.create_task(Pusher(broken, ScriptedSender()).run(stop))
    await until(lambda: "could not look for pushes" in caplog.text)
    stop.set()
    await running


async def test_an_offer_goes_through_fcm_and_an_unknown_device_is_forgotten(
    tools: Tools, clock: FakeClock, tmp_path: Path
) -> None:
    with fake_fcm() as fcm:
        (tmp_path / "key.json").write_text(json.dumps(service_account(fcm)))
        wired = open_firebase(tmp_path / "key.json")
        sender = firebase_pushes(wired, SystemClock(), fcm.url)
        tools = replace(tools, firebase=FirebaseTokens(wired))
        provider = await an_account(tools)
        async with working(tools, ENGINE) as work:
            for name, platform in [("good:1", "android"), ("good:2", "ios"), ("unregistered:3", "web")]:
                work.db.add(
                    Device(
                        account_id=provider.id,
                        device_id=name,
                        platform=platform,
                        push_token=name,
                        language="en",
                        updated_at=work.now,
                    )
                )
            work.emit(
                provider.id,
                EventType.OFFER_CREATED,
                {"id": str(tools.new_id()), "origin": "dispatch"},
                not_after=work.after(15),
            )
        await relay(tools)
        clock.move(2)
        await Pusher(tools, sender).step()
        assert sorted(message["token"] for message in fcm.messages) == ["good:1", "good:2"]
        assert {message["data"]["type"] for message in fcm.messages} == {"offer.created"}
        assert await states(tools) == ["refused", "sent", "sent"]
        async with tools.sessions() as db:
            left = set((await db.execute(select(Device.device_id))).scalars())
        assert left == {"good:1", "good:2"}
        await sender.close()


async def test_outside_development_the_console_carries_nothing(tools: Tools) -> None:
    push = Push(PHONE, "android", "t", "b", {}, "offer", 15, urgent=True)
    result = await ConsoleSender(replace(tools, development=False)).send(push)
    assert result.fate is PushFate.REFUSED


async def test_a_push_that_a_newer_version_planned_is_left_for_it_and_holds_up_nobody(
    tools: Tools, clock: FakeClock
) -> None:
    await messages_to(tools, ["+37760000001"])
    async with tools.sessions() as db:
        await db.execute(update(PushRow).values(type="engagement.celebrated"))
        await db.commit()
    await messages_to(tools, ["+37760000002"])
    sender = ScriptedSender()
    await Pusher(tools, sender).step()
    assert [push.to for push in sender.heard] == ["+37760000002"]
    async with tools.sessions() as db:
        left = [row for row in (await db.scalars(select(PushRow))).all() if row.state == "waiting"]
    assert [row.type for row in left] == ["engagement.celebrated"]
