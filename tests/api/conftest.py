"""The real application over real PostgreSQL, and clients that speak to it as phones do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ApiSettings, create_api
from domain.usecases.work import Tools
from tests.factories import FakeClock, a_market, make_tools

SignIn = Callable[[str], Awaitable[httpx.AsyncClient]]


@dataclass
class Ticks:
    """Monotonic seconds, moved by hand."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    made = make_tools(engine, clock=clock)
    await a_market(made)
    return made


@pytest.fixture
def api(tools: Tools, ticks: Ticks) -> FastAPI:
    return create_api(tools, ApiSettings(monotonic=ticks))


def client_of(api: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """A client; the application's bugs answer 500 here as they would over a network."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://coudmain.test", headers=headers)


@pytest.fixture
async def stranger(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has not signed in."""
    async with client_of(api) as client:
        yield client


@pytest.fixture
async def sign_in(api: FastAPI, stranger: httpx.AsyncClient) -> AsyncIterator[SignIn]:
    """Sign a phone in through the public routes; the client that comes back carries its token."""
    async with AsyncExitStack() as stack:

        async def signed_in(phone: str) -> httpx.AsyncClient:
            asked = await stranger.post("/v1/auth/otp", json={"phone": phone})
            sent = await stranger.get("/v1/dev/outbox", params={"to": phone})
            challenge = asked.json()["challenge_id"]
            codes = {item["data"]["challenge_id"]: item["data"]["code"] for item in sent.json()["items"]}
            body = {"challenge_id": challenge, "code": codes[challenge]}
            given = await stranger.post("/v1/auth/token", json=body)
            assert given.status_code == 200, given.text
            return await stack.enter_async_context(client_of(api, given.json()["access_token"]))

        yield signed_in


@pytest.fixture
async def camille(sign_in: SignIn) -> httpx.AsyncClient:
    """A customer."""
    return await sign_in("+33611111111")


@pytest.fixture
async def dominique(sign_in: SignIn) -> httpx.AsyncClient:
    """A driver."""
    client = await sign_in("+33622222222")
    await client.put("/v1/me/provider", json={"services": ["ride-vtc", "ride-eco"]})
    return client


@pytest.fixture
async def ops(sign_in: SignIn, stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """Ops staff."""
    await stranger.post("/v1/dev/ops", json={"phone": "+33633333333"})
    return await sign_in("+33633333333")
