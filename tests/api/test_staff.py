"""The staff of one market neither read nor steer another's: every ops route, and every row a party may reach."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from domain.rules.errors import Forbidden, NotFound
from domain.usecases.following import follow
from domain.usecases.founding import found_market
from domain.usecases.mapview import open_map
from domain.usecases.suspension import suspend
from domain.usecases.work import ENGINE, Actor, Tools, working
from tests.api.conftest import SignIn
from tests.factories import (
    CASINO,
    MONACO,
    PORT,
    FakeClock,
    a_round,
    an_account,
    at_present,
    put_at,
    run_as,
)

TRIP: dict[str, Any] = {
    "service": "ride-vtc",
    "stops": [
        {"kind": "pickup", "lat": PORT.lat, "lon": PORT.lon},
        {"kind": "drop", "lat": CASINO.lat, "lon": CASINO.lon},
    ],
}
ELSEWHERE = {
    **MONACO,
    "slug": "elsewhere",
    "name": "Elsewhere",
    "zones": [zone | {"ring": [[lon + 1.0, lat] for lon, lat in zone["ring"]]} for zone in MONACO["zones"]],
}

NOTHING_LISTED, NOT_FOR_THEM, NOT_THERE = "nothing listed", "403 forbidden", "404 not_found"
OPS_ROUTES = {
    ("GET", "/v1/ops/engagements"): NOTHING_LISTED,
    ("GET", "/v1/ops/exceptions"): NOTHING_LISTED,
    ("GET", "/v1/ops/rounds"): NOTHING_LISTED,
    ("POST", "/v1/ops/tours"): NOT_FOR_THEM,
    ("POST", "/v1/ops/services"): NOT_FOR_THEM,
    ("PUT", "/v1/ops/services/{slug}"): NOT_FOR_THEM,
    ("GET", "/v1/ops/markets/{slug}/calibration"): NOT_FOR_THEM,
    ("GET", "/v1/ops/ledger/check"): NOT_FOR_THEM,
    ("GET", "/v1/ops/ledger"): NOT_THERE,
    ("GET", "/v1/ops/requests/{request_id}/rounds"): NOT_THERE,
    ("POST", "/v1/ops/engagements/{engagement_id}/reassign"): NOT_THERE,
    ("POST", "/v1/ops/engagements/{engagement_id}/refund"): NOT_THERE,
    ("POST", "/v1/ops/accounts/{account_id}/suspend"): NOT_THERE,
    ("POST", "/v1/ops/accounts/{account_id}/unsuspend"): NOT_THERE,
}
BODIES: dict[str, Any] = {
    "/v1/ops/engagements/{engagement_id}/refund": {"amount": 1, "reason": "x"},
    "/v1/ops/accounts/{account_id}/suspend": {"reason": "x"},
    "/v1/ops/tours": {
        "market": "monaco",
        "vehicles": [{"id": "bike", "start": {"lat": PORT.lat, "lon": PORT.lon}}],
        "errands": [],
    },
    "/v1/requests/{request_id}/offers": {"price": {"amount": 5_000, "currency": "EUR"}},
    "/v1/offers/{offer_id}/counter": {"price": {"amount": 5_000, "currency": "EUR"}},
    "/v1/engagements/{engagement_id}/actions": {"verb": "cancel"},
    "/v1/engagements/{engagement_id}/tip": {"amount": 100},
    "/v1/engagements/{engagement_id}/messages": {"text": "hello"},
    "/v1/engagements/{engagement_id}/reviews": {"stars": 5},
}


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@dataclass
class Agreed:
    """A ride agreed in Monaco, and who is in it."""

    request_id: str
    offer_id: str
    engagement_id: str
    customer_id: str
    provider_id: str

    async def ask(self, client: AsyncClient, method: str, path: str) -> Response:
        """One route on the ride's things, with a body that is right."""
        body = BODIES.get(path, {})
        if path.endswith("/reassign"):
            body = {"provider": self.customer_id}
        if path.startswith("/v1/ops/services"):
            listed = (await client.get("/v1/services", params={"market": "monaco"})).json()["items"]
            body = next(one for one in listed if one["slug"] == "ride-vtc") | {"market": "monaco"}
        where = path.format(
            slug="monaco" if "/markets/" in path else "ride-vtc",
            request_id=self.request_id,
            offer_id=self.offer_id,
            engagement_id=self.engagement_id,
            account_id=self.provider_id,
        )
        asked = {"engagement_id": self.engagement_id} if path == "/v1/ops/ledger" else {}
        key = {"Idempotency-Key": f"{method} {path}"} if method == "POST" else {}
        sent = None if method == "GET" else body
        return await client.request(method, where, json=sent, params=asked, headers=key)


@pytest.fixture
async def agreed(camille: AsyncClient, dominique: AsyncClient, tools: Tools) -> Agreed:
    await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco", "services": ["ride-vtc"]})
    provider = (await dominique.get("/v1/me")).json()["id"]
    put_at(tools, UUID(provider), PORT)
    request = (await camille.post("/v1/requests", json=TRIP)).json()
    await a_round(tools)
    (offer,) = (await dominique.get("/v1/me/offers", params={"state": "pending"})).json()["items"]
    engagement = (await dominique.post(f"/v1/offers/{offer['id']}/accept")).json()
    customer = (await camille.get("/v1/me")).json()["id"]
    return Agreed(request["id"], offer["id"], engagement["id"], customer, provider)


async def staff_of(
    markets: list[str] | None, phone: str, *, sign_in: SignIn, stranger: AsyncClient, tools: Tools
) -> AsyncClient:
    """Signed in, of these markets."""
    async with working(tools, ENGINE) as work:
        await found_market(work, ELSEWHERE)
    body = {"phone": phone} | ({} if markets is None else {"markets": markets})
    made = await stranger.post("/v1/dev/ops", json=body)
    assert (made.status_code, made.json()["markets"]) == (200, markets)
    return await sign_in(phone)


@pytest.fixture
async def outsider(sign_in: SignIn, stranger: AsyncClient, tools: Tools) -> AsyncClient:
    """Staff of another market."""
    return await staff_of(["elsewhere"], "+33644444441", sign_in=sign_in, stranger=stranger, tools=tools)


@pytest.fixture
async def local(sign_in: SignIn, stranger: AsyncClient, tools: Tools) -> AsyncClient:
    """Staff of Monaco alone."""
    return await staff_of(["monaco"], "+33644444442", sign_in=sign_in, stranger=stranger, tools=tools)


def routes(api: FastAPI) -> set[tuple[str, str]]:
    """Every operation of the contract."""
    return {(method.upper(), path) for path, item in api.openapi()["paths"].items() for method in item}


async def nobody_comes(camille: AsyncClient, clock: FakeClock) -> None:
    """A request that waits long enough for staff to look at it."""
    assert (await camille.post("/v1/requests", json=TRIP)).status_code == 201
    clock.move(150)


def told(answer: Response) -> str:
    return f"{answer.status_code} {answer.json().get('code', '')}".strip()


async def test_every_ops_route_keeps_another_market_from_their_eyes_and_hands(
    api: FastAPI, agreed: Agreed, outsider: AsyncClient, camille: AsyncClient, clock: FakeClock
):
    await nobody_comes(camille, clock)
    found = {route for route in routes(api) if route[1].startswith("/v1/ops/")}
    assert found == OPS_ROUTES.keys(), "a new ops route says here what staff of another market get"
    for (method, path), expected in OPS_ROUTES.items():
        answer = await agreed.ask(outsider, method, path)
        if expected is NOTHING_LISTED:
            assert answer.json()["items"] == [], path
        else:
            assert told(answer) == expected, (path, answer.text)
    by_name = await outsider.get("/v1/ops/engagements", params={"market": "monaco"})
    assert by_name.json()["items"] == []


async def test_rows_of_another_market_are_not_there_for_staff(
    api: FastAPI, agreed: Agreed, outsider: AsyncClient, camille: AsyncClient
):
    walked = 0
    for method, path in sorted(routes(api)):
        if "/ops/" in path or not any(
            one in path for one in ("{request_id}", "{offer_id}", "{engagement_id}")
        ):
            continue
        walked += 1
        answer = await agreed.ask(outsider, method, path)
        assert told(answer) == NOT_THERE, (method, path, answer.text)
    assert walked > 15
    seen = await camille.get(f"/v1/engagements/{agreed.engagement_id}")
    assert seen.json()["state"] == "confirmed"


async def test_staff_of_the_market_see_and_do_what_staff_do(
    agreed: Agreed, local: AsyncClient, camille: AsyncClient, clock: FakeClock
):
    for (method, path), _ in sorted(OPS_ROUTES.items()):
        if path in {"/v1/ops/ledger/check", "/v1/ops/services"} or "accounts" in path:
            continue
        answer = await agreed.ask(local, method, path)
        assert answer.status_code not in {401, 403, 404}, (path, answer.text)
    assert [one["id"] for one in (await local.get("/v1/ops/engagements")).json()["items"]] == [
        agreed.engagement_id
    ]
    assert told(await local.get("/v1/ops/ledger/check")) == NOT_FOR_THEM  # the books are one for all markets
    assert (await local.get("/v1/me")).json()["ops_markets"] == ["monaco"]
    await nobody_comes(camille, clock)
    assert (await local.get("/v1/ops/exceptions")).json()["items"] != []
    suspended = await agreed.ask(local, "POST", "/v1/ops/accounts/{account_id}/suspend")
    assert suspended.status_code == 200, suspended.text


async def test_the_map_and_an_engagement_are_followed_by_staff_of_their_market_alone(
    agreed: Agreed, tools: Tools
):
    somebody = (await an_account(tools)).id
    outsider, local = (
        Actor(somebody, is_ops=True, ops_markets=frozenset({market})) for market in ("elsewhere", "monaco")
    )
    with pytest.raises(Forbidden):
        await run_as(tools, outsider, open_map, "monaco")
    with pytest.raises(NotFound):
        await run_as(tools, outsider, follow, UUID(agreed.engagement_id))
    await run_as(tools, local, open_map, "monaco")
    assert (await run_as(tools, local, follow, UUID(agreed.engagement_id))).market == "monaco"


async def test_whoever_works_in_two_markets_is_suspended_by_the_staff_of_both_or_of_all(
    agreed: Agreed, outsider: AsyncClient, dominique: AsyncClient, tools: Tools
):
    await dominique.put("/v1/me/duty", json={"on": False, "market": "monaco"})
    await dominique.put("/v1/me/duty", json={"on": True, "market": "elsewhere", "services": ["ride-vtc"]})
    staff = (await an_account(tools, is_ops=True)).id
    provider = UUID(agreed.provider_id)
    for markets in ({"monaco"}, {"elsewhere"}):
        with pytest.raises(NotFound):
            await run_as(
                tools, Actor(staff, is_ops=True, ops_markets=frozenset(markets)), suspend, provider, "x"
            )
    both = Actor(staff, is_ops=True, ops_markets=frozenset({"monaco", "elsewhere"}))
    with pytest.raises(NotFound):  # nobody of some markets suspends staff
        await run_as(tools, both, suspend, UUID((await outsider.get("/v1/me")).json()["id"]), "x")
    assert (await run_as(tools, both, suspend, provider, "unsafe")).suspended_by == staff


async def test_staff_are_made_of_markets_there_are(stranger: AsyncClient):
    made = await stranger.post("/v1/dev/ops", json={"phone": "+33644444449", "markets": ["atlantis"]})
    assert (made.status_code, made.json()["code"]) == (422, "unknown_market")
