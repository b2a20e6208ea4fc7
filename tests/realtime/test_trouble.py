"""One thing that goes wrong is one thing: others go on, and the log is not drowned."""

import logging
from typing import Any

import pytest

from domain.store.outage import DatabaseAway
from domain.usecases import following, mapview
from domain.usecases.founding import found_market
from domain.usecases.mapview import MapMemory, MapState
from domain.usecases.work import ENGINE, Work, working
from geo.points import moved
from realtime.hub import LOGGED_EVERY, Gateway
from tests.factories import MONACO, PORT
from tests.realtime.house import House
from tests.realtime.test_tracking import drives
from tests.realtime.test_tracking import following as follows


async def test_a_place_is_told_though_nobody_can_say_when_they_arrive(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_: object) -> float:
        raise RuntimeError("a defect of the streets")

    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    phone = await follows(house, house.town.customer, engagement)
    monkeypatch.setattr(following, "eta_s", broken)
    await drives(house, moved(PORT, 90, 500))
    assert (await phone.next("track"))["eta_s"] is None


async def test_a_map_that_cannot_be_drawn_hides_no_other(house: House, monkeypatch: pytest.MonkeyPatch):
    async with working(house.tools, ENGINE) as work:
        await found_market(work, {**MONACO, "slug": "nice"})

    async def look(_: Work, memory: MapMemory) -> MapState:
        if memory.market == "monaco":
            raise RuntimeError("a row nobody can read")
        return MapState([], [], [], {})

    monkeypatch.setattr(mapview, "look", look)
    phone = await house.phone(house.town.staff)
    for market in ("monaco", "nice"):
        await phone.send("subscribe", channel=f"map:{market}")
        await phone.next("subscribed")
    await house.gateway.step_maps()
    assert (await phone.next("map"))["channel"] == "map:nice"


async def test_what_everybody_meets_is_logged_once_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def away(*_: object) -> Any:
        raise DatabaseAway("no connection")

    phones = [await house.phone(house.town.customer) for _ in range(3)]
    monkeypatch.setattr(Gateway, "_do", away)
    with caplog.at_level(logging.WARNING, "realtime.hub"):
        for lines in (1, 2):
            for phone in phones:
                await phone.send("do", id="1", op="offer.accept", args={})
                assert (await phone.next("failed"))["problem"]["code"] == "unavailable"
            assert caplog.text.count("a socket's Do failed") == lines
            house.clock.move(LOGGED_EVERY)
