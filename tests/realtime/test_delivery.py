"""The stream's promise on real sockets: nothing lost, nothing twice, nobody delayed by anybody."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.exceptions import ConnectionClosed

from app.relay import Relay
from domain.rules.ports import Bus, Deliver
from domain.store.tables import Stream
from domain.usecases.stream import Told
from domain.usecases.work import ENGINE, working
from realtime.bus_inproc import InProcBus
from realtime.bus_nats import NatsBus
from realtime.cursor import CHECK_EVERY
from realtime.hints import event_hint
from tests.realtime.house import WITHIN, House, Phone, until


class LossyBus:
    """Another bus that loses one message in ten, whatever it is about, and repeats one in ten."""

    def __init__(self, inner: Bus, seed: int) -> None:
        self._inner = inner
        self._luck = random.Random(seed)
        self.lost = 0
        self.subscribe, self.ready, self.close = inner.subscribe, inner.ready, inner.close

    async def publish(self, subject: str, payload: bytes) -> None:
        draw = self._luck.random()
        if draw < 0.1:
            self.lost += 1
            return
        await self._inner.publish(subject, payload)
        if draw >= 0.9:
            await self._inner.publish(subject, payload)


async def test_a_phone_that_comes_back_gets_exactly_what_it_missed(house: House):
    customer = house.town.customer
    phone = await house.phone(customer)
    await house.happens(customer, 3)
    last = (await phone.events(3))[-1]["seq"]
    await phone.socket.close()
    await house.happens(customer, 450)  # more than two pages of the log
    phone = await house.phone(customer, after=last, epoch=phone.welcome["epoch"])
    assert phone.welcome["seq"] == last + 450
    missed = await phone.events(450)
    assert [event["seq"] for event in missed] == list(range(last + 1, last + 451))
    await house.happens(customer)
    assert (await phone.events(1))[0]["seq"] == last + 451


async def test_events_that_are_no_longer_kept_are_replaced_by_everything(house: House):
    customer = house.town.customer
    await house.town.ask()
    await house.happens(customer, 9)
    async with working(house.tools, ENGINE) as work:
        await work.db.execute(update(Stream).where(Stream.account_id == customer.id).values(kept_from=5))
    phone = await house.phone(customer, after=2)
    reset = await phone.next("reset")
    assert reset["seq"] == phone.welcome["seq"]
    assert [request["state"] for request in reset["snapshot"]["requests"]] == ["open"]
    assert set(reset["snapshot"]) == {"duty", "offers", "proposals", "calls", "requests", "engagements"}
    await house.happens(customer)
    assert (await phone.events(1))[0]["seq"] == reset["seq"] + 1


async def test_another_epoch_starts_over(house: House):
    phone = await house.phone(house.town.customer, after=0, epoch="of another database")
    assert (await phone.next("reset"))["epoch"] == phone.welcome["epoch"]


@pytest.mark.parametrize("kind", ["in process", "nats"])
async def test_a_bus_that_loses_one_in_ten_loses_nothing_for_a_phone(
    engine: AsyncEngine, nats_server: str, kind: str
):
    bus = LossyBus(InProcBus() if kind == "in process" else await NatsBus.connected(nats_server), seed=7)
    async with House.open(engine, bus) as house:
        customer = house.town.customer
        phone = await house.phone(customer)
        for _ in range(60):
            await house.happens(customer, 3)
        assert bus.lost > 10
        await phone.send("ping")
        await house.passes(CHECK_EVERY)  # what was lost last of all is found at the next look
        events = await phone.events(180)
        assert [event["seq"] for event in events] == list(range(1, 181))


async def test_a_relay_killed_between_commit_and_telling_leaves_no_gap(house: House):
    customer = house.town.customer
    phone = await house.phone(customer)
    await house.is_written(customer, 2)
    await house.relay._claim()  # claimed, committed, and then killed
    await house.happens(customer)
    assert [event["seq"] for event in await phone.events(3)] == [1, 2, 3]


async def test_a_slow_reader_is_cut_and_delays_nobody(house: House):
    """One that never reads, four that do, 8,000 events of 1 KB: four get every one, one gets 4002."""
    customer, count, burst = house.town.customer, 8_000, 100
    healthy = [await house.phone(customer, device=f"d{number}") for number in range(4)]
    slow = await house.connect(max_queue=1)
    await slow.hello(token=await house.token(customer))

    async def reads(phone: Phone) -> list[int]:
        return [event["seq"] for event in await phone.events(count)]

    readers = [asyncio.create_task(reads(phone)) for phone in healthy]
    seqs = iter(range(1, count + 1))
    for _ in range(count // burst):
        for _ in range(burst):
            seq = next(seqs)
            told = Told(seq, "message.created", "2026-05-04T06:00:00.000Z", {"text": "x" * 900})
            await house.bus.publish(f"account.{customer.id}", event_hint(told))
        await until(lambda: all(len(one.outbox) < burst for one in house.gateway._roster if one.device))
    async with asyncio.timeout(WITHIN * 3):
        for received in await asyncio.gather(*readers):
            assert received == list(range(1, count + 1))
    assert house.gateway.connections == 4, "the slow one is no longer there"
    with suppress(ConnectionClosed):
        while True:
            await slow.frame()
    assert slow.socket.close_code in {4002, 1006}, (
        "the close itself may not get through to one who never reads"
    )


async def test_two_processes_over_nats_tell_the_same_account(engine: AsyncEngine, nats_server: str):
    async with House.open(engine, await NatsBus.connected(nats_server)) as house:
        other = await NatsBus.connected(nats_server)
        customer = house.town.customer
        phone = await house.phone(customer)
        await house.is_written(customer, 5)
        house.relay = Relay(replace(house.tools, bus=other))
        await house.relay.step()
        assert [event["seq"] for event in await phone.events(5)] == [1, 2, 3, 4, 5]
        await other.close()


async def test_the_end_of_a_connection_leaves_nothing_on_the_bus(engine: AsyncEngine):
    bus = CountingBus()
    async with House.open(engine, bus) as house:
        before = bus.subscriptions
        engagement = await house.town.ride()
        phone = await house.phone(house.town.customer)
        await phone.send("subscribe", channel=f"engagement:{engagement}")
        await phone.next("subscribed")
        assert bus.subscriptions == before + 1
        await phone.socket.close()
        await until(lambda: not house.gateway.connections and bus.subscriptions == before)


class CountingBus(InProcBus):
    """Knows how many listen."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions = 0

    async def subscribe(self, pattern: str, deliver: Deliver) -> Callable[[], Awaitable[None]]:
        end = await super().subscribe(pattern, deliver)
        self.subscriptions += 1

        async def counted() -> None:
            self.subscriptions -= 1
            await end()

        return counted
