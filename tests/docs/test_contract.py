"""The routes that clients rely on. Adding one is free; taking one away is a new version of the contract."""

import json

import pytest

from app.documents.pages import DOCS, the_api

CONTRACT = """
POST /v1/auth/otp
POST /v1/auth/token
POST /v1/auth/logout
GET PATCH /v1/me
PUT DELETE /v1/me/devices/{}
GET /v1/accounts/{}/profile
PUT /v1/me/provider
GET PUT /v1/me/duty
POST /v1/me/positions
GET /v1/markets
GET /v1/services
POST /v1/ops/services
POST /v1/quotes
POST /v1/requests
GET /v1/requests/{}
GET /v1/me/requests
POST /v1/requests/{}/cancel
GET /v1/me/offers
GET POST /v1/requests/{}/offers
POST /v1/offers/{}/accept
POST /v1/offers/{}/decline
POST /v1/offers/{}/counter
POST /v1/offers/{}/withdraw
GET /v1/offers/{}/why
GET /v1/requests/{}/why-not-me
GET /v1/ops/requests/{}/rounds
GET /v1/engagements/{}
GET /v1/me/engagements
POST /v1/engagements/{}/actions
GET /v1/engagements/{}/timeline
GET /v1/engagements/{}/track
GET POST /v1/engagements/{}/messages
POST /v1/engagements/{}/reviews
POST /v1/engagements/{}/share
GET /v1/me/payments
GET /v1/me/earnings
GET /v1/me/events
POST /v1/ws/tickets
GET /healthz
GET /readyz
GET /metrics
GET /v1/ops/exceptions
POST /v1/ops/engagements/{}/reassign
POST /v1/ops/accounts/{}/suspend
"""

ROUTES = [
    (method, line.split()[-1]) for line in CONTRACT.strip().splitlines() for method in line.split()[:-1]
]


def without_names(path: str) -> str:
    """`/v1/offers/{offer_id}` as `/v1/offers/{}`."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.fixture(scope="module")
def served() -> set[tuple[str, str]]:
    """Every method and path of the committed document."""
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    return {(method.upper(), without_names(path)) for path, item in paths.items() for method in item}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_of_the_contract_is_there(method: str, path: str, served: set[tuple[str, str]]):
    assert (method, path) in served


@pytest.mark.parametrize(("method", "path"), [("get", "/v1/dev/outbox"), ("post", "/v1/dev/ops")])
def test_the_development_doors_are_there_in_development_only(method: str, path: str):
    assert method in the_api(development=True).openapi()["paths"][path]
    assert path not in the_api().openapi()["paths"]


def test_the_socket_speaks_the_version_of_the_contract():
    document = json.loads((DOCS / "asyncapi.json").read_text())
    (channel,) = document["channels"].values()
    assert channel["address"] == "/v1/ws"
    assert "coudmain.v1" in channel["description"]
