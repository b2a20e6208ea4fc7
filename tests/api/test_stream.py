"""Events and positions over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from domain.rules.events import EventType
from domain.store.tables import Stream
from domain.usecases.work import ENGINE, Tools, working
from tests.factories import PORT, FakeClock

FIX: dict[str, Any] = {"lat": PORT.lat, "lon": PORT.lon}


@pytest.fixture
async def told(camille: httpx.AsyncClient, tools: Tools) -> httpx.AsyncClient:
    """Somebody to whom five things have happened."""
    account = UUID((await camille.get("/v1/me")).json()["id"])
    async with working(tools, ENGINE) as work:
        for number in range(5):
            work.emit(account, EventType.MESSAGE_CREATED, {"number": number})
    return camille


@pytest.fixture
async def driver(dominique: httpx.AsyncClient) -> httpx.AsyncClient:
    """A driver on duty."""
    on = await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert on.status_code == 200, on.text
    return dominique


async def test_events_come_in_pages_without_gaps(told: httpx.AsyncClient):
    seqs: list[int] = []
    query: dict[str, Any] = {"after": 0, "limit": 2}
    while True:
        page = (await told.get("/v1/me/events", params=query)).json()
        seqs += [event["seq"] for event in page["items"]]
        if page["next_cursor"] is None:
            break
        query = {"cursor": page["next_cursor"], "limit": 2}
    assert seqs == [1, 2, 3, 4, 5]
    assert (page["seq"], page["reset"]) == (5, None)
    assert set(page["items"][0]) == {"seq", "type", "at", "data"}


async def test_only_what_came_after_a_number_is_told(told: httpx.AsyncClient):
    page = (await told.get("/v1/me/events", params={"after": 4})).json()
    assert [event["data"]["number"] for event in page["items"]] == [4]


async def test_an_account_nothing_happened_to_has_an_epoch_and_keeps_it(camille: httpx.AsyncClient):
    one = (await camille.get("/v1/me/events")).json()
    two = (await camille.get("/v1/me/events", params={"epoch": one["epoch"]})).json()
    assert one["epoch"] == two["epoch"]
    assert (one["seq"], two["reset"]) == (0, None)


@pytest.mark.parametrize("query", [{"after": 1}, {"after": 99}, {"after": 4, "epoch": "another"}])
async def test_a_number_that_cannot_be_resumed_from_is_answered_with_everything(
    told: httpx.AsyncClient, tools: Tools, query: dict[str, Any]
):
    async with working(tools, ENGINE) as work:
        await work.db.execute(update(Stream).values(kept_from=4))
    page = (await told.get("/v1/me/events", params=query)).json()
    assert page["items"] == []
    assert page["reset"]["seq"] == 5
    assert set(page["reset"]["snapshot"]) == {
        "duty",
        "offers",
        "calls",
        "proposals",
        "requests",
        "engagements",
    }


async def test_fixes_are_taken_from_whoever_is_on_duty(driver: httpx.AsyncClient, clock: FakeClock):
    now = clock.now()
    fixes = [
        {**FIX, "at": now.isoformat(), "accuracy_m": 5},
        {**FIX, "at": (now - timedelta(seconds=3)).isoformat()},
        {**FIX, "at": (now + timedelta(hours=1)).isoformat()},
    ]
    answer = await driver.post("/v1/me/positions", json={"fixes": fixes})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "dropped": [{"index": 2, "reason": "from_the_future"}]}


async def test_off_duty_nothing_is_taken(camille: httpx.AsyncClient, clock: FakeClock):
    body = {"fixes": [{**FIX, "at": clock.now().isoformat()}]}
    answer = await camille.post("/v1/me/positions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_on_duty")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"fixes": [{**FIX, "lat": 95, "at": "2026-05-04T06:00:00Z"}]}, "/fixes/0/lat"),
        ({"fixes": [{**FIX, "at": "2026-05-04T06:00:00"}]}, "/fixes/0/at"),
        ({"fixes": []}, "/fixes"),
        ({}, ""),
        ([], ""),
    ],
)
async def test_a_report_that_is_none_says_where_it_is_wrong(
    driver: httpx.AsyncClient, body: Any, pointer: str
):
    answer = await driver.post("/v1/me/positions", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_rubbish_and_strangers_are_refused(driver: httpx.AsyncClient, stranger: httpx.AsyncClient):
    for rubbish in (b"", b"{", b"\xff", b"[" * 5_000, b'{"fixes": [{"lat": NaN}]}'):
        assert (await driver.post("/v1/me/positions", content=rubbish)).status_code == 422
    assert (await stranger.post("/v1/me/positions", json={"fixes": []})).status_code == 401


async def test_a_signed_out_phone_is_believed_for_a_few_seconds_at_most(
    driver: httpx.AsyncClient, clock: FakeClock
):
    async def report() -> int:
        body = {"fixes": [{**FIX, "at": clock.move(1).isoformat()}]}
        return (await driver.post("/v1/me/positions", json=body)).status_code

    assert await report() == 202
    await driver.post("/v1/auth/logout")
    clock.move(15)
    assert await report() == 401
