"""Who may do what: every route, every channel and every command, against everybody.

The routes are those of the served OpenAPI, the channels and commands those of the served AsyncAPI. One without
an expectation here fails a test, so that nobody adds one without saying who may.
"""

from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.stranger.acts import BEACH, CASINO, AgreedRide, agreed_ride, started, state_of
from tests.stranger.client import Answer, Frame, Phone, Socket, fix, ride, stop
from tests.stranger.conftest import People
from tests.stranger.rights import (
    ANSWERS,
    CHANNELS,
    COMMANDS,
    EXCEPTIONS,
    EXPECTED,
    FOLLOWED,
    PARTICULAR,
    SHOWN,
    SIGNED_IN,
    SPENDS_THE_TOKEN,
    THEIRS,
    VERDICTS,
    WHO,
)


def bodies(trip: AgreedRide) -> dict[tuple[str, str], Any]:
    """A body that a person it concerns could send, so that nothing but the person is wrong."""
    price = {"price": {"amount": 5000, "currency": "EUR"}}
    return {
        ("post", "/v1/auth/otp"): {"phone": "+33788000001"},
        ("post", "/v1/auth/token"): {"refresh_token": "not-a-token"},
        ("post", "/v1/dev/ops"): {"phone": "+33788000002"},
        ("patch", "/v1/me"): {"name": "Other"},
        ("put", "/v1/me/provider"): {"services": ["parcel"]},
        ("put", "/v1/me/devices/{device_id}"): {
            "platform": "android",
            "push_token": "x" * 20,
            "language": "fr",
        },
        ("put", "/v1/me/duty"): {"on": False, "market": "monaco"},
        ("post", "/v1/me/positions"): {"fixes": [fix(CASINO)]},
        ("post", "/v1/quotes"): {"service": "ride-vtc", "stops": list(ride(CASINO, BEACH))},
        ("post", "/v1/requests"): {
            "service": "odd-job",
            "stops": [stop("site", CASINO)],
            "answers": {"what": "x", "duration_min": 60},
        },
        ("post", "/v1/requests/{request_id}/offers"): price,
        ("post", "/v1/offers/{offer_id}/counter"): price,
        ("post", "/v1/engagements/{engagement_id}/actions"): {"verb": "cancel"},
        ("post", "/v1/engagements/{engagement_id}/tip"): {"amount": 100},
        ("post", "/v1/engagements/{engagement_id}/messages"): {"text": "Hello"},
        ("post", "/v1/engagements/{engagement_id}/reviews"): {"stars": 5},
        ("post", "/v1/ops/engagements/{engagement_id}/reassign"): {"provider": trip.other.account_id},
        ("post", "/v1/ops/engagements/{engagement_id}/refund"): {"amount": 1, "reason": "x"},
        ("post", "/v1/ops/accounts/{account_id}/suspend"): {"reason": "because"},
        ("post", "/v1/ops/tours"): {
            "market": "monaco",
            "vehicles": [{"id": "bike", "start": {"lat": CASINO[0], "lon": CASINO[1]}}],
            "errands": [],
        },
    }


def secrets_of(trip: AgreedRide) -> set[str]:
    """What must not be read in anybody else's answer."""
    return {trip.request_id, trip.offer_id, trip.engagement_id, trip.customer.number, trip.driver.number}


async def operations(phone: Phone) -> list[tuple[str, str]]:
    """Every operation the engine says it has."""
    openapi = (await phone.get("/v1/openapi.json")).must(200)
    return [(method, path) for path, item in openapi["paths"].items() for method in item]


async def knock(phone: Phone, trip: AgreedRide, method: str, template: str, account: str) -> Answer:
    """Try one operation on the trip's things."""
    path = template.format(
        request_id=trip.request_id,
        offer_id=trip.offer_id,
        engagement_id=trip.engagement_id,
        account_id=account,
        device_id="01890000-0000-7000-8000-00000000d001",
        slug="ride-vtc",
        token="0" * 43,
    )
    if template == "/v1/dev/outbox":
        path += "?to=%2B33788000003"
    if template == "/v1/ops/ledger":
        path += f"?engagement_id={trip.engagement_id}"
    body = bodies(trip).get((method, template))
    if template.startswith("/v1/ops/services"):
        listed = (await trip.ops.get("/v1/services?market=monaco")).must(200)["items"]
        body = next(item for item in listed if item["slug"] == "ride-vtc") | {"market": "monaco"}
    return await phone.ask(method.upper(), path, body)


async def test_every_route_has_an_expectation(people: People):
    found = set(await operations(await people.passer_by()))
    assert found == EXPECTED.keys()
    assert {route[:2] for route in EXCEPTIONS} <= EXPECTED.keys()


@pytest.mark.parametrize("who", WHO)
async def test_each_route_answers_whom_it_should(people: People, who: str):
    trip = await started(await agreed_ride(people))
    phone = await one_of(people, trip, who)
    wrong = []
    for method, path in await operations(await people.passer_by()):
        if path in SPENDS_THE_TOKEN and phone.token:
            continue
        answer = await knock(phone, trip, method, path, trip.customer.account_id)
        verdict = EXCEPTIONS.get((method, path, who), VERDICTS[EXPECTED[method, path]][who])
        if not agrees(answer, verdict):
            wrong.append(f"{method} {path}: {verdict}, got {answer.status} {answer.code} {answer.text[:200]}")
        if answer.status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer"), answer.asked
        if who not in PARTICULAR and not _was_asked(who, path):
            _is_no_leak(answer, trip)
    assert not wrong, "\n".join(wrong)
    if who not in PARTICULAR:
        assert await state_of(trip.customer, trip.engagement_id) == "in_progress"


def agrees(answer: Answer, verdict: str) -> bool:
    """Whether the answer is what the verdict says."""
    if answer.status >= 500:
        return False
    if verdict == ANSWERS:
        return answer.status not in {401, 403}
    if verdict == SHOWN:
        return answer.status != 403 and (answer.status != 401 or answer.code == "token_invalid")
    if verdict == THEIRS:
        return answer.status not in {401, 403, 404}
    if verdict == "refused":
        return answer.status in {401, 403, 404, 422}
    status, code = verdict.split()
    return (answer.status, answer.code) == (int(status), code)


async def one_of(people: People, trip: AgreedRide, who: str) -> Phone:
    """A phone of this person."""
    if who == "another customer":
        return await people.customer()
    if who == "another driver":
        return await people.provider("ride-vtc", at=CASINO)
    nobody = await people.passer_by()
    forger = await people.passer_by()
    forger.token = trip.customer.token[:-4] + "AAAA"
    return {
        "nobody": nobody,
        "a forger": forger,
        "the driver who lost": trip.other,
        "its customer": trip.customer,
        "its driver": trip.driver,
        "ops": trip.ops,
    }[who]


async def test_every_channel_and_every_command_has_an_expectation(people: People):
    nobody = await people.passer_by()
    asyncapi = (await nobody.get("/v1/asyncapi.json")).must(200)
    assert asyncapi["x-channels"].keys() == CHANNELS.keys()
    assert asyncapi["x-commands"].keys() == COMMANDS.keys()
    for named in (*CHANNELS.values(), *COMMANDS.values()):
        assert set(named) == set(SIGNED_IN)


def what_to_do(trip: AgreedRide) -> dict[str, dict[str, Any]]:
    """Arguments of each command that are right for whom it concerns."""
    return {
        "offer.accept": {"id": trip.offer_id},
        "offer.decline": {"id": trip.offer_id},
        "offer.withdraw": {"id": trip.offer_id},
        "offer.counter": {"id": trip.offer_id, "price": {"amount": 5000, "currency": "EUR"}},
        "message.send": {"id": trip.engagement_id, "text": "Hello"},
        "duty.set": {"on": True, "market": "monaco"},
        "engagement.action": {"id": trip.engagement_id, "verb": "arrive"},
        "request.pay": {"id": trip.request_id},
        "request.cancel": {"id": trip.request_id},
    }


@pytest.mark.parametrize("who", ["nobody", "a forger"])
async def test_without_a_good_token_no_socket_follows_or_does_anything(people: People, who: str):
    trip = await agreed_ride(people)
    phone = await one_of(people, trip, who)
    frames: list[Frame] = [{"t": "subscribe", "channel": f"{kind}:{trip.engagement_id}"} for kind in CHANNELS]
    frames += [{"t": "do", "id": op, "op": op, "args": what_to_do(trip)[op]} for op in COMMANDS]
    for frame in frames:
        before = await Socket.dial(phone.url, phone.address, phone.token)
        await before.say(frame)
        assert await before.close_code() == 4501
        behind = await Socket.dial(phone.url, phone.address, phone.token)
        await behind.say({"t": "hello"})
        with suppress(ConnectionClosed):  # it may have been shut already
            await behind.say(frame)
        assert await behind.close_code() == 4501
        assert before.frames == behind.frames == []
        await before.close()
        await behind.close()
    assert await state_of(trip.customer, trip.engagement_id) == "confirmed"


@pytest.mark.parametrize("who", SIGNED_IN)
async def test_each_channel_and_command_answers_whom_it_should(people: People, who: str):
    trip = await started(await agreed_ride(people))
    phone = await one_of(people, trip, who)
    socket = await phone.socket()
    got: dict[str, str] = {}
    for kind in CHANNELS:
        channel = f"{kind}:{'monaco' if kind == 'map' else trip.engagement_id}"
        await socket.say({"t": "subscribe", "channel": channel})
        told = await socket.told_of(channel)
        got[kind] = FOLLOWED if told["t"] == "subscribed" else told["problem"]["code"]
    for op in COMMANDS:
        done = await socket.do(op, what_to_do(trip)[op])
        got[op] = FOLLOWED if done["t"] == "done" else done["problem"]["code"]
    assert got == {name: named[who] for name, named in (CHANNELS | COMMANDS).items()}


async def test_a_made_up_token_opens_nothing(people: People):
    trip = await agreed_ride(people)
    forger = await people.passer_by()
    for token in ("x", "x" * 3000, trip.customer.token[:-4] + "AAAA", "eyJhbGciOiJub25lIn0.e30."):
        forger.token = token
        for path in ("/v1/me", f"/v1/engagements/{trip.engagement_id}", "/v1/ops/exceptions"):
            (await forger.get(path)).refuses(401)
    forger.token = ""


def _was_asked(who: str, path: str) -> bool:
    """The driver who lost was asked for this ride: its request and his reasons are his to read."""
    return who == "the driver who lost" and path.startswith(("/v1/requests/{", "/v1/me/"))


def _is_no_leak(answer: Answer, trip: AgreedRide) -> None:
    asked = {part for secret in secrets_of(trip) for part in [secret] if secret in answer.asked}
    body = {} if not answer.text.startswith("{") else answer.json
    told = str({name: value for name, value in body.items() if name not in {"instance", "detail"}})
    assert not [secret for secret in secrets_of(trip) - asked if secret in told], answer.text
    if answer.status < 300:
        assert not [secret for secret in secrets_of(trip) if secret in told], answer.text


async def test_a_suspended_account_is_told_so_and_moves_nothing(people: People):
    ops, customer = await people.ops(), await people.customer()
    path = f"/v1/ops/accounts/{customer.account_id}"
    (await ops.post(f"{path}/suspend", {"reason": "a complaint under review"})).must()
    answer = await customer.post("/v1/quotes", {"service": "ride-vtc", "stops": list(ride(CASINO, BEACH))})
    request = await customer.post("/v1/requests", {"service": "odd-job", "stops": [stop("site", CASINO)]})
    assert request.status in {401, 403}, request.text
    assert answer.status in {200, 201, 401, 403}
    (await ops.post(f"{path}/unsuspend")).must()
    await customer.sign_in(customer.number)
    (await customer.quote("ride-vtc", *ride(CASINO, BEACH))).must()
