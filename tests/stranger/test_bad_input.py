"""What bad input gets: a typed problem with a stable code, and nothing changes."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stranger.acts import BEACH, CASINO, PORT, agreed_ride, state_of
from tests.stranger.client import Answer, fix, ride, stop, together
from tests.stranger.conftest import People

PARIS = (48.8566, 2.3522)
LONG = "x" * 10_000
UNKNOWN = "01890000-0000-7000-8000-000000000000"


def job(**changes: Any) -> dict[str, Any]:
    """An odd job to post, with something wrong."""
    answers = {"what": "A gutter", "duration_min": 60}
    return {"service": "odd-job", "stops": [stop("site", CASINO)], "answers": answers, **changes}


def pointers(answer: Answer) -> set[str]:
    """The fields a 422 complains of."""
    return {error["pointer"] for error in answer.refuses(422, "invalid")["errors"]}


@pytest.mark.parametrize(
    "place", [(95, 7.4), (-90.01, 7.4), (43.7, 181), (43.7, -180.5), (1e308, 7.4), ("43.7", 7.4), (None, 7.4)]
)
async def test_a_place_that_is_none_is_refused_and_named(people: People, place):
    customer = await people.customer()
    stops = [stop("pickup", place), stop("drop", BEACH)]
    for path in ("/v1/quotes", "/v1/requests"):
        answer = await customer.post(path, {"service": "ride-vtc", "stops": stops})
        assert any(pointer.startswith("/stops/0") for pointer in pointers(answer)), answer.text
    await customer.asked_for_nothing()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_a_number_that_is_none_is_refused(people: People, number: str):
    customer = await people.customer()
    stops = (
        f'[{{"kind": "pickup", "lat": {number}, "lon": 7.4}}, {{"kind": "drop", "lat": 43.74, "lon": 7.43}}]'
    )
    for path in ("/v1/quotes", "/v1/requests"):
        answer = await customer.post(path, content=f'{{"service": "ride-vtc", "stops": {stops}}}')
        assert pointers(answer) == {"/stops/0/lat"}
    await customer.asked_for_nothing()


async def test_half_a_place_is_refused(people: People):
    customer = await people.customer()
    half = {"kind": "pickup", "lat": 43.74}
    assert any(
        "lon" in pointer for pointer in pointers(await customer.quote("ride-vtc", half, stop("drop", BEACH)))
    )


@pytest.mark.parametrize("place", [PARIS, (CASINO[1], CASINO[0])])
async def test_a_place_outside_is_told_the_nearest_point_inside(people: People, place):
    customer = await people.customer()
    problem = (await customer.quote("ride-vtc", *ride(place, BEACH))).refuses(422, "outside_service_area")
    straight = {"service": "ride-vtc", "stops": list(ride(place, BEACH))}
    (await customer.post("/v1/requests", straight)).refuses(422, "outside_service_area")
    await customer.asked_for_nothing()
    nearest = problem["nearest"]
    (await customer.quote("ride-vtc", *ride((nearest["lat"], nearest["lon"]), BEACH))).must()


async def test_stops_that_are_the_same_or_too_many_are_refused(people: People):
    customer = await people.customer()
    many = [stop("pickup", CASINO), *[stop("via", PORT)] * 200, stop("drop", BEACH)]
    (await customer.quote("ride-vtc", *many)).refuses(422, "invalid")
    for stops in (
        [],
        [stop("pickup", CASINO)],
        [stop("site", CASINO)],
        [stop("drop", BEACH), stop("pickup", CASINO)],
    ):
        (await customer.quote("ride-vtc", *stops)).refuses(422, "invalid")
    (await customer.quote("odd-job-now", *ride(CASINO, BEACH))).refuses(422, "invalid")
    await customer.asked_for_nothing()


async def test_stops_too_far_apart_are_refused(people: People):
    ops, customer = await people.ops(), await people.customer()
    listed = (await ops.get("/v1/services?market=monaco")).must(200)["items"]
    entry = next(item for item in listed if item["slug"] == "ride-vtc")
    entry |= {"market": "monaco", "slug": "short-hop", "max_trip_m": 500}
    (await ops.post("/v1/ops/services", entry)).must(201)
    (await customer.quote("short-hop", *ride(CASINO, BEACH))).refuses(422, "stops_too_far")
    straight = {"service": "short-hop", "stops": list(ride(CASINO, BEACH))}
    (await customer.post("/v1/requests", straight)).refuses(422, "stops_too_far")
    await customer.asked_for_nothing()


@pytest.mark.parametrize(
    "when", ["2020-01-01T10:00:00Z", "9999-12-31T23:59:59Z", "tomorrow", "2026-13-45T99:00:00Z"]
)
async def test_a_start_in_the_past_or_out_of_time_is_refused(people: People, when: str):
    customer = await people.customer()
    answer = await customer.quote("ride-vtc", *ride(CASINO, BEACH), start_at=when)
    assert pointers(answer) == {"/start_at"}
    assert pointers(await customer.post("/v1/requests", job(start_at=when))) == {"/start_at"}
    await customer.asked_for_nothing()


async def test_a_time_without_a_zone_is_refused(people: People):
    customer = await people.customer()
    naive = (datetime.now(UTC) + timedelta(hours=2)).replace(tzinfo=None).isoformat()
    answer = await customer.quote("ride-vtc", *ride(CASINO, BEACH), start_at=naive)
    assert pointers(answer) == {"/start_at"}
    assert pointers(await customer.post("/v1/requests", job(start_at=naive))) == {"/start_at"}
    await customer.asked_for_nothing()


@pytest.mark.parametrize(
    "body",
    [
        job(answers={"what": LONG, "duration_min": 60}),
        job(answers={LONG: "x"}),
        job(answers={"what": "x", "duration_min": 60, "surprise": "x"}),
        job(stops=[stop("site", CASINO, note=LONG)]),
        job(service=LONG),
        job(stops=LONG),
        job(budget={"amount": -5, "currency": "EUR"}),
        job(budget={"amount": 10**30, "currency": "EUR"}),
        job(budget={"amount": 12.5, "currency": "EUR"}),
        job(budget={"amount": 5000, "currency": LONG}),
        job(window=10**20),
        job(answers={"what": "\u0000", "duration_min": 60}),
        job(answers={"what": "\ud800", "duration_min": 60}),
        job(start_at=LONG),
        [],
        "x",
        7,
    ],
    ids=str,
)
async def test_a_job_with_something_wrong_is_refused_and_not_posted(people: People, body):
    customer = await people.customer()
    (await customer.post("/v1/requests", body)).refuses(422, "invalid")
    await customer.asked_for_nothing()


async def test_a_service_nobody_knows_is_refused(people: People):
    customer = await people.customer()
    answer = await customer.quote("teleport", *ride(CASINO, BEACH))
    answer.refuses(422, "unknown_service")
    (await customer.post("/v1/requests", job(service="teleport"))).refuses(422, "unknown_service")
    await customer.asked_for_nothing()


async def test_a_quote_that_was_never_given_buys_nothing(people: People):
    one, other = await people.customer(), await people.customer()
    given = (await one.quote("ride-vtc", *ride(CASINO, BEACH))).must()["quote_id"]
    (await one.post("/v1/requests", {"quote_id": UNKNOWN})).refuses(404, "not_found")
    for no_id in (LONG, "", given[:-1], given + "0"):
        (await one.post("/v1/requests", {"quote_id": no_id})).refuses(422, "invalid")
    (await other.post("/v1/requests", {"quote_id": given})).refuses(404, "not_found")
    for phone in (one, other):
        await phone.asked_for_nothing()
    request = (await one.post("/v1/requests", {"quote_id": given})).must(201)
    (await one.post("/v1/requests", {"quote_id": given})).refuses(409, "quote_used")
    assert [item["id"] for item in (await one.get("/v1/me/requests")).must(200)["items"]] == [request["id"]]


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '{"phone": "+3', "\xff\xfe", "null"])
async def test_a_body_that_is_no_json_is_refused(people: People, text: str):
    customer = await people.customer()
    for path in ("/v1/quotes", "/v1/requests", "/v1/me/positions", "/v1/auth/otp"):
        (await customer.post(path, content=text.encode("latin-1"))).refuses(422, "invalid")
    await customer.asked_for_nothing()


async def test_a_body_of_300_kb_is_refused_with_413(people: People):
    customer = await people.customer()
    heavy = b'{"service": "odd-job", "x": "' + b"x" * 300_000 + b'"}'
    for path in ("/v1/quotes", "/v1/requests", "/v1/me/positions"):
        (await customer.post(path, content=heavy)).refuses(413, "body_too_large")
    await customer.asked_for_nothing()


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(people: People):
    customer = await people.customer()
    (await customer.get("/v1/nowhere")).refuses(404, "not_found")
    (await customer.ask("DELETE", "/v1/quotes")).refuses(405, "method_not_allowed")
    for wrong in ("x", "%00", "..%2f..", UNKNOWN[:-1], "☃"):
        (await customer.get(f"/v1/requests/{wrong}")).refuses(404, "not_found")


@pytest.mark.parametrize("number", ["", "0612345678", "+33", "+" + "9" * 40, "abc", LONG, None, 33612345678])
async def test_a_phone_number_that_is_none_gets_no_code(people: People, number):
    (await (await people.passer_by()).post("/v1/auth/otp", {"phone": number})).refuses(422, "invalid")


async def test_positions_are_for_those_on_duty(people: People):
    customer = await people.customer()
    answer = await customer.post("/v1/me/positions", {"fixes": [fix(CASINO)]})
    answer.refuses(409, "not_on_duty")


async def test_fixes_that_cannot_be_are_dropped_one_by_one(people: People):
    driver = await people.provider("ride-vtc", at=CASINO)
    now = datetime.now(UTC)
    fixes: list[dict[str, Any]] = [
        fix(PORT, now + timedelta(seconds=1)),
        fix(PORT, now - timedelta(days=1)),
        fix(PORT, now + timedelta(days=1)),
    ]
    for wrong in (
        fix((95, 7.4)),
        fix(PORT) | {"at": "2026-01-01T10:00:00"},
        {"lat": 43.7},
        fix(PORT) | {"at": 7},
    ):
        answer = await driver.post("/v1/me/positions", {"fixes": [*fixes, wrong]})
        assert all(pointer.startswith("/fixes/3") for pointer in pointers(answer)), answer.text
    later = (await driver.post("/v1/me/positions", {"fixes": fixes})).must(202)
    assert later["accepted"] == 1
    assert {item["index"]: bool(item["reason"]) for item in later["dropped"]} == {1: True, 2: True}


async def test_a_move_the_state_does_not_allow_is_409_and_moves_nothing(people: People):
    trip = await agreed_ride(people)
    for phone, verb, status, code in (
        (trip.driver, "finish", 409, "illegal_move"),
        (trip.driver, "start", 409, "illegal_move"),
        (trip.customer, "confirm", 409, "illegal_move"),
        (trip.customer, "no_show", 409, "illegal_move"),
        (trip.driver, "confirm", 403, "forbidden"),
        (trip.customer, "set_off", 403, "forbidden"),
        (trip.customer, "finish", 403, "forbidden"),
    ):
        (await phone.act(trip.engagement_id, verb, pin=trip.pin)).refuses(status, code)
    (await trip.driver.act(trip.engagement_id, "fly")).refuses(422, "invalid")
    of_it = f"/v1/engagements/{trip.engagement_id}"
    (await trip.customer.post(f"{of_it}/reviews", {"stars": 5})).refuses(409, "illegal_move")
    for stars in (0, 6, -1, 4.5, "five"):
        (await trip.customer.post(f"{of_it}/reviews", {"stars": stars})).refuses(422, "invalid")
    for words in ("", " ", LONG):
        (await trip.customer.post(f"{of_it}/messages", {"text": words})).refuses(422, "invalid")
    assert (await trip.customer.get(f"{of_it}/messages")).must(200)["items"] == []
    assert await state_of(trip.customer, trip.engagement_id) == "confirmed"


async def test_three_hundred_at_once_are_slowed_down_not_broken(people: People):
    knocking, other = await people.passer_by(), await people.passer_by()
    answers = await asyncio.gather(*(knocking.get("/v1/markets") for _ in range(300)))
    counted = Counter(answer.status for answer in answers)
    assert counted.keys() == {200, 429}
    assert counted[200] >= 100
    for slowed in [answer for answer in answers if answer.status == 429]:
        slowed.refuses(429, "too_many_requests")
        assert int(slowed.headers["retry-after"]) >= 1
        assert slowed.headers["ratelimit"]
        assert slowed.headers["ratelimit-policy"]
    (await other.get("/v1/markets")).must(200)
    await knocking.until("/v1/markets", lambda page: bool(page["items"]), patient=True)


async def test_a_slowed_request_did_nothing(people: People):
    knocking = await people.passer_by()
    number = "+33799999999"
    while (await knocking.get("/v1/markets")).status != 429:
        pass
    answers = [await knocking.post("/v1/auth/otp", {"phone": number}) for _ in range(3)]
    sent = (await (await people.passer_by()).get("/v1/dev/outbox?to=%2B33799999999")).must(200)["items"]
    assert len(sent) == len([answer for answer in answers if answer.status == 202])


async def test_sixty_guesses_of_a_pin_at_once_are_counted_and_keep_nobody_waiting(people: People):
    """Each guess is counted in a transaction of its own; sixty that waited for each other's connections would stop the
    engine for everybody."""
    trip = await agreed_ride(people)
    for verb in ("set_off", "arrive"):
        (await trip.driver.act(trip.engagement_id, verb)).must(200)
    guesses = [f"{n:04d}" for n in range(61) if f"{n:04d}" != trip.pin][:60]
    answers = await together(*(trip.driver.act(trip.engagement_id, "start", pin=guess) for guess in guesses))
    assert Counter(answer.code for answer in answers) == {"wrong_pin": 5, "pin_locked": 55}
    assert {answer.status for answer in answers if answer.code == "pin_locked"} == {429}
