"""Signing in: codes, tokens that rotate, signing out, tickets."""

import asyncio
import dataclasses

import httpx
import pytest
from fastapi import FastAPI

from api.app import ApiSettings, create_api
from domain.rules.errors import TokenInvalid
from domain.usecases import identity
from domain.usecases.work import NOBODY, Tools, working
from tests.factories import FakeClock

PHONE = "+33612345678"


def client_of(api: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://coudmain.test", headers=headers)


async def ask(client: httpx.AsyncClient, phone: str = PHONE) -> tuple[str, str]:
    """A challenge and its code."""
    asked = await client.post("/v1/auth/otp", json={"phone": phone})
    assert asked.status_code == 202, asked.text
    sent = await client.get("/v1/dev/outbox", params={"to": phone})
    challenge = asked.json()["challenge_id"]
    [code] = [
        item["data"]["code"] for item in sent.json()["items"] if item["data"]["challenge_id"] == challenge
    ]
    return challenge, code


async def tokens(client: httpx.AsyncClient, phone: str = PHONE) -> dict:
    challenge, code = await ask(client, phone)
    given = await client.post("/v1/auth/token", json={"challenge_id": challenge, "code": code})
    assert given.status_code == 200, given.text
    return dict(given.json())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_a_code_signs_in_and_the_first_time_makes_the_account(stranger: httpx.AsyncClient) -> None:
    first, again = await tokens(stranger), await tokens(stranger)
    assert first["account_id"] == again["account_id"]
    assert first["expires_in"] == 900
    me = await stranger.get("/v1/me", headers={"Authorization": f"Bearer {first['access_token']}"})
    assert me.json()["phone"] == PHONE


@pytest.mark.parametrize("phone", ["+33 6 12 34 56 78", "0033612345678", "+33 (0)6.12.34.56.78"])
async def test_a_number_is_one_account_however_it_is_written(stranger: httpx.AsyncClient, phone: str) -> None:
    first = await tokens(stranger)
    await stranger.post("/v1/auth/otp", json={"phone": phone})
    sent = await stranger.get("/v1/dev/outbox", params={"to": PHONE})
    assert len(sent.json()["items"]) == 2
    assert first["account_id"] == (await tokens(stranger))["account_id"]


@pytest.mark.parametrize(
    "phone", ["0612345678", "+0612345678", "hello", "+33", "+33612345678901234", 12345, None]
)
async def test_what_is_no_phone_number_is_refused(stranger: httpx.AsyncClient, phone: object) -> None:
    asked = await stranger.post("/v1/auth/otp", json={"phone": phone})
    assert asked.status_code == 422
    assert asked.json()["errors"][0]["pointer"] == "/phone"


async def test_five_wrong_codes_end_a_challenge(stranger: httpx.AsyncClient) -> None:
    challenge, code = await ask(stranger)
    for left in (4, 3, 2, 1, 0):
        answer = await stranger.post("/v1/auth/token", json={"challenge_id": challenge, "code": wrong(code)})
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_code")
        assert answer.json()["tries_left"] == left
    late = await stranger.post("/v1/auth/token", json={"challenge_id": challenge, "code": code})
    assert (late.status_code, late.json()["code"]) == (410, "challenge_over")


async def test_parallel_guesses_get_no_more_than_five_tries(stranger: httpx.AsyncClient) -> None:
    challenge, code = await ask(stranger)
    body = {"challenge_id": challenge, "code": wrong(code)}
    answers = await asyncio.gather(*(stranger.post("/v1/auth/token", json=body) for _ in range(12)))
    assert sorted(answer.json()["code"] for answer in answers) == ["challenge_over"] * 7 + ["wrong_code"] * 5


async def test_a_code_is_good_once(stranger: httpx.AsyncClient) -> None:
    challenge, code = await ask(stranger)
    body = {"challenge_id": challenge, "code": code}
    answers = await asyncio.gather(*(stranger.post("/v1/auth/token", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]


async def test_a_code_lasts_five_minutes(stranger: httpx.AsyncClient, clock: FakeClock) -> None:
    challenge, code = await ask(stranger)
    clock.move(300)
    late = await stranger.post("/v1/auth/token", json={"challenge_id": challenge, "code": code})
    assert late.json()["code"] == "challenge_over"


async def test_the_eleventh_code_in_ten_minutes_waits(stranger: httpx.AsyncClient, clock: FakeClock) -> None:
    for _ in range(10):
        await ask(stranger)
        clock.move(10)
    refused = await stranger.post("/v1/auth/otp", json={"phone": PHONE})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) == 500
    clock.move(501)
    await ask(stranger)


async def test_the_language_of_the_message_is_the_one_asked_for(
    stranger: httpx.AsyncClient, clock: FakeClock
) -> None:
    for language, words in (("en-GB,fr;q=0.5", "your code"), ("fr", "votre code")):
        clock.move(1)
        await stranger.post("/v1/auth/otp", json={"phone": PHONE}, headers={"Accept-Language": language})
        sent = await stranger.get("/v1/dev/outbox", params={"to": PHONE})
        assert words in sent.json()["items"][0]["body"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "123456"},
        {"challenge_id": "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"},
        {"challenge_id": "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55", "code": 123456},
        {"refresh_token": "x", "firebase_id_token": "y"},
    ],
)
async def test_signing_in_needs_exactly_one_proof(stranger: httpx.AsyncClient, body: dict) -> None:
    assert (await stranger.post("/v1/auth/token", json=body)).status_code == 422


async def test_firebase_is_refused_clearly_where_it_is_not_set_up(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/v1/auth/token", json={"firebase_id_token": "ey.j.h"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/firebase_id_token"


async def test_a_firebase_user_with_our_phone_is_the_same_account(
    tools: Tools, stranger: httpx.AsyncClient
) -> None:
    class Google:
        def verify(self, id_token: str) -> dict[str, str]:
            if id_token != "good":
                raise TokenInvalid
            return {"uid": "u1", "phone_number": PHONE}

    known = await tokens(stranger)
    async with client_of(create_api(dataclasses.replace(tools, firebase=Google()), ApiSettings())) as client:
        for _ in range(2):
            given = await client.post("/v1/auth/token", json={"firebase_id_token": "good"})
            assert given.json()["account_id"] == known["account_id"]
        assert (await client.post("/v1/auth/token", json={"firebase_id_token": "bad"})).status_code == 401


async def test_an_access_token_lives_a_quarter_of_an_hour(
    stranger: httpx.AsyncClient, clock: FakeClock
) -> None:
    headers = {"Authorization": f"Bearer {(await tokens(stranger))['access_token']}"}
    clock.move(899)
    assert (await stranger.get("/v1/me", headers=headers)).status_code == 200
    clock.move(1)
    late = await stranger.get("/v1/me", headers=headers)
    assert (late.status_code, late.json()["code"]) == (401, "token_expired")
    assert late.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YTpi", "Bearer ", "x" * 3000])
async def test_a_token_we_did_not_make_is_refused(stranger: httpx.AsyncClient, header: str) -> None:
    answer = await stranger.get("/v1/me", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(
    stranger: httpx.AsyncClient,
) -> None:
    first = await tokens(stranger)
    second = (await stranger.post("/v1/auth/token", json={"refresh_token": first["refresh_token"]})).json()
    assert second["refresh_token"] != first["refresh_token"]
    reused = await stranger.post("/v1/auth/token", json={"refresh_token": first["refresh_token"]})
    assert (reused.status_code, reused.json()["code"]) == (401, "token_reused")
    newest = await stranger.post("/v1/auth/token", json={"refresh_token": second["refresh_token"]})
    assert newest.json()["code"] == "token_reused"
    me = await stranger.get("/v1/me", headers={"Authorization": f"Bearer {second['access_token']}"})
    assert me.status_code == 401, "access tokens of an ended family stop at once"


async def test_a_made_up_refresh_token_ends_nothing(stranger: httpx.AsyncClient) -> None:
    given = await tokens(stranger)
    family = given["refresh_token"].partition(".")[0]
    for forged in (f"{family}.guess", f"{family}.guess-{'0' * 32}", "nonsense", f"{family}.é-é"):
        answer = await stranger.post("/v1/auth/token", json={"refresh_token": forged})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    good = await stranger.post("/v1/auth/token", json={"refresh_token": given["refresh_token"]})
    assert good.status_code == 200


async def test_a_stale_access_token_does_not_stop_a_refresh(
    stranger: httpx.AsyncClient, clock: FakeClock
) -> None:
    given = await tokens(stranger)
    clock.move(3_600)
    answer = await stranger.post(
        "/v1/auth/token",
        json={"refresh_token": given["refresh_token"]},
        headers={"Authorization": f"Bearer {given['access_token']}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["Bearer stale", "Basic cHNwOnNlY3JldA=="])
async def test_what_anybody_may_read_a_stale_token_does_not_hide(
    stranger: httpx.AsyncClient, header: str
) -> None:
    for path, status in (("/v1/markets", 200), ("/v1/services", 200), ("/v1/shared/none", 404)):
        answer = await stranger.get(path, headers={"Authorization": header})
        assert answer.status_code == status, path
    webhook = await stranger.post("/v1/psp/webhook", json={}, headers={"Authorization": header})
    assert webhook.status_code != 401


async def test_who_has_signed_out_reads_what_strangers_read(camille: httpx.AsyncClient) -> None:
    await camille.post("/v1/auth/logout")
    assert (await camille.get("/v1/services")).status_code == 200
    assert (await camille.get("/v1/me")).json()["code"] == "token_invalid"


async def test_signing_out_cuts_at_once_and_this_sign_in_only(stranger: httpx.AsyncClient) -> None:
    here, there = await tokens(stranger), await tokens(stranger)
    header = {"Authorization": f"Bearer {here['access_token']}"}
    await stranger.put(
        "/v1/me/devices/phone-1", json={"platform": "android", "push_token": "p"}, headers=header
    )
    assert (
        await stranger.post("/v1/auth/logout", json={"device_id": "phone-1"}, headers=header)
    ).status_code == 204
    assert (await stranger.get("/v1/me", headers=header)).status_code == 401
    refreshed = await stranger.post("/v1/auth/token", json={"refresh_token": here["refresh_token"]})
    assert refreshed.json()["code"] == "token_invalid"
    other = await stranger.get("/v1/me", headers={"Authorization": f"Bearer {there['access_token']}"})
    assert other.status_code == 200


async def test_signing_out_needs_no_body(camille: httpx.AsyncClient) -> None:
    assert (await camille.post("/v1/auth/logout")).status_code == 204


async def test_a_ticket_opens_one_socket_within_thirty_seconds(
    camille: httpx.AsyncClient, tools: Tools, clock: FakeClock
) -> None:
    me = (await camille.get("/v1/me")).json()["id"]
    given = (await camille.post("/v1/ws/tickets")).json()
    assert given["expires_in"] == 30
    async with working(tools, NOBODY) as work:
        assert str((await identity.redeem_ticket(work, given["ticket"])).id) == me
    with pytest.raises(TokenInvalid):
        async with working(tools, NOBODY) as work:
            await identity.redeem_ticket(work, given["ticket"])
    late = (await camille.post("/v1/ws/tickets")).json()
    clock.move(31)
    with pytest.raises(Exception, match="expired"):
        async with working(tools, NOBODY) as work:
            await identity.redeem_ticket(work, late["ticket"])


async def test_outside_development_there_is_no_outbox_and_no_shortcut(tools: Tools, caplog) -> None:
    async with client_of(create_api(dataclasses.replace(tools, development=False), ApiSettings())) as client:
        asked = await client.post("/v1/auth/otp", json={"phone": PHONE})
        assert asked.status_code == 202
        assert "no SMS carrier" in caplog.text
        assert (await client.get("/v1/dev/outbox", params={"to": PHONE})).status_code == 404
        assert (await client.post("/v1/dev/ops", json={"phone": PHONE})).status_code == 404


async def test_one_address_may_have_thirty_codes_sent_outside_development(tools: Tools, ticks) -> None:
    settings = ApiSettings(monotonic=ticks)
    async with client_of(create_api(dataclasses.replace(tools, development=False), settings)) as client:
        phones = [f"+336000000{number:02d}" for number in range(31)]
        answers = [(await client.post("/v1/auth/otp", json={"phone": phone})).status_code for phone in phones]
    assert answers == [202] * 30 + [429]
