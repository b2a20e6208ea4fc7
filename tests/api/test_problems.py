"""Every refusal is a problem, every problem is documented, and nothing hostile is echoed."""

import math
import re

import httpx
import pytest
from fastapi import APIRouter, FastAPI

import app.engine  # noqa: F401 - loads every room, so that a refusal of any of them is seen
from api.context import SignedIn
from api.openapi import amended
from api.problems import FRAMEWORK_CODES, STATUSES, refusal_body
from api.schemas import PlaceIn
from domain.rules.errors import TooMany, every_refusal


def test_a_code_belongs_to_one_refusal() -> None:
    codes = [refusal.code for refusal in every_refusal()]
    assert len(codes) == len(set(codes))


def test_every_refusal_has_a_status_and_every_status_a_refusal() -> None:
    assert {refusal.code for refusal in every_refusal()} == set(STATUSES)
    assert all(400 <= status < 500 or status == 503 for status in STATUSES.values())


def test_a_refusals_facts_are_members_of_its_problem() -> None:
    body = refusal_body(TooMany(retry_after_s=2.5, policy="account", limit=150, window_s=3), "r1")
    assert body["retry_after_s"] == 2.5
    assert body["violated-policies"] == ["account"]
    assert (body["type"], body["status"]) == ("/problems/too_many_requests", 429)


async def test_every_422_says_what_is_wrong_with_which_value(camille: httpx.AsyncClient) -> None:
    """API.md: a stable `code`, and per-field `errors` on 422."""
    here = {"kind": "site", "lat": 43.7348, "lon": 7.4206}
    key = {"Idempotency-Key": "one"}
    ask = {"service": "odd-job-now", "stops": [here]}
    await camille.post("/v1/requests", headers=key, json=ask)
    asked = [
        ("/services/1", await camille.put("/v1/me/provider", json={"services": ["ride-vtc", "nope"]})),
        ("/market", await camille.get("/v1/services?market=nowhere")),
        ("/service", await camille.post("/v1/quotes", json={"service": "nope", "stops": [here]})),
        ("/stops/0", await camille.post("/v1/quotes", json={"service": "odd-job-now", "stops": [here | {"lat": 48}]})),
        ("/Idempotency-Key", await camille.post("/v1/requests", headers=key, json=ask | {"answers": {}})),
    ]  # fmt: skip
    for pointer, answer in asked:
        assert answer.status_code == 422, (pointer, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], answer.text
        assert answer.json()["errors"][0]["detail"]


def test_facts_never_replace_the_members_of_the_standard() -> None:
    assert refusal_body(TooMany(status=200), "r1")["status"] == 429


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("DELETE", "/v1/me", 405), ("GET", "/v1/accounts/not-an-id/profile", 404)],
)
async def test_what_the_framework_refuses_is_a_problem_too(
    camille: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await camille.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == FRAMEWORK_CODES[status]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD, PATCH"


async def test_head_is_get_without_a_body(stranger: httpx.AsyncClient, camille: httpx.AsyncClient) -> None:
    for client, path in ((stranger, "/healthz"), (stranger, "/v1/markets"), (camille, "/v1/me")):
        whole, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert head.headers.get("etag") == whole.headers.get("etag")
    assert (await stranger.head("/v1/nothing")).status_code == 404
    assert (await camille.head("/v1/quotes")).status_code == 405
    numbers = (await stranger.get("/metrics")).text
    assert 'coudmain_http_requests_total{method="HEAD",route="/healthz",status="200"} 1.0' in numbers


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b'{"phone": "\xff"}', 400),
        (b"[" * 50_000, 422),
        (b'{"phone": NaN}', 422),
        (b'{"phone": 1e999}', 422),
        (b"", 422),
    ],
)
async def test_a_body_that_is_not_what_it_should_be(
    stranger: httpx.AsyncClient, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await stranger.post("/v1/auth/otp", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_is_not_json(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/v1/auth/otp", data={"phone": "+33612345678"})
    assert answer.status_code == 422


async def test_ten_kilobytes_of_nonsense_are_not_sent_back(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/v1/auth/otp", json={"phone": "x" * 10_000})
    assert answer.status_code == 422
    assert len(answer.content) < 1_000


async def test_many_wrong_fields_are_told_up_to_twenty(camille: httpx.AsyncClient) -> None:
    answer = await camille.put("/v1/me/provider", json={"services": [5] * 50})
    assert answer.json()["errors"][3]["pointer"] == "/services/3"
    assert len(answer.json()["errors"]) == 20


async def test_a_bug_is_a_500_with_an_id_and_no_secret(
    api: FastAPI, camille: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    broken = APIRouter()

    @broken.get("/v1/broken")
    async def crash(work: SignedIn) -> None:
        raise RuntimeError("secret 42")

    api.include_router(broken)
    answer = await camille.get("/v1/broken", headers={"X-Request-Id": "my-own-id-1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["request_id"] == "my-own-id-1" == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert "secret 42" in caplog.text
    assert "my-own-id-1" in caplog.text


async def test_every_answer_carries_safe_headers(stranger: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/nothing"):
        headers = (await stranger.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in headers


async def test_the_log_has_no_token_and_no_query(
    camille: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "coudmain")
    token = camille.headers["authorization"].partition(" ")[2]
    await camille.get("/v1/me?secret=1")
    assert "GET /v1/me 200" in caplog.text
    assert token not in caplog.text
    assert "secret" not in caplog.text


async def test_a_long_answer_is_zipped_and_a_range_is_not(stranger: httpx.AsyncClient) -> None:
    zipped = await stranger.get("/v1/openapi.json")
    assert zipped.headers["content-encoding"] == "gzip"
    ranged = await stranger.get("/v1/openapi.json", headers={"Range": "bytes=0-10"})
    assert "content-encoding" not in ranged.headers


async def test_health_readiness_and_numbers(stranger: httpx.AsyncClient, monkeypatch, tools) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}
    ready = (await stranger.get("/readyz")).json()
    assert (ready["status"], ready["relay_lag_s"]) == ("ok", 0.0)
    assert ready["schema"]

    async def silent() -> bool:
        return False

    monkeypatch.setattr(tools.bus, "ready", silent)
    down = await stranger.get("/readyz")
    assert (down.status_code, down.json()["code"]) == (503, "unavailable")
    assert down.headers["retry-after"] == "5"
    await stranger.get("/v1/accounts/not-an-id/profile")
    numbers = (await stranger.get("/metrics")).text
    assert 'coudmain_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in numbers
    assert 'route="/v1/accounts/{account_id}/profile",status="401"' in numbers


async def test_the_document_describes_every_problem_and_its_examples_hold(
    stranger: httpx.AsyncClient,
) -> None:
    document = (await stranger.get("/v1/openapi.json")).json()
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
    names = set(re.findall(r"#/components/schemas/([^\"]+)", str(document).replace("'", '"')))
    assert names <= set(document["components"]["schemas"])
    for path, item in document["paths"].items():
        for operation in item.values():
            assert "429" in operation["responses"], path
            if operation.get("security"):
                assert {"401", "403"} <= set(operation["responses"]), path
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert set(answer["content"]) == {"application/problem+json"}, path


def test_routes_may_say_more_than_the_document_adds() -> None:
    own = {"description": "mine"}
    document = {"paths": {"/x": {"get": {"responses": {"429": own, "422": {}}}}}}
    answers = amended(document)["paths"]["/x"]["get"]["responses"]
    assert answers["429"] == own
    assert "422" not in answers


@pytest.mark.parametrize("lat", [91, -90.01, math.inf, "43.7", None, True])
def test_a_place_outside_the_world_is_refused(lat: object) -> None:
    with pytest.raises(ValueError, match="lat"):
        PlaceIn.model_validate({"lat": lat, "lon": 7.4})


@pytest.mark.parametrize("path", ["/v1/shared/", "/t/"])
async def test_the_log_never_holds_a_share_links_token(
    camille: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level("INFO", "coudmain")
    await camille.get(f"{path}nPG0Uxhr4rm0FSqqrZWLr6Py")
    assert f"GET {path}… 404" in caplog.text
    assert "nPG0Uxhr4rm0FSqqrZWLr6Py" not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "pointer"),
    [
        (
            "PUT",
            "/v1/me/devices/my%20phone",
            {"platform": "web", "push_token": "x"},
            422,
            "invalid",
            "/device_id",
        ),
        ("GET", "/v1/me/engagements?state=nowhere", None, 422, "invalid", "/state"),
        (
            "POST",
            "/v1/quotes",
            {
                "market": "nowhere",
                "service": "ride-vtc",
                "stops": [{"kind": "site", "lat": 43.7348, "lon": 7.4206}],
            },
            422,
            "unknown_market",
            "/market",
        ),
    ],
)
async def test_what_is_wrong_is_named_as_the_client_knows_it(
    camille: httpx.AsyncClient, method: str, path: str, body: object, status: int, code: str, pointer: str
) -> None:
    answer = await camille.request(method, path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert {error["pointer"] for error in problem["errors"]} == {pointer}


async def test_a_service_with_what_cannot_be_kept_is_refused(ops: httpx.AsyncClient) -> None:
    offered = (await ops.get("/v1/services")).json()["items"][0]
    odd: list[dict[str, object]] = [
        {"needs": ["\x00"]},
        {"regimes": ["x" * 10_000]},
        {"form": [{"name": "x", "label": {"fr": "\x00"}}]},
    ]
    for change in odd:
        answer = await ops.post("/v1/ops/services", json={**offered, "slug": "odd-one", **change})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
