"""NATS killed, frozen, flooded: whoever publishes goes on at once, whoever listens hears again."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from realtime.bus_nats import UNSENT_BYTES, NatsBus
from realtime.cursor import CHECK_EVERY
from tests.realtime.ears import Ear
from tests.realtime.house import House
from tests.realtime.natsserver import NatsServer

AT_ONCE = 2.0  # s for what takes a millisecond and must not wait for a server
BACK_WITHIN = 20.0  # s to be connected again: an attempt a second, and a frozen server is noticed after 15


@pytest.fixture
def nats() -> Iterator[NatsServer]:
    """A server of this test's own, running."""
    server = NatsServer()
    server.start()
    yield server
    server.kill()


async def until_heard(bus: NatsBus, ear: Ear, subject: str, payload: bytes) -> None:
    """Publish until it is heard: what goes out while the bus is away may be lost."""
    async with asyncio.timeout(BACK_WITHIN):
        while (subject, payload) not in ear.heard:
            await bus.publish(subject, payload)
            await asyncio.sleep(0.05)


async def until_it_is(bus: NatsBus, *, ready: bool) -> None:
    async with asyncio.timeout(BACK_WITHIN):
        while await bus.ready() is not ready:  # noqa: ASYNC110 - the contract has no event for it
            await asyncio.sleep(0.02)


async def test_a_server_that_was_killed_and_started_again_carries_on(nats: NatsServer):
    listens, speaks = await NatsBus.connected(nats.url), await NatsBus.connected(nats.url)
    before, meanwhile = Ear(), Ear()
    await listens.subscribe("position.>", before)
    await until_heard(speaks, before, "position.monaco", b"1")

    nats.kill()
    for bus in (listens, speaks):
        await until_it_is(bus, ready=False)
    async with asyncio.timeout(AT_ONCE):
        for number in range(1_000):
            await speaks.publish("position.monaco", b"while it is away %d" % number)
        await listens.subscribe("account.*", meanwhile)

    nats.start()
    await until_heard(speaks, before, "position.monaco", b"2")
    await until_heard(speaks, meanwhile, "account.7", b"2")
    for bus in (listens, speaks):
        await bus.close()


async def test_a_server_that_reads_nothing_makes_no_publisher_wait(nats: NatsServer):
    listens, speaks = await NatsBus.connected(nats.url), await NatsBus.connected(nats.url)
    ear = Ear()
    await listens.subscribe("position.*", ear)
    nats.freeze()
    try:
        async with asyncio.timeout(AT_ONCE * 2):  # 64 MiB are made and thrown away
            for _ in range(8 * UNSENT_BYTES // 65_536):
                await speaks.publish("position.monaco", bytes(65_536))
    finally:
        nats.thaw()
    assert speaks.tally.dropped > 0, "beyond the bound it is dropped, not kept"
    await until_heard(speaks, ear, "position.monaco", b"again")
    async with asyncio.timeout(AT_ONCE * 2):
        for bus in (listens, speaks):
            await bus.close()


async def test_a_listener_too_far_behind_loses_messages_and_delays_nobody(nats: NatsServer):
    slow = await NatsBus.connected(nats.url, unread_messages=8)
    quick, speaks = await NatsBus.connected(nats.url), await NatsBus.connected(nats.url)
    behind, ahead = Ear(), Ear()
    await slow.subscribe("account.*", behind)
    await quick.subscribe("account.*", ahead)

    count = 5_000  # arrives in pieces of hundreds
    for number in range(count):
        await speaks.publish("account.7", b"%d" % number)

    assert [int(payload) for _, payload in await ahead.until(count)] == list(range(count))
    await until_heard(speaks, behind, "account.8", b"the last")
    assert slow.tally.missed > 0
    assert len(behind.heard) < count, "what it lost is bounded by nothing but its own speed"
    numbers = [int(payload) for subject, payload in behind.heard if subject == "account.7"]
    assert numbers == sorted(numbers), "what it did hear is in order"
    for bus in (slow, quick, speaks):
        await bus.close()


async def test_events_told_while_nats_was_away_reach_a_phone(engine: AsyncEngine, nats: NatsServer):
    bus = await NatsBus.connected(nats.url)
    async with House.open(engine, bus) as house:
        customer = house.town.customer
        phone = await house.phone(customer)
        await house.happens(customer)
        nats.kill()
        await until_it_is(bus, ready=False)
        async with asyncio.timeout(AT_ONCE * 2):
            await house.happens(customer, 20)
        await phone.send("ping")
        await house.passes(CHECK_EVERY)  # the log knows what the bus does not, with the bus still away
        assert [event["seq"] for event in await phone.events(21)] == list(range(1, 22))
        nats.start()
        await until_it_is(bus, ready=True)
        await house.happens(customer)
        assert (await phone.events(1))[0]["seq"] == 22


async def test_who_is_cancelled_while_they_subscribe_listens_to_nothing(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
):
    bus, asked = await NatsBus.connected(nats.url), asyncio.Event()

    async def for_ever(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as stuck:
        stuck.setattr(bus._client, "flush", for_ever)
        listening = asyncio.create_task(bus.subscribe("track.1", lambda *_: None))
        await asked.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
    assert not bus._client._subs
    await bus.close()
