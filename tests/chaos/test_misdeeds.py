"""A phone that does not read is the one whose socket ends, whoever else does the same beside it."""

import asyncio
import json
import random
from typing import cast

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode

from bench import misdeeds
from bench.bites import SIGNS
from bench.misdeeds import TOO_SLOW, fill_its_line
from bench.rideout import Driver
from bench.schedule import Fault
from bench.survivors import Record

URL = "http://gateway"
KEEPS = 50  # answers, for a phone that does not read
KEEPS_MORE = 90


class Gateway:
    """Counts its sockets that ended as too slow."""

    def __init__(self) -> None:
        self.too_slow = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"{URL}/metrics"
        told = f'coudmain_sockets_closed_total{{why="too_slow"}} {float(self.too_slow)}\n'
        return httpx.Response(200, text=told)

    def driver(self, number: int, keeps: int = KEEPS) -> Driver:
        """One for whom so many answers are kept."""
        driver = Driver([URL], number, Record(), random.Random(number))
        driver.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        self.welcome(driver, keeps)
        return driver

    def welcome(self, driver: Driver, keeps: int) -> None:
        driver.socket, driver.socket_at = cast(ClientConnection, Line(self, driver, keeps)), URL
        driver.welcomed = True


class Line:
    """A driver's, as far as one who fills it can tell."""

    def __init__(self, gateway: Gateway, driver: Driver, keeps: int) -> None:
        self._gateway, self._driver, self._keeps = gateway, driver, keeps
        self._waiting: list[str] = []
        self._over = False
        self._reading: asyncio.Task[None] | None = None
        self.close_code: int | None = None

    async def send(self, text: str) -> None:
        if self.close_code is not None:
            raise ConnectionClosedError(None, None)
        self._reading = self._reading or asyncio.create_task(self._read())
        if self._over:
            return
        self._waiting.append(json.loads(text)["t"])
        if len(self._waiting) > self._keeps:
            self._waiting, self._over = [], True
            self._gateway.too_slow += 1

    async def _read(self) -> None:
        """Whenever the driver does, until the close."""
        while self.close_code is None:
            await self._driver.reads.wait()
            self._driver.pongs += self._waiting.count("ping")
            self._waiting.clear()
            if self._over:
                self.close_code = TOO_SLOW
                self._gateway.welcome(self._driver, self._keeps)
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def soon_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for what never comes waits longer than a test may take."""
    monkeypatch.setattr(misdeeds, "SOON", 600.0)
    monkeypatch.setattr(misdeeds, "ASKS_AT", 2000.0)
    monkeypatch.setattr(misdeeds, "CATCH_UP_WITHIN", 0.0)


async def test_a_driver_who_does_not_read_is_ended_as_too_slow():
    assert await fill_its_line(Gateway().driver(1)) == SIGNS[Fault.FILL_BUFFERS]


async def test_a_driver_goes_on_when_it_was_another_who_was_ended():
    gateway = Gateway()
    drivers = [gateway.driver(1), gateway.driver(2, KEEPS_MORE)]
    both = await asyncio.gather(*map(fill_its_line, drivers))
    assert list(both) == [SIGNS[Fault.FILL_BUFFERS]] * 2
    assert gateway.too_slow == 2
    assert [driver.pongs for driver in drivers] == [0, 1]


async def test_a_driver_whose_line_is_nearly_full_need_not_begin_anew_for_another(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(misdeeds, "CATCH_UP_WITHIN", 1.0)
    gateway = Gateway()
    drivers = [gateway.driver(1), gateway.driver(2, KEEPS_MORE)]
    both = await asyncio.gather(*map(fill_its_line, drivers))
    assert list(both) == [SIGNS[Fault.FILL_BUFFERS]] * 2
    assert [driver.pongs for driver in drivers] == [0, 0]


async def test_of_two_who_have_one_driver_fill_its_line_each_has_it_ended():
    gateway = Gateway()
    driver = gateway.driver(1)
    both = await asyncio.gather(fill_its_line(driver), fill_its_line(driver))
    assert list(both) == [SIGNS[Fault.FILL_BUFFERS]] * 2
    assert gateway.too_slow == 2


async def test_a_driver_whose_line_has_died_waits_for_another():
    gateway = Gateway()
    driver = gateway.driver(1)
    cast(Line, driver.socket).close_code = CloseCode.ABNORMAL_CLOSURE
    filling = asyncio.create_task(fill_its_line(driver))
    await asyncio.sleep(0)  # it begins
    gateway.welcome(driver, KEEPS)
    assert await filling == SIGNS[Fault.FILL_BUFFERS]


async def test_a_line_that_stands_still_brings_its_answers_after_the_end():
    driver = Gateway().driver(1)
    assert await misdeeds.stand_still(driver, 0.01) == SIGNS[Fault.SLOW_LINES]
    assert driver.reads.is_set()


class Eager(Line):
    """Brings everything at once, whether its driver reads or not."""

    async def send(self, text: str) -> None:
        self._driver.pongs += 1


async def test_a_line_that_brings_its_answers_at_once_did_not_stand_still(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(misdeeds, "FELT_WITHIN", 0.05)
    gateway = Gateway()
    driver = gateway.driver(1)
    driver.socket = cast(ClientConnection, Eager(gateway, driver, KEEPS))
    assert await misdeeds.stand_still(driver, 0.01) == set()
    assert driver.reads.is_set()
