"""A loop that breaks off is begun again and counted; one that has ended has ended; all of them stop when told."""

import asyncio
import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app import loops
from app.engine import Part, running
from app.loops import Loops, kind_of
from app.relay import Relay
from app.settings import Settings
from tests.app.numbers import Numbers


class Unlucky:
    """Breaks off so many times, then goes on until told to stop."""

    def __init__(self, times: int) -> None:
        self.left, self.goes, self.ended = times, asyncio.Event(), False

    async def run(self, stop: asyncio.Event) -> None:
        if self.left:
            self.left -= 1
            raise KeyError("what nobody expected")
        self.goes.set()
        await stop.wait()
        self.ended = True


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "AGAIN_AFTER", 0.01)


async def test_a_loop_that_breaks_off_is_begun_again_told_and_counted(caplog: pytest.LogCaptureFixture):
    registry, unlucky, steady = CollectorRegistry(), Unlucky(2), Unlucky(0)
    house = Loops(registry)
    house.begin([unlucky.run, steady.run])
    async with asyncio.timeout(10):
        await unlucky.goes.wait()
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["the unlucky broke off" in record.getMessage() for record in told] == [True, True]
    assert all(record.exc_info for record in told), "with its trace"
    seen = Numbers(generate_latest(registry).decode())
    assert seen.of("coudmain_loops_broken_total", kind="unlucky") == 2
    await house.end()
    assert unlucky.ended
    assert steady.ended


async def test_a_loop_that_has_done_its_work_is_not_begun_again():
    begun = []

    async def once(stop: asyncio.Event) -> None:
        begun.append(stop)

    house = Loops(CollectorRegistry())
    house.begin([once])
    await asyncio.sleep(0.05)
    await house.end()
    assert len(begun) == 1
    assert kind_of(once) == "once"


async def test_a_relay_that_meets_what_it_cannot_bear_relays_on(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """The whole engine: before, its events would have lain about while it said that it was well."""
    step, broke, relays_on = Relay.step, asyncio.Event(), asyncio.Event()

    async def once_unlucky(self: Relay) -> int:
        if not broke.is_set():
            broke.set()
            raise LookupError("a row of tomorrow")
        relays_on.set()
        return await step(self)

    monkeypatch.setattr(Relay, "step", once_unlucky)
    monkeypatch.setenv("COUDMAIN_DATA", str(tmp_path))
    settings = Settings(secret="the secret of a test, which is long enough")
    async with running(settings, database_url, Part.RELAY), asyncio.timeout(20):
        await relays_on.wait()
