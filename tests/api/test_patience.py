"""No answer takes longer than a phone's patience, whatever it waits for, and what was given up has not been done."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import StreamingResponse

from api.app import ApiSettings, create_api
from api.patience import UNHURRIED
from domain.usecases.outages import ANSWER_WITHIN
from domain.usecases.work import Tools
from tests.api.conftest import Ticks

PHONES_PATIENCE = 20.0  # s
WITHIN = 0.5  # s, in these tests
LONG = 3 * WITHIN
HELD = text("select * from accounts for update")


@pytest.fixture
def api(tools: Tools, ticks: Ticks) -> FastAPI:
    return create_api(tools, ApiSettings(monotonic=ticks, answer_within=WITHIN))


@pytest.fixture
def slowly(api: FastAPI) -> None:
    """A route that reads what it is sent, then takes its time to answer; one that begins at once and ends late."""
    router = APIRouter()

    @router.post("/v1/slowly/{seconds}")
    async def slowly(seconds: float, body: dict[str, str]) -> dict[str, str]:
        await asyncio.sleep(seconds)
        return body

    @router.get("/v1/pieces")
    async def pieces() -> StreamingResponse:
        async def each() -> AsyncIterator[bytes]:
            yield b"one, "
            await asyncio.sleep(LONG)
            yield b"two"

        return StreamingResponse(each())

    api.include_router(router)


def test_it_is_shorter_than_a_phones_and_some_is_left_for_the_way() -> None:
    assert PHONES_PATIENCE - ANSWER_WITHIN >= 5


async def test_what_waits_for_a_lock_is_told_to_come_back_and_undone(
    camille: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    before = (await camille.get("/v1/me")).json()
    async with engine.begin() as other:
        await other.execute(HELD)
        async with asyncio.timeout(PHONES_PATIENCE):
            late = [camille.patch("/v1/me", json={"name": "Late"}) for _ in range(20)]
            answers = await asyncio.gather(*late)  # most of them wait for a connection, not for the lock
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert answer.headers["retry-after"] == "1"
        assert "RateLimit" in answer.headers
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert (await camille.get("/v1/me")).json() == before
    assert (await camille.patch("/v1/me", json={"name": "In time"})).json()["name"] == "In time"


async def test_it_is_told_in_the_readers_language(stranger: httpx.AsyncClient, slowly: None) -> None:
    french = {"Accept-Language": "fr"}
    answer = await stranger.post(f"/v1/slowly/{LONG}", json={}, headers=french)
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("cela a pris trop de temps")


async def test_the_time_a_client_takes_is_not_counted(stranger: httpx.AsyncClient, slowly: None) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"slow": '
        await asyncio.sleep(LONG)
        yield b'"phone"}'

    headers = {"Content-Type": "application/json"}
    answer = await stranger.post("/v1/slowly/0", content=body(), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"slow": "phone"})
    late = await stranger.post(f"/v1/slowly/{LONG}", content=body(), headers=headers)
    assert late.status_code == 503, "what came after it is"


async def test_an_answer_that_has_begun_is_ended(stranger: httpx.AsyncClient, slowly: None) -> None:
    assert (await stranger.get("/v1/pieces")).text == "one, two"


def test_only_what_has_a_bound_of_its_own_may_take_longer(api: FastAPI) -> None:
    assert set(api.openapi()["paths"]) >= UNHURRIED
