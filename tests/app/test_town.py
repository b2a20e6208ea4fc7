"""The simulated town, as far as it can be told without living in it (`tests/bench` does)."""

import asyncio
import warnings
from typing import Self

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from app.town.people import person
from app.town.phone import Phone
from app.town.run import arrive, in_step
from app.town.tally import Tally
from app.town.ways import near, on_a_street
from geo.points import LatLng
from geo.streets import Profile, StreetGraph
from tests.geo.cities import grid_town, place_of


def test_each_kind_arrives_in_step_with_the_others():
    drivers, customers = [1, 2, 3, 4], ["a", "b"]
    shares = {somebody: share for share, somebody in in_step([*drivers, *customers])}
    assert [shares[driver] for driver in drivers] == [0.0, 0.25, 0.5, 0.75]
    assert [shares[customer] for customer in customers] == [0.0, 0.5]


def test_a_stroll_ends_on_a_street_and_not_in_the_harbour():
    streets, rng = StreetGraph(grid_town()), np.random.default_rng(1)
    quay = LatLng(*place_of(0, 0))  # a corner: beyond it there is nothing
    for _ in range(50):
        there = on_a_street(streets, near(quay, rng, 250.0), Profile.WALK)
        assert streets.snap(there, Profile.WALK).offset_m < 1.0


class Newcomer:
    lived = False

    async def live(self) -> None:
        self.lived = True


async def test_a_town_told_to_stop_while_people_still_arrive_stops_without_a_word():
    newcomer = Newcomer()
    with warnings.catch_warnings(record=True) as said:
        arriving = asyncio.create_task(arrive(newcomer, 3_600.0, Tally()))
        await asyncio.sleep(0)  # it is under way
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
    assert not newcomer.lived
    assert not said


class Line:
    """A socket that the engine closes at once on whoever comes with the first token, and keeps open for others."""

    def __init__(self, token: str, code: int, kept: asyncio.Event) -> None:
        self.token, self.code, self.kept = token, code, kept

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *why: object) -> None:
        pass

    async def send(self, text: str) -> None:
        pass

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self.token == "Bearer first":
            raise ConnectionClosedError(Close(self.code, ""), None)
        self.kept.set()
        await asyncio.Event().wait()
        raise StopAsyncIteration


@pytest.mark.parametrize("code", [4003, 4501])
async def test_a_phone_that_only_listens_renews_the_token_its_socket_was_closed_for(
    monkeypatch: pytest.MonkeyPatch, code: int
):
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/auth/token"
        return httpx.Response(
            200, json={"access_token": "second", "refresh_token": "second", "account_id": "somebody"}
        )

    kept = asyncio.Event()

    def connect(address: str, *, additional_headers: dict[str, str], **how: object) -> Line:
        return Line(additional_headers["Authorization"], code, kept)

    monkeypatch.setattr("app.town.phone.connect", connect)
    monkeypatch.setattr(Phone, "_jitter", lambda phone, seconds: 0.0)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        phone = Phone(person(1, 1, 1), http, "http://engine", handle=lambda event: None)
        phone._keep({"access_token": "first", "refresh_token": "first", "account_id": "somebody"})
        listening = asyncio.create_task(phone.stay_connected())
        async with asyncio.timeout(5):
            await kept.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
