"""Pages of other origins: those an operator names may call the API, and read its refusals too; no others."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.app import ApiSettings, create_api
from api.limits import Rate
from domain.usecases.work import Tools
from tests.api.conftest import client_of

APP, ELSEWHERE = "https://app.example", "https://elsewhere.example"
ALLOWED = "access-control-allow-origin"
ASKS = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
}


@pytest.fixture
def open_api(tools: Tools) -> FastAPI:
    return create_api(tools, ApiSettings(origins=(APP,), stranger=Rate(1, 3)))


@pytest_asyncio.fixture
async def page(open_api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A script of the named origin, as its browser asks for it."""
    async with client_of(open_api) as client:
        client.headers["Origin"] = APP
        yield client


async def test_a_named_page_may_ask_with_a_token_and_an_idempotency_key(page: httpx.AsyncClient):
    answer = await page.options("/v1/requests", headers=ASKS)
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert {"authorization", "idempotency-key"} <= {
        name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")
    }
    assert "access-control-allow-credentials" not in answer.headers, (
        "a token is brought, never sent by itself"
    )


async def test_it_reads_answers_refusals_and_when_to_come_back(page: httpx.AsyncClient):
    read = await page.get("/v1/markets")
    refused = await page.get("/v1/me")
    missing = await page.get("/v1/nothing")
    too_many = await page.get("/v1/markets")
    answers = (read, refused, missing, too_many)
    assert [answer.status_code for answer in answers] == [200, 401, 404, 429]
    for answer in answers:
        assert answer.headers[ALLOWED] == APP
        assert "origin" in answer.headers["vary"].lower()
        readable = {
            name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")
        }
        assert {"retry-after", "x-request-id", "ratelimit", "idempotency-replayed"} <= readable


async def test_it_reads_of_a_crash(open_api: FastAPI, page: httpx.AsyncClient):
    @open_api.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a defect")

    crashed = await page.get("/broken")
    assert (crashed.status_code, crashed.headers[ALLOWED]) == (500, APP)


async def test_another_page_may_not(page: httpx.AsyncClient):
    for origin in (ELSEWHERE, "null", f"{APP}.elsewhere.example", APP.replace("https", "http")):
        before = await page.options("/v1/requests", headers={**ASKS, "Origin": origin})
        assert before.status_code == 400
        asked = await page.get("/healthz", headers={"Origin": origin})
        assert ALLOWED not in before.headers
        assert ALLOWED not in asked.headers


async def test_where_nobody_is_named_no_page_of_elsewhere_may(stranger: httpx.AsyncClient):
    for answer in (
        await stranger.options("/v1/requests", headers={**ASKS, "Origin": APP}),
        await stranger.get("/healthz", headers={"Origin": APP}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
