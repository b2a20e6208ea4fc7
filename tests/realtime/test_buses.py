"""One contract for every bus: what is published reaches whoever listens, isolated, and nothing more."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.rules.ports import Bus
from realtime.bus_inproc import InProcBus, matches
from realtime.bus_nats import NatsBus

WITHIN = 5.0  # s: a message takes under a millisecond; a busy machine may pause


@pytest.fixture(params=["in process", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    bus: Bus = InProcBus()
    if request.param == "nats":
        bus = await NatsBus.connected(request.getfixturevalue("nats_server"))
    yield bus
    await bus.close()


class Ear:
    """Hears, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._rang = asyncio.Event()

    def __call__(self, subject: str, payload: bytes) -> None:
        self.heard.append((subject, payload))
        self._rang.set()

    async def until(self, count: int) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(WITHIN):
            while len(self.heard) < count:
                self._rang.clear()
                await self._rang.wait()
        return self.heard


async def test_a_message_reaches_everyone_who_listens_to_its_subject(bus: Bus):
    one, two, other = Ear(), Ear(), Ear()
    await bus.subscribe("account.7", one)
    await bus.subscribe("account.*", two)
    await bus.subscribe("account.8", other)
    await bus.publish("account.7", b"hello")
    assert await one.until(1) == [("account.7", b"hello")]
    assert await two.until(1) == [("account.7", b"hello")]
    assert other.heard == []


async def test_messages_of_one_publisher_arrive_in_order(bus: Bus):
    ear = Ear()
    await bus.subscribe("position.>", ear)
    for number in range(200):
        await bus.publish("position.monaco", str(number).encode())
    assert [int(payload) for _, payload in await ear.until(200)] == list(range(200))


async def test_a_listener_that_fails_stops_nobody(bus: Bus):
    ear = Ear()

    def fails(subject: str, payload: bytes) -> None:
        raise ValueError("this listener cannot")

    await bus.subscribe("wake.relay", fails)
    await bus.subscribe("wake.relay", ear)
    await bus.publish("wake.relay", b"1")
    await bus.publish("wake.relay", b"2")
    assert len(await ear.until(2)) == 2


async def test_an_ended_subscription_hears_nothing_more(bus: Bus):
    ended, still = Ear(), Ear()
    end = await bus.subscribe("duty.1", ended)
    await bus.subscribe("duty.1", still)
    await end()
    await end()
    await bus.publish("duty.1", b"")
    await still.until(1)
    assert ended.heard == []


async def test_a_closed_bus_is_not_ready_and_swallows_what_is_published(bus: Bus):
    assert await bus.ready()
    await bus.close()
    assert not await bus.ready()
    await bus.publish("wake.relay", b"")


@pytest.mark.parametrize(
    ("pattern", "subject", "wanted"),
    [
        ("account.*", "account.1", True),
        ("account.*", "account", False),
        ("account.*", "account.1.2", False),
        ("position.>", "position.monaco", True),
        ("position.>", "position.monaco.89f", True),
        ("position.>", "position", False),
        ("*.monaco", "position.monaco", True),
        ("wake.relay", "wake.relay", True),
        ("wake.relay", "wake.relays", False),
        (">", "anything", True),
    ],
)
def test_patterns_mean_what_they_mean_to_nats(pattern: str, subject: str, wanted: bool):
    assert matches(pattern, subject) is wanted
