"""Paying again, quiet hours, devices and markets over HTTP: the shapes, the statuses, the keys."""

from typing import Any

import httpx
import pytest

from app.psp_sandbox import SandboxPsp
from app.timekeeper import Timekeeper
from domain.usecases.work import Tools
from tests.api.test_asking import JOB, TRIP
from tests.factories import FakeClock, a_market, make_tools


@pytest.fixture
async def tools(engine: Any, clock: FakeClock) -> Tools:
    made = make_tools(engine, clock=clock, psp=SandboxPsp(b"h" * 32))
    await a_market(made)
    return made


async def test_a_request_whose_payment_fails_late_says_so_and_is_paid_again_once(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, tools: Tools, clock: FakeClock
) -> None:
    asked = await camille.post("/v1/requests", json={**TRIP, "payment_method": "card_late_declined"})
    assert asked.status_code == 201, asked.text
    assert asked.json()["payment"]["state"] == "pending"
    clock.move(1)
    await Timekeeper(tools).step()
    path = f"/v1/requests/{asked.json()['id']}"
    seen = (await camille.get(path)).json()
    assert (seen["payment_needed"], seen["payment"]["reason"]) == (True, "insufficient funds")
    events = (await camille.get("/v1/me/events")).json()["items"]
    assert events[-1]["type"] == "payment.failed"
    assert events[-1]["data"]["pay_by"] == seen["expires_at"]

    refused = await camille.post(f"{path}/pay", json={"payment_method": "card_declined"})
    assert (refused.status_code, refused.json()["code"]) == (402, "payment_declined")
    key = {"Idempotency-Key": "pay-1"}
    paid = await camille.post(f"{path}/pay", json={"payment_method": "card"}, headers=key)
    assert paid.status_code == 200, paid.text
    assert (paid.json()["payment_needed"], paid.json()["payment"]["state"]) == (False, "authorised")
    again = await camille.post(f"{path}/pay", json={"payment_method": "card"}, headers=key)
    assert again.json() == paid.json()
    other = await camille.post(f"{path}/pay", json={"payment_method": "card_late"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    stranger = await dominique.post(f"{path}/pay", json={})
    assert stranger.status_code == 404
    payments = (await camille.get("/v1/me/payments")).json()["items"]
    assert [payment["state"] for payment in payments] == ["authorised", "failed"]


async def test_there_is_nothing_to_pay_for_a_job_nobody_was_chosen_for(camille: httpx.AsyncClient) -> None:
    job = (await camille.post("/v1/requests", json=JOB)).json()
    assert (job["payment"], job["payment_needed"]) == (None, False)
    answer = await camille.post(f"/v1/requests/{job['id']}/pay")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")


async def test_quiet_hours_are_chosen_read_and_given_up(camille: httpx.AsyncClient) -> None:
    assert (await camille.get("/v1/me")).json()["quiet_hours"] is None
    night = {"from": "22:30", "until": "07:05", "timezone": "Europe/Monaco"}
    chosen = await camille.patch("/v1/me", json={"quiet_hours": night})
    assert chosen.status_code == 200, chosen.text
    assert chosen.json()["quiet_hours"] == night
    assert (await camille.patch("/v1/me", json={"name": "Camille"})).json()["quiet_hours"] == night
    assert (await camille.patch("/v1/me", json={"quiet_hours": None})).json()["quiet_hours"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "22:30", "until": "22:30", "timezone": "Europe/Monaco"},
        {"from": "24:00", "until": "07:00", "timezone": "Europe/Monaco"},
        {"from": "22:00", "until": "07:00", "timezone": "Europe/Atlantis"},
        {"from": "22:00", "until": "07:00"},
        {"from": 22, "until": 7, "timezone": "Europe/Monaco"},
    ],
)
async def test_quiet_hours_that_are_none_are_refused(camille: httpx.AsyncClient, wrong: Any) -> None:
    answer = await camille.patch("/v1/me", json={"quiet_hours": wrong})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith("/quiet_hours")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ({"installation_id": "fZ7bKxYtQ0mW1nR4sUvA2c"}, 200),
        ({"push_token": "fZ7bKxYtQ0mW1nR4sUvA2c:APA91bE"}, 200),
        ({"installation_id": "fZ7bKxYtQ0mW1nR4sUvA2c:APA91bE"}, 422),
        ({"installation_id": "fZ7bKxYtQ0mW1nR4sUvA2c", "push_token": "x"}, 422),
        ({}, 422),
    ],
)
async def test_a_device_is_reached_by_a_token_or_by_its_installation(
    camille: httpx.AsyncClient, address: dict[str, str], status: int
) -> None:
    answer = await camille.put("/v1/me/devices/pixel", json={"platform": "android", **address})
    assert answer.status_code == status, answer.text


async def test_anybody_reads_how_busy_a_market_is(stranger: httpx.AsyncClient) -> None:
    (market,) = (await stranger.get("/v1/markets")).json()["items"]
    assert market["now"].keys() == {"on_duty", "open_requests", "running", "completed_today"}
