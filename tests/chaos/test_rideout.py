"""A driver at the door starts with the PIN, however late it comes, or finds that the ride has ended."""

import random
from collections.abc import Callable, Iterable, Iterator

import httpx
import pytest

from bench import rideout
from bench.rideout import Driver
from bench.survivors import Record

RIDE = "a-ride"
State = Callable[[], str]


@pytest.fixture(autouse=True)
def fixes_come_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rideout, "FIX_EVERY", 0.004)


def driver_of(states: Iterable[str], record: Record, heard: Callable[[int], None] = lambda _: None) -> Driver:
    """Its ride is in these states, one a question; `heard` is told how often it has asked."""
    answers: Iterator[tuple[int, str]] = enumerate(states, 1)

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", f"/v1/engagements/{RIDE}")
        asked, state = next(answers)
        heard(asked)
        return httpx.Response(200, json={"id": RIDE, "state": state})

    driver = Driver(["http://gateway"], 0, record, random.Random(1))
    driver.http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return driver


async def test_a_pin_that_is_known_is_said_without_a_question():
    record = Record(pins={RIDE: "1234"})
    assert await driver_of([], record).pin_of(RIDE) == "1234"


async def test_a_driver_waits_for_the_pin_longer_than_a_customer_for_a_ride(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rideout, "PATIENCE", 0.0)
    record = Record()

    def heard(asked: int) -> None:
        if asked == 5:
            record.pins[RIDE] = "1234"

    assert await driver_of(["arrived"] * 6, record, heard).pin_of(RIDE) == "1234"


async def test_a_driver_whose_ride_has_ended_waits_for_no_pin():
    questions: list[int] = []
    assert await driver_of(["arrived", "cancelled"], Record(), questions.append).pin_of(RIDE) is None
    assert questions == [1, 2]


async def test_a_driver_waits_for_a_pin_no_longer_than_for_an_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rideout, "ANSWERED_WITHIN", 0.05)
    assert await driver_of(["arrived"] * 1000, Record()).pin_of(RIDE) is None
