"""Who may do what: every route of the OpenAPI against people it does not concern.

A route without an expectation here fails the first test, so that nobody adds one without saying who may.
"""

from typing import Any

import pytest

from tests.stranger.acts import BEACH, CASINO, AgreedRide, agreed_ride, new_service, started
from tests.stranger.client import Answer, Phone, fix, ride, stop
from tests.stranger.conftest import People

PUBLIC = "public"  # anybody, signed in or not; nothing about a person
SIGN_IN = "sign-in"  # anybody, and refused for what it carries
OWN = "own"  # whoever is signed in, and only what is his
PARTIES = "parties"  # those it concerns; to others it is not there
OPS = "ops"  # staff

EXPECTED: dict[tuple[str, str], str] = {
    ("get", "/healthz"): PUBLIC,
    ("get", "/readyz"): PUBLIC,
    ("get", "/metrics"): PUBLIC,
    ("get", "/v1/markets"): PUBLIC,
    ("get", "/v1/services"): PUBLIC,
    ("get", "/v1/shared/{token}"): PUBLIC,
    ("post", "/v1/auth/otp"): PUBLIC,
    ("post", "/v1/auth/token"): SIGN_IN,
    ("post", "/v1/psp/webhook"): SIGN_IN,
    ("get", "/v1/dev/outbox"): PUBLIC,
    ("post", "/v1/dev/ops"): PUBLIC,
    ("post", "/v1/auth/logout"): OWN,
    ("post", "/v1/ws/tickets"): OWN,
    ("get", "/v1/me"): OWN,
    ("patch", "/v1/me"): OWN,
    ("get", "/v1/me/provider"): OWN,
    ("put", "/v1/me/provider"): OWN,
    ("put", "/v1/me/devices/{device_id}"): OWN,
    ("delete", "/v1/me/devices/{device_id}"): OWN,
    ("get", "/v1/me/duty"): OWN,
    ("put", "/v1/me/duty"): OWN,
    ("post", "/v1/me/positions"): OWN,
    ("get", "/v1/me/events"): OWN,
    ("get", "/v1/me/offers"): OWN,
    ("get", "/v1/me/calls"): OWN,
    ("get", "/v1/me/requests"): OWN,
    ("get", "/v1/me/engagements"): OWN,
    ("get", "/v1/me/payments"): OWN,
    ("get", "/v1/me/earnings"): OWN,
    ("post", "/v1/quotes"): OWN,
    ("post", "/v1/requests"): OWN,
    ("get", "/v1/accounts/{account_id}/profile"): OWN,
    ("get", "/v1/requests/{request_id}"): PARTIES,
    ("post", "/v1/requests/{request_id}/cancel"): PARTIES,
    ("post", "/v1/requests/{request_id}/pay"): PARTIES,
    ("get", "/v1/requests/{request_id}/why-not-me"): PARTIES,
    ("get", "/v1/requests/{request_id}/offers"): PARTIES,
    ("post", "/v1/requests/{request_id}/offers"): PARTIES,
    ("post", "/v1/offers/{offer_id}/accept"): PARTIES,
    ("post", "/v1/offers/{offer_id}/decline"): PARTIES,
    ("post", "/v1/offers/{offer_id}/withdraw"): PARTIES,
    ("post", "/v1/offers/{offer_id}/counter"): PARTIES,
    ("get", "/v1/offers/{offer_id}/why"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/actions"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/tip"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/timeline"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/track"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/messages"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/messages"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/reviews"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/reviews"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/share"): PARTIES,
    ("post", "/v1/ops/services"): OPS,
    ("put", "/v1/ops/services/{slug}"): OPS,
    ("get", "/v1/ops/engagements"): OPS,
    ("post", "/v1/ops/engagements/{engagement_id}/reassign"): OPS,
    ("post", "/v1/ops/engagements/{engagement_id}/refund"): OPS,
    ("get", "/v1/ops/exceptions"): OPS,
    ("get", "/v1/ops/ledger"): OPS,
    ("get", "/v1/ops/ledger/check"): OPS,
    ("get", "/v1/ops/requests/{request_id}/rounds"): OPS,
    ("post", "/v1/ops/accounts/{account_id}/suspend"): OPS,
    ("post", "/v1/ops/accounts/{account_id}/unsuspend"): OPS,
}
SPENDS_THE_TOKEN = {"/v1/auth/logout"}


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
        listed = (await phone.get("/v1/services?market=monaco")).must(200)["items"]
        body = listed[0] | {"market": "monaco"}
    return await phone.ask(method.upper(), path, body)


async def test_every_route_has_an_expectation(people: People):
    found = set(await operations(await people.passer_by()))
    assert found == EXPECTED.keys()


async def test_without_a_token_only_public_routes_answer(people: People):
    trip = await started(await agreed_ride(people))
    nobody = await people.passer_by()
    for method, path in await operations(nobody):
        answer = await knock(nobody, trip, method, path, trip.customer.account_id)
        _is_no_leak(answer, trip)
        if EXPECTED[method, path] in {OWN, PARTIES, OPS}:
            answer.refuses(401)
            assert answer.headers["www-authenticate"].startswith("Bearer"), answer.asked
        else:
            assert answer.status < 500, answer.text


async def test_a_made_up_token_opens_nothing(people: People):
    trip = await agreed_ride(people)
    forger = await people.passer_by()
    for token in ("x", "x" * 3000, trip.customer.token[:-4] + "AAAA", "eyJhbGciOiJub25lIn0.e30."):
        forger.token = token
        for path in ("/v1/me", f"/v1/engagements/{trip.engagement_id}", "/v1/ops/exceptions"):
            (await forger.get(path)).refuses(401)
    forger.token = ""


@pytest.mark.parametrize("who", ["another customer", "another driver on duty", "the driver who lost"])
async def test_whom_it_does_not_concern_gets_nothing(people: People, who: str):
    ops = await people.ops()
    service = await new_service(ops, "ride-vtc")
    trip = await started(await agreed_ride(people, service))
    if who == "another customer":
        other = await people.customer()
    elif who == "another driver on duty":
        other = await people.provider(service, at=CASINO)
    else:
        other = trip.other
    for method, path in await operations(other):
        if path in SPENDS_THE_TOKEN or (method, path) == ("get", "/v1/dev/outbox"):
            continue
        account = trip.customer.account_id if EXPECTED[method, path] == OPS else other.account_id
        answer = await knock(other, trip, method, path, account)
        assert answer.status < 500, f"{answer.asked}: {answer.text}"
        if EXPECTED[method, path] == OPS:
            answer.refuses(403)
        elif EXPECTED[method, path] == PARTIES and not _was_asked(who, path):
            answer.refuses(404, "not_found")
        if not _was_asked(who, path):
            _is_no_leak(answer, trip)
    seen = (await trip.customer.get(f"/v1/engagements/{trip.engagement_id}")).must(200)
    assert seen["state"] == "in_progress"


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
