"""Agreed work over HTTP: every route of it, its shapes, its refusals."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from httpx import AsyncClient

from app.psp_sandbox import SandboxPsp
from app.timekeeper import Timekeeper
from domain.usecases.work import Tools
from tests.factories import CASINO, PORT, FakeClock, a_round, at_present, put_at

TRIP: dict[str, Any] = {
    "service": "ride-vtc",
    "stops": [
        {"kind": "pickup", "lat": PORT.lat, "lon": PORT.lon},
        {"kind": "drop", "lat": CASINO.lat, "lon": CASINO.lon},
    ],
}


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


async def account_of(client: AsyncClient) -> UUID:
    return UUID((await client.get("/v1/me")).json()["id"])


async def on_duty(client: AsyncClient, tools: Tools) -> UUID:
    await client.put("/v1/me/duty", json={"on": True, "market": "monaco", "services": ["ride-vtc"]})
    account = await account_of(client)
    put_at(tools, account, PORT)
    return account


def ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
async def ride(camille: AsyncClient, dominique: AsyncClient, tools: Tools) -> str:
    """The path of a ride that Dominique has accepted."""
    await on_duty(dominique, tools)
    ok(await camille.post("/v1/requests", json=TRIP), 201)
    await a_round(tools)
    (offer,) = ok(await dominique.get("/v1/me/offers", params={"state": "pending"}))["items"]
    engagement = ok(await dominique.post(f"/v1/offers/{offer['id']}/accept"))
    return f"/v1/engagements/{engagement['id']}"


async def drive(path: str, camille: AsyncClient, dominique: AsyncClient, clock: FakeClock) -> None:
    pin = ok(await camille.get(path))["pin"]
    for deed in ({"verb": "set_off"}, {"verb": "arrive"}, {"verb": "start", "pin": pin}, {"verb": "finish"}):
        ok(await dominique.post(f"{path}/actions", json=deed))
        clock.move(60)


async def test_a_ride_over_http_from_accepted_to_reviewed(
    ride: str, camille: AsyncClient, dominique: AsyncClient, ops: AsyncClient, tools: Tools, clock: FakeClock
) -> None:
    assert ok(await camille.get(ride))["state"] == "confirmed"
    ok(await camille.post(f"{ride}/messages", json={"text": "red hat"}), 201)
    assert [m["text"] for m in ok(await dominique.get(f"{ride}/messages"))["items"]] == ["red hat"]
    await drive(ride, camille, dominique, clock)
    await Timekeeper(tools).step()
    (paid,) = ok(await camille.get("/v1/me/payments"))["items"]
    assert paid["state"] == "captured"
    ok(await camille.post(f"{ride}/tip", json={"amount": 200}), 201)
    await Timekeeper(tools).step()
    clock.move(1)
    earned = ok(await dominique.get("/v1/me/earnings"))
    assert earned["tips"] == {"amount": 200, "currency": "EUR"}
    assert {"from", "to"} <= set(earned)
    for client in (camille, dominique):
        ok(await client.post(f"{ride}/reviews", json={"stars": 5, "text": "parfait"}), 201)
        assert len(ok(await client.get(f"{ride}/reviews"))["items"]) >= 1
        assert ok(await client.get("/v1/me/engagements", params={"state": "completed"}))["items"]
        assert ok(await client.get("/v1/me/engagements", params={"state": "active"}))["items"] == []
    kinds = {item["kind"] for item in ok(await ops.get(f"{ride}/timeline"))["items"]}
    assert kinds == {"event", "action", "message", "payment", "money", "erasure"}
    assert ok(await camille.get(f"{ride}/track"))["coordinates"] == []
    told = ok(await ops.get("/v1/ops/ledger", params={"engagement_id": ride.rpartition("/")[2]}))
    assert told["sum"]["amount"] == 0
    assert ok(await ops.get("/v1/ops/ledger/check"))["sound"] is True
    ok(await ops.post(f"/v1/ops{ride.removeprefix('/v1')}/refund", json={"amount": 100, "reason": "late"}))
    await Timekeeper(tools).step()
    assert ok(await ops.get("/v1/ops/exceptions"))["items"] == []


async def test_the_same_key_does_a_deed_once(ride: str, dominique: AsyncClient) -> None:
    key = {"Idempotency-Key": "off"}
    first = await dominique.post(f"{ride}/actions", json={"verb": "set_off"}, headers=key)
    again = await dominique.post(f"{ride}/actions", json={"verb": "set_off"}, headers=key)
    assert first.text == again.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await dominique.post(f"{ride}/actions", json={"verb": "set_off"})).status_code == 409


async def test_wrong_pins_stay_counted_through_their_refusals(
    ride: str, camille: AsyncClient, dominique: AsyncClient
) -> None:
    for verb in ("set_off", "arrive"):
        ok(await dominique.post(f"{ride}/actions", json={"verb": verb}))
    right = ok(await camille.get(ride))["pin"]
    wrong = {"verb": "start", "pin": "0000" if right != "0000" else "1111"}
    for left in (4, 3, 2, 1, 0):
        refused = await dominique.post(
            f"{ride}/actions", json=wrong, headers={"Idempotency-Key": f"try{left}"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_pin")
        assert refused.json()["tries_left"] == left
    locked = await dominique.post(f"{ride}/actions", json={"verb": "start", "pin": right})
    assert (locked.status_code, locked.json()["code"]) == (429, "pin_locked")
    assert 0 < int(locked.headers["Retry-After"]) <= 60


async def test_a_shared_link_needs_no_account_and_dies_with_the_trip(
    ride: str, camille: AsyncClient, dominique: AsyncClient, stranger: AsyncClient
) -> None:
    link = ok(await camille.post(f"{ride}/share"), 201)
    ok(await dominique.post(f"{ride}/actions", json={"verb": "set_off"}))
    seen = ok(await stranger.get(f"/v1/shared/{link['token']}"))
    assert seen["position"] is not None
    assert "stops" not in seen
    ok(await camille.post(f"{ride}/actions", json={"verb": "cancel", "reason": "walked"}))
    assert (await stranger.get(f"/v1/shared/{link['token']}")).status_code == 404


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("actions", {"verb": "fly"}),
        ("actions", {"verb": "start", "pin": 1234}),
        ("actions", {"verb": "confirm", "tip": {"amount": -1}}),
        ("messages", {"text": ""}),
        ("messages", {"text": "x" * 10_000}),
        ("reviews", {"stars": 0}),
        ("reviews", {"stars": "5"}),
        ("tip", {"amount": 0}),
    ],
)
async def test_bad_input_is_a_typed_problem(ride: str, camille: AsyncClient, route: str, body: Any) -> None:
    refused = await camille.post(f"{ride}/{route}", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"]


async def test_a_tip_is_in_the_currency_of_the_price(
    ride: str, camille: AsyncClient, dominique: AsyncClient
) -> None:
    for verb in ("set_off", "arrive", "start", "finish"):
        pin = (await camille.get(ride)).json()["pin"]
        ok(await dominique.post(f"{ride}/actions", json={"verb": verb, "pin": pin}))
    dollars = {"amount": 200, "currency": "USD"}
    for route, body, pointer in (
        ("tip", dollars, "/currency"),
        ("actions", {"verb": "confirm", "tip": dollars}, "/tip/currency"),
        ("actions", {"verb": "confirm", "tip": 200}, "/tip"),
    ):
        refused = await camille.post(f"{ride}/{route}", json=body)
        assert refused.status_code == 422
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    euros = {"amount": 200, "currency": "EUR"}
    confirmed = ok(await camille.post(f"{ride}/actions", json={"verb": "confirm", "tip": euros}))
    assert confirmed["tip"]["amount"] == euros


async def test_every_list_says_whether_there_is_more(
    ride: str, camille: AsyncClient, ops: AsyncClient
) -> None:
    """API.md: a list is `{"items": [...], "next_cursor": "…"|null}`."""
    for client, path in (
        (camille, f"{ride}/timeline"),
        (camille, f"{ride}/reviews"),
        (camille, f"{ride}/messages"),
        (ops, "/v1/ops/exceptions"),
        (ops, f"/v1/ops/ledger?engagement_id={ride.rpartition('/')[2]}"),
    ):
        assert ok(await client.get(path))["next_cursor"] is None, path


async def test_somebody_elses_work_is_not_there(ride: str, sign_in: Any) -> None:
    other = await sign_in("+33655555555")
    for path in (ride, f"{ride}/timeline", f"{ride}/track", f"{ride}/messages", f"{ride}/reviews"):
        assert (await other.get(path)).status_code == 404
    for route, body in (("actions", {"verb": "cancel"}), ("share", None), ("tip", {"amount": 100})):
        assert (await other.post(f"{ride}/{route}", json=body)).status_code == 404
    assert (await other.get("/v1/ops/exceptions")).status_code == 403
    assert (await other.get("/v1/ops/ledger/check")).status_code == 403


async def test_staff_preview_a_hand_over_and_then_do_it(
    ride: str, ops: AsyncClient, sign_in: Any, tools: Tools
) -> None:
    second = await sign_in("+33644444444")
    ok(await second.put("/v1/me/provider", json={"services": ["ride-vtc"]}))
    account = await on_duty(second, tools)
    path = f"/v1/ops{ride.removeprefix('/v1')}/reassign"
    previewed = ok(await ops.post(path, json={"provider": str(account)}))
    assert (previewed["preview"], previewed["new_engagement_id"]) == (True, None)
    done = ok(await ops.post(path, json={"provider": str(account), "preview": False}))
    listed = ok(await ops.get("/v1/ops/engagements", params={"state": "confirmed", "market": "monaco"}))
    assert [row["id"] for row in listed["items"]] == [done["new_engagement_id"]]
    assert ok(await second.get(f"/v1/engagements/{done['new_engagement_id']}"))["role"] == "provider"


async def test_a_webhook_without_its_signature_is_not_there(stranger: AsyncClient) -> None:
    body, signature = SandboxPsp(b"h" * 32).webhook("sandbox:card:unknown")
    for headers in ({}, {"Psp-Signature": "0" * 64}, {"Psp-Signature": signature}):
        assert (await stranger.post("/v1/psp/webhook", content=body, headers=headers)).status_code == 404
