"""Buckets, body caps, pages."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.limits import MOST_BUCKETS, Buckets, Rate
from api.paging import PageAsked, Paging
from domain.rules.errors import Invalid

LIMIT = 256 * 1024


async def test_three_hundred_requests_in_a_second_see_429_and_never_5xx(camille: httpx.AsyncClient) -> None:
    answers: list[httpx.Response] = []
    for _ in range(15):  # twenty at a time: the pool of connections is not what is tested
        answers += await asyncio.gather(*(camille.get("/v1/me/duty") for _ in range(20)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 150
    assert statuses.count(429) == 150
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-policy"] == '"account";q=150;w=3'
    assert refused.headers["ratelimit"] == '"account";r=0;t=3'
    assert refused.json()["code"] == "too_many_requests"
    assert refused.json()["violated-policies"] == ["account"]


async def test_a_bucket_fills_again(camille: httpx.AsyncClient, ticks) -> None:
    for _ in range(150):
        await camille.get("/v1/me/duty")
    assert (await camille.get("/v1/me/duty")).status_code == 429
    ticks.at += 0.021
    answer = await camille.get("/v1/me/duty")
    assert answer.status_code == 200
    assert answer.headers["ratelimit"].startswith('"account";r=0')


async def test_one_account_does_not_spend_anothers(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient
) -> None:
    for _ in range(150):
        await camille.get("/v1/me/duty")
    assert (await camille.get("/v1/me/duty")).status_code == 429
    assert (await dominique.get("/v1/me/duty")).status_code == 200


async def test_a_bad_token_counts_as_a_stranger(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/me", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert answer.headers["ratelimit-policy"] == '"stranger";q=300;w=6'


async def test_health_is_never_limited(stranger: httpx.AsyncClient) -> None:
    assert "ratelimit" not in (await stranger.get("/healthz")).headers
    assert '"address"' in (await stranger.get("/index.html")).headers["ratelimit"]


def test_a_bucket_says_how_long_to_wait() -> None:
    buckets = Buckets("b", Rate(per_second=2, burst=3))
    assert [buckets.take("k", 0).left for _ in range(3)] == [2, 1, 0]
    assert buckets.take("k", 0).wait_s == 0.5
    assert buckets.take("k", 0.25).wait_s == 0.25
    assert buckets.take("k", 0.5).wait_s == 0
    assert buckets.take("other", 0.5).left == 2
    assert buckets.take("k", 1_000).left == 2, "never more than a burst"
    assert buckets.take("k", 0).wait_s == 0, "a clock that goes back takes nothing away"


def test_the_number_of_buckets_is_bounded() -> None:
    buckets = Buckets("b", Rate(1, 1))
    for number in range(MOST_BUCKETS + 10):
        buckets.take(str(number), 0)
    assert len(buckets._levels) == MOST_BUCKETS
    assert buckets.take("0", 0).wait_s == 0, "the oldest were forgotten"


@pytest.mark.parametrize("path", ["/v1/auth/otp", "/v1/nothing"])
async def test_an_announced_body_over_the_cap_is_not_read(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.post(path, content=b"x" * (LIMIT + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_grows_past_the_cap_is_cut(stranger: httpx.AsyncClient) -> None:
    came = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal came
        for _ in range(100):
            came += 1
            yield b"[" * 65_536

    headers = {"Content-Type": "application/json"}
    answer = await stranger.post("/v1/auth/otp", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_at_the_cap_is_judged_by_its_content(stranger: httpx.AsyncClient) -> None:
    head, tail = b'{"phone": "+33612345678", "more": "', b'"}'
    content = head + b"x" * (LIMIT - len(head) - len(tail)) + tail
    headers = {"Content-Type": "application/json"}
    assert (await stranger.post("/v1/auth/otp", content=content, headers=headers)).status_code == 202


def test_pages_follow_one_another_to_the_end() -> None:
    ids = sorted((uuid4() for _ in range(5)), reverse=True)
    seen, cursor = [], None
    while True:
        page = PageAsked(2, cursor, b"key")
        rows = [one for one in ids if page.before is None or one < page.before][: page.limit + 1]
        answer = page.of(rows, str, lambda one: one)
        seen += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == [str(one) for one in ids]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "not-a-cursor", "_" * 300])
def test_a_cursor_we_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        PageAsked(2, cursor, b"key")


def test_a_cursor_of_another_installation_or_list_is_refused() -> None:
    with pytest.raises(Invalid):
        PageAsked(2, PageAsked(2, None, b"theirs").seal(str(uuid4())), b"ours")
    number = PageAsked(2, PageAsked(2, None, b"ours").seal("42"), b"ours")
    assert number.after == "42"
    with pytest.raises(Invalid):
        _ = number.before


async def test_a_limit_has_its_limits(api: FastAPI, camille: httpx.AsyncClient) -> None:
    router = APIRouter()

    @router.get("/v1/numbers")
    async def numbers(page: Paging) -> dict:
        return page.of(list(range(page.limit + 1)), str, str)

    api.include_router(router)
    assert len((await camille.get("/v1/numbers")).json()["items"]) == 50
    for query in ("limit=0", "limit=101", "limit=x", "cursor=%00", "cursor=abc"):
        assert (await camille.get(f"/v1/numbers?{query}")).status_code == 422, query
