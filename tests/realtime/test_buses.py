"""One contract for every bus: what is published reaches whoever listens, isolated, and nothing more."""

from collections.abc import AsyncIterator

import pytest

from domain.rules.ports import Bus
from realtime.bus_inproc import InProcBus, matches
from realtime.bus_nats import NatsBus
from tests.realtime.ears import Ear


@pytest.fixture(params=["in process", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    bus: Bus = InProcBus()
    if request.param == "nats":
        bus = await NatsBus.connected(request.getfixturevalue("nats_server"))
    yield bus
    await bus.close()


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


async def test_messages_of_one_subject_arrive_in_order_however_many_speak_of_others(bus: Bus):
    ears = {market: Ear() for market in ("monaco", "helsinki")}
    everything = Ear()
    await bus.subscribe("position.*", everything)
    for market, ear in ears.items():
        await bus.subscribe(f"position.{market}", ear)
    for number in range(300):
        await bus.publish(f"position.{('monaco', 'helsinki')[number % 2]}", str(number).encode())
    for first, (market, ear) in enumerate(ears.items()):
        heard = await ear.until(150)
        assert heard == [(f"position.{market}", str(number).encode()) for number in range(first, 300, 2)]
    for market in ears:
        of_it = [int(p) for subject, p in await everything.until(300) if subject.endswith(market)]
        assert of_it == sorted(of_it)


async def test_a_market_or_a_cell_of_it_is_listened_to_by_a_pattern(bus: Bus):
    """`<kind>.<market>.<H3 cell>`: all of a market, one cell of it, one cell whatever the kind."""
    market, cell, kind = Ear(), Ear(), Ear()
    await bus.subscribe("cell.monaco.>", market)
    await bus.subscribe("cell.monaco.873969a44ffffff", cell)
    await bus.subscribe("*.monaco.873969a44ffffff", kind)
    said = ["cell.monaco.873969a44ffffff", "cell.monaco.873969a45ffffff", "fix.monaco.873969a44ffffff",
            "cell.helsinki.871126d33ffffff", "cell.monaco", "cell.monaco.873969a44ffffff"]  # fmt: skip
    for subject in said:
        await bus.publish(subject, b"")
    assert [subject for subject, _ in await market.until(3)] == [said[0], said[1], said[5]]
    assert [subject for subject, _ in await cell.until(2)] == [said[0], said[5]]
    assert [subject for subject, _ in await kind.until(3)] == [said[0], said[2], said[5]]


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
