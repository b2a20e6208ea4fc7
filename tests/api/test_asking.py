"""Requests, offers and rounds over HTTP: the shapes, the statuses, the keys that make a POST safe to repeat."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.sql import func

from domain.store.tables import Offer
from domain.usecases.work import Tools
from tests.factories import CASINO, PORT, FakeClock, a_round, at_present, put_at

NOWHERE = "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"
TRIP: dict[str, Any] = {
    "service": "ride-vtc",
    "stops": [
        {"kind": "pickup", "lat": PORT.lat, "lon": PORT.lon},
        {"kind": "drop", "lat": CASINO.lat, "lon": CASINO.lon},
    ],
}
JOB: dict[str, Any] = {
    "service": "odd-job",
    "stops": [{"kind": "site", "lat": PORT.lat, "lon": PORT.lon}],
    "answers": {"what": "a gutter"},
    "budget": {"amount": 5_000, "currency": "EUR"},
}


@pytest.fixture
def clock() -> FakeClock:
    """Offers expire by the database's own clock."""
    return at_present()


async def on_duty(client: httpx.AsyncClient, tools: Tools, *services: str) -> None:
    """Registered, on duty and at the port, as phones and the live index would have it."""
    registered = await client.put("/v1/me/provider", json={"services": list(services)})
    assert registered.status_code == 200, registered.text
    duty = await client.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert duty.status_code == 200, duty.text
    put_at(tools, UUID((await client.get("/v1/me")).json()["id"]), PORT, services)


async def test_from_a_quote_to_an_engagement(
    camille: httpx.AsyncClient,
    dominique: httpx.AsyncClient,
    ops: httpx.AsyncClient,
    tools: Tools,
) -> None:
    await on_duty(dominique, tools, "ride-vtc")
    quote = (await camille.post("/v1/quotes", json=TRIP)).json()
    key = {"Idempotency-Key": "once"}
    asked = await camille.post("/v1/requests", json={"quote_id": quote["quote_id"]}, headers=key)
    assert asked.status_code == 201, asked.text
    request = asked.json()
    assert request["price"] == quote["price"]
    repeated = await camille.post("/v1/requests", json={"quote_id": quote["quote_id"]}, headers=key)
    assert repeated.json()["id"] == request["id"]
    again = await camille.post("/v1/requests", json={"quote_id": quote["quote_id"]})
    assert (again.status_code, again.json()["code"]) == (409, "quote_used")

    await a_round(tools)
    (offer,) = (await dominique.get("/v1/me/offers", params={"state": "pending"})).json()["items"]
    assert "lat" not in {k for k, v in offer["terms"]["pickup"].items() if v is not None}
    assert offer["terms"]["drop"]["lat"] == CASINO.lat
    why = await dominique.get(f"/v1/offers/{offer['id']}/why", headers={"Accept-Language": "en"})
    assert why.json()["words"].startswith("This request was offered to you")
    theirs = await camille.get(f"/v1/offers/{offer['id']}/why")
    assert theirs.status_code == 404
    rounds = (await ops.get(f"/v1/ops/requests/{request['id']}/rounds")).json()["items"]
    assert rounds[0]["candidates"][0]["outcome"] == "offered"
    assert (await camille.get(f"/v1/ops/requests/{request['id']}/rounds")).status_code == 403
    latest = (await ops.get("/v1/ops/rounds?market=monaco&limit=1")).json()
    assert (latest["items"][0]["id"], latest["items"][0]["requests"]) == (rounds[0]["id"], [request["id"]])
    assert (await ops.get("/v1/ops/rounds?market=nowhere")).status_code == 422
    assert (await camille.get("/v1/ops/rounds")).status_code == 403

    won = await dominique.post(f"/v1/offers/{offer['id']}/accept")
    assert won.status_code == 200, won.text
    assert won.json()["role"] == "provider"
    assert (await dominique.post(f"/v1/offers/{offer['id']}/accept", json={})).json()["id"] == won.json()[
        "id"
    ]
    seen = (await camille.get(f"/v1/requests/{request['id']}")).json()
    assert (seen["state"], seen["engagement_id"]) == ("matched", won.json()["id"])
    mine = (await camille.get("/v1/me/requests", params={"state": "matched"})).json()["items"]
    assert [one["id"] for one in mine] == [request["id"]]
    not_me = await dominique.get(f"/v1/requests/{request['id']}/why-not-me")
    assert not_me.json()["reasons"][0] == "offered"
    cancelled = await camille.post(f"/v1/requests/{request['id']}/cancel", json={"reason": "no longer"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")


async def test_a_late_accept_is_410(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, tools: Tools
) -> None:
    await on_duty(dominique, tools, "ride-vtc")
    await camille.post("/v1/requests", json=TRIP)
    await a_round(tools)
    (offer,) = (await dominique.get("/v1/me/offers")).json()["items"]
    async with tools.sessions.begin() as db:
        await db.execute(update(Offer).values(answer_by=func.clock_timestamp()))
    late = await dominique.post(f"/v1/offers/{offer['id']}/accept")
    assert (late.status_code, late.json()["code"]) == (410, "offer_expired")


async def test_a_job_is_posted_proposed_countered_and_agreed(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, tools: Tools
) -> None:
    await on_duty(dominique, tools, "odd-job")
    request = (await camille.post("/v1/requests", json=JOB)).json()
    assert request["budget"]["amount"] == 5_000
    (told,) = (await dominique.get("/v1/me/calls")).json()["items"]
    assert told["id"] == request["id"]
    path = f"/v1/requests/{request['id']}/offers"
    proposed = await dominique.post(
        path, json={"price": {"amount": 6_000, "currency": "EUR"}, "message": "ce soir"}
    )
    assert proposed.status_code == 201, proposed.text
    twice = await dominique.post(path, json={"price": {"amount": 5_900, "currency": "EUR"}})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_proposed")
    (shown,) = (await camille.get(path)).json()["items"]
    assert shown["over_budget"]
    assert shown["ranking"]["rank"] == 1
    assert (await dominique.get(path)).status_code == 404
    countered = await camille.post(
        f"/v1/offers/{shown['id']}/counter", json={"price": {"amount": 5_500, "currency": "EUR"}}
    )
    assert (countered.status_code, countered.json()["origin"]) == (201, "counter")
    agreed = await dominique.post(f"/v1/offers/{countered.json()['id']}/accept", json={})
    assert (agreed.status_code, agreed.json()["price"]["amount"]) == (200, 5_500)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"quote_id": NOWHERE}, 404),
        ({"quote_id": NOWHERE, **TRIP}, 422),
        ({**TRIP, "service": "teleport"}, 422),
        ({**TRIP, "stops": []}, 422),
        ({**TRIP, "start_at": "2026-01-01T10:00:00"}, 422),
        ({**TRIP, "start_at": "2020-01-01T10:00:00Z"}, 422),
        ({**JOB, "budget": {"amount": -1, "currency": "EUR"}}, 422),
        ({**JOB, "window": 0}, 422),
        ({**JOB, "answers": {"what": "x" * 10_000}}, 422),
    ],
)
async def test_a_bad_request_is_refused_with_a_code(
    camille: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    answer = await camille.post("/v1/requests", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"]
    assert (await camille.get("/v1/me/requests")).json()["items"] == []


async def test_what_is_not_there_is_404(camille: httpx.AsyncClient) -> None:
    for path in (
        f"/v1/requests/{NOWHERE}",
        f"/v1/requests/{NOWHERE}/offers",
        f"/v1/requests/{NOWHERE}/why-not-me",
    ):
        assert (await camille.get(path)).status_code == 404
    for verb in ("accept", "decline", "withdraw"):
        assert (await camille.post(f"/v1/offers/{NOWHERE}/{verb}")).status_code == 404
    body = {"price": {"amount": 4_000, "currency": "EUR"}}
    assert (await camille.post(f"/v1/offers/{NOWHERE}/counter", json=body)).status_code == 404
    assert (await camille.post(f"/v1/requests/{NOWHERE}/cancel")).status_code == 404


async def test_every_route_is_documented(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/v1/openapi.json")).json()
    for path in (
        "/v1/requests",
        "/v1/requests/{request_id}/cancel",
        "/v1/offers/{offer_id}/accept",
        "/v1/offers/{offer_id}/why",
        "/v1/ops/requests/{request_id}/rounds",
    ):
        assert path in document["paths"]
