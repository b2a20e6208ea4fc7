"""`POST /v1/ops/tours`: what staff ask and read, and every refusal by its pointer."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.tours.planner import TourPlanner
from domain.usecases.work import Tools
from matching.tours.effort import Effort
from matching.tours.problem import TourProblem
from tests.factories import CASINO, LARVOTTO, PORT, ROCK, FakeClock, a_market, make_tools

pytestmark = pytest.mark.timeout(300)  # a worker loads pandas and compiles
Body = dict[str, Any]


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock, planner: TourPlanner) -> Tools:
    made = replace(make_tools(engine, clock=clock), planner=planner)
    await a_market(made)
    return made


def place(p: Any, **more: Any) -> Body:
    return {"lat": p.lat, "lon": p.lon} | more


def errand(name: str, start: Any = PORT, end: Any = CASINO, **more: Any) -> Body:
    return {"id": name, "pickup": place(start), "drop": place(end)} | more


def question(*errands: Body, **more: Any) -> Body:
    return {
        "market": "monaco",
        "vehicles": [{"id": "bike", "start": place(PORT), "capacity": 3}],
        "errands": list(errands),
    } | more


TRIP = {
    "service": "ride-vtc",
    "stops": [{"kind": "pickup", **place(PORT)}, {"kind": "drop", **place(CASINO)}],
}


async def test_a_day_is_planned(ops: httpx.AsyncClient, camille: httpx.AsyncClient):
    ride = (await camille.post("/v1/requests", json=TRIP)).json()["id"]
    bread = errand("bread", CASINO, LARVOTTO, load=2)
    bread["pickup"] |= {"latest": "2026-05-04T08:00:00+01:00", "service_s": 60}
    answer = await ops.post("/v1/ops/tours", json=question(bread, {"request_id": ride}, profile="cycle"))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["market"], told["mode"], told["profile"], told["seed"]) == ("monaco", "day", "cycle", 0)
    assert (told["at"], told["travel_source"]) == ("2026-05-04T06:00:00.000Z", "crow")
    (tour,) = told["tours"]
    assert {one["errand"] for one in tour["stops"]} == {"bread", ride}
    fetched = next(one for one in tour["stops"] if one["errand"] == "bread" and one["kind"] == "pickup")
    assert fetched["latest"] == "2026-05-04T07:00:00.000Z"
    assert fetched["begin_at"] <= fetched["latest"]
    assert told["left_over"] == []
    assert (await camille.get(f"/v1/requests/{ride}")).json()["state"] == "open"


async def test_a_running_plan_is_kept_and_added_to(ops: httpx.AsyncClient):
    running = {
        "id": "van",
        "start": place(PORT),
        "capacity": 2,
        "onboard": [{"errand": "milk", "drop": place(CASINO)}],
        "plan": [
            {"errand": "bread", "kind": "pickup"},
            {"errand": "milk", "kind": "drop"},
            {"errand": "bread", "kind": "drop", "arrive_at": "as an earlier answer had it"},
        ],
    }
    body = question(
        errand("bread", PORT, LARVOTTO), errand("post", CASINO, LARVOTTO), mode="now", vehicles=[running]
    )
    told = (await ops.post("/v1/ops/tours", json=body)).json()
    stops = [(one["errand"], one["kind"]) for one in told["tours"][0]["stops"]]
    assert [one for one in stops if one[0] != "post"] == [
        ("bread", "pickup"),
        ("milk", "drop"),
        ("bread", "drop"),
    ]
    assert ("post", "drop") in stops
    assert (await ops.post("/v1/ops/tours", json=body)).json() == told


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "plus que ne contient"), ("en", "more than any"), ("de", "plus que")]
)
async def test_why_one_is_left_over_is_told_in_the_readers_language(
    ops: httpx.AsyncClient, language: str, words: str
):
    answer = await ops.post(
        "/v1/ops/tours", json=question(errand("piano", load=9)), headers={"Accept-Language": language}
    )
    (left,) = answer.json()["left_over"]
    assert (left["errand"], left["reason"]) == ("piano", "too_large")
    assert words in left["words"]


async def test_what_leaving_an_errand_over_costs_may_be_said(ops: httpx.AsyncClient):
    for price, left in ((None, []), (0, ["far"]), (86_400, [])):
        body = question(errand("far", LARVOTTO, ROCK, nobody_s=price), mode="now")
        told = (await ops.post("/v1/ops/tours", json=body)).json()
        assert [one["errand"] for one in told["left_over"]] == left


def with_errand(**more: Any) -> Body:
    return question(errand("bread") | more)


def with_vehicle(**more: Any) -> Body:
    return question(errand("bread"), vehicles=[{"id": "bike", "start": place(PORT)} | more])


FAR = {"lat": 60.1699, "lon": 24.9384}


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (question(market="atlantis"), 422, "unknown_market", None),
        (question(*(errand(str(k)) for k in range(201))), 422, "invalid", "/errands"),
        (
            question(vehicles=[{"id": str(k), "start": place(PORT)} for k in range(51)]),
            422,
            "invalid",
            "/vehicles",
        ),
        (question(vehicles=[]), 422, "invalid", "/vehicles"),
        (question(mode="tomorrow"), 422, "invalid", "/mode"),
        (question(seed=-1), 422, "invalid", "/seed"),
        (question(at="2026-05-04T06:00:00"), 422, "invalid", "/at"),
        (question(at="2027-05-04T06:00:00Z"), 422, "invalid", "/at"),
        (question(at="0001-01-01T00:00:00+14:00"), 422, "invalid", "/at"),
        (question(at="9999-12-31T23:59:59-14:00"), 422, "invalid", "/at"),
        (question({"id": "bread", "pickup": place(PORT)}), 422, "invalid", "/errands/0"),
        (with_errand(request_id=str(uuid4())), 422, "invalid", "/errands/0"),
        (question({}), 422, "invalid", "/errands/0"),
        (question({"request_id": str(uuid4())}), 404, "not_found", "/errands/0/request_id"),
        (question({"request_id": "the big one"}), 422, "invalid", "/errands/0/request_id"),
        (question(errand("bread"), errand("bread")), 422, "invalid", "/errands/1/id"),
        (with_errand(drop=FAR), 422, "outside_service_area", "/errands/0/drop"),
        (with_errand(drop={"lat": 91, "lon": 0}), 422, "invalid", "/errands/0/drop/lat"),
        (with_errand(load=-1), 422, "invalid", "/errands/0/load"),
        (with_errand(id=""), 422, "invalid", "/errands/0/id"),
        (with_errand(id="a\x00b"), 422, "invalid", "/errands/0/id"),
        (
            with_errand(pickup=place(PORT, earliest="2026-05-04T08:00:00Z", latest="2026-05-04T07:00:00Z")),
            422,
            "invalid",
            "/errands/0/pickup",
        ),
        (
            with_errand(drop=place(CASINO, latest="2026-05-04T05:00:00Z")),
            422,
            "invalid",
            "/errands/0/drop",
        ),
        (
            with_errand(drop=place(CASINO, latest="9999-12-31T23:59:59Z")),
            422,
            "invalid",
            "/errands/0/drop",
        ),
        (with_vehicle(until="2026-05-04T05:00:00Z"), 422, "invalid", "/vehicles/0/until"),
        (
            with_vehicle(**{"from": "2026-05-04T08:00:00Z", "until": "2026-05-04T07:00:00Z"}),
            422,
            "invalid",
            "/vehicles/0/until",
        ),
        (with_vehicle(**{"from": "now"}), 422, "invalid", "/vehicles/0/from"),
        (with_vehicle(start=FAR), 422, "outside_service_area", "/vehicles/0/start"),
        (
            with_vehicle(plan=[{"errand": "cake", "kind": "pickup"}]),
            422,
            "invalid",
            "/vehicles/0/plan/0",
        ),
        (
            with_vehicle(plan=[{"errand": "bread", "kind": "pickup"}]),
            422,
            "invalid",
            "/vehicles/0/plan",
        ),
        (
            with_vehicle(capacity=0, onboard=[{"errand": "milk", "drop": place(ROCK)}]),
            422,
            "invalid",
            "/vehicles/0/onboard",
        ),
        (
            with_vehicle(onboard=[{"errand": "bread", "drop": place(ROCK)}]),
            422,
            "invalid",
            "/vehicles/0/onboard/0",
        ),
        (
            question(
                *(errand(str(k)) for k in range(200)),
                vehicles=[
                    {
                        "id": "bike",
                        "start": place(PORT),
                        "onboard": [{"errand": "milk", "drop": place(ROCK)}],
                    }
                ],
            ),
            422,
            "invalid",
            "/vehicles/0/onboard/0",
        ),
    ],
)
async def test_what_is_wrong_is_a_problem_that_points_at_it(
    ops: httpx.AsyncClient, body: Body, status: int, code: str, pointer: str | None
):
    answer = await ops.post("/v1/ops/tours", json=body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = [error["pointer"] for error in told.get("errors", ())] + [told.get("pointer")]
    assert pointer in pointers


async def test_no_name_breaks_the_answer(ops: httpx.AsyncClient):
    """Half a character is JSON and no text."""
    text = json.dumps(with_vehicle(id="\ud800"))
    answer = await ops.post("/v1/ops/tours", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


async def test_it_is_for_staff(camille: httpx.AsyncClient, stranger: httpx.AsyncClient):
    assert (await camille.post("/v1/ops/tours", json=question())).status_code == 403
    assert (await stranger.post("/v1/ops/tours", json=question())).status_code == 401


async def test_a_planner_that_is_too_slow_or_killed_answers_503_and_the_next_question_is_answered(
    ops: httpx.AsyncClient, planner: TourPlanner, monkeypatch: pytest.MonkeyPatch
):
    body = question(errand("bread"), errand("post", ROCK, LARVOTTO))
    first = await ops.post("/v1/ops/tours", json=body)
    assert first.status_code == 200, first.text

    plan = planner.plan

    async def endless(problem: TourProblem) -> Any:
        return await plan(problem, Effort(shrink=0, improve=10**9))

    monkeypatch.setattr(planner, "plan", endless)
    monkeypatch.setattr(planner, "_within_s", 0.5)
    slow = await ops.post("/v1/ops/tours", json=body)
    monkeypatch.setattr(planner, "_within_s", 240.0)
    monkeypatch.setattr(planner, "plan", plan)
    again = await ops.post("/v1/ops/tours", json=body)
    monkeypatch.setattr(planner, "plan", endless)
    at_work = asyncio.create_task(ops.post("/v1/ops/tours", json=body))
    await until(lambda: planner._waiting == 1)
    assert planner._worker is not None
    os.kill(next(iter(planner._worker._processes)), signal.SIGKILL)
    killed = await at_work
    monkeypatch.undo()
    for refused in (slow, killed):
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) > 0
    assert again.json() == first.json()
    assert (await ops.post("/v1/ops/tours", json=body)).json() == first.json()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(240.0):
        while not holds():  # noqa: ASYNC110 - the planner tells nobody that it has begun
            await asyncio.sleep(0.01)
