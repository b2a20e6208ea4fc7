"""Cancelling at every state, with its fee; a no-show; a driver who drops out; nobody around."""

import pytest

from tests.stranger.acts import (
    BEACH,
    CASINO,
    HOSPITAL,
    PORT,
    agreed_ride,
    heard,
    new_service,
    offered,
    started,
    state_of,
)
from tests.stranger.client import ride
from tests.stranger.conftest import People

IMPATIENT = {"answer_s": 3, "waves": [{"size": 3, "within_s": 900}], "patience_s": 4}
FEES = {"free_s": 0, "late_cents": 400, "arrived_cents": 800}


async def test_an_open_request_is_cancelled_for_nothing(people: People):
    customer, driver = await people.customer(), await people.provider("ride-vtc", at=PORT)
    socket = await driver.socket()
    request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
    offer = await offered(socket, request["id"])
    cancelled = (await customer.post(f"/v1/requests/{request['id']}/cancel", {"reason": "rain"})).must(200)
    assert cancelled["state"] == "cancelled"
    await socket.event("offer.withdrawn", lambda data: data["id"] == offer["id"])
    late = await driver.post(f"/v1/offers/{offer['id']}/accept")
    assert late.status in {409, 410}, late.text
    payments = await customer.until(
        "/v1/me/payments", lambda page: all(item["state"] != "authorised" for item in page["items"])
    )
    assert not [item for item in payments["items"] if item["state"] == "captured"]


@pytest.mark.parametrize(("deeds", "fee"), [((), 400), (("set_off",), 400), (("set_off", "arrive"), 800)])
async def test_the_customer_cancels_late_and_pays_the_fee_of_the_state(people: People, deeds, fee):
    ops = await people.ops()
    trip = await agreed_ride(people, await new_service(ops, "ride-vtc", cancellation=FEES))
    for verb in deeds:
        (await trip.driver.act(trip.engagement_id, verb)).must(200)
    (await trip.customer.act(trip.engagement_id, "cancel", reason="changed my mind")).must(200)
    await heard(trip.driver_socket, "cancelled", trip.engagement_id)
    payments = await trip.customer.until(
        "/v1/me/payments", lambda page: any(item["state"] == "captured" for item in page["items"])
    )
    captured = [item["captured"]["amount"] for item in payments["items"] if item["state"] == "captured"]
    assert captured == [fee]
    assert (await ops.get("/v1/ops/ledger/check")).must(200)["sound"] is True


async def test_a_ride_cancelled_in_the_free_time_costs_nothing(people: People):
    trip = await agreed_ride(people)
    (await trip.customer.act(trip.engagement_id, "cancel")).must(200)
    payments = await trip.customer.until(
        "/v1/me/payments", lambda page: all(item["state"] != "authorised" for item in page["items"])
    )
    assert not [item for item in payments["items"] if item["state"] == "captured"]
    assert await state_of(trip.driver, trip.engagement_id) == "cancelled"


async def test_a_ride_under_way_is_not_simply_cancelled_by_the_customer(people: People):
    trip = await started(await agreed_ride(people))
    assert (await trip.customer.act(trip.engagement_id, "cancel")).status in {200, 409}
    assert await state_of(trip.customer, trip.engagement_id) in {"in_progress", "cancelled"}


async def test_a_driver_who_drops_out_gives_the_ride_to_the_next(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "cancel", reason="flat tyre")).must(200)
    await heard(trip.customer_socket, "cancelled", trip.engagement_id)
    again = await trip.other_socket.event(
        "offer.created",
        lambda data: data["request_id"] == trip.request_id and data["id"] != trip.other_offer_id,
    )
    taken = (await trip.other.post(f"/v1/offers/{again['data']['id']}/accept")).must(200)
    assert taken["id"] != trip.engagement_id
    await heard(trip.customer_socket, "confirmed", taken["id"])


async def test_a_no_show_cannot_be_declared_before_the_wait_is_over(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    await trip.driver.stand_at(CASINO)
    (await trip.driver.act(trip.engagement_id, "arrive")).must(200)
    (await trip.driver.act(trip.engagement_id, "no_show")).refuses(409)
    assert await state_of(trip.driver, trip.engagement_id) == "arrived"


async def test_nobody_around_is_an_honest_answer(people: People):
    ops, customer = await people.ops(), await people.customer()
    slug = await new_service(ops, "ride-vtc", dispatch=IMPATIENT)
    socket = await customer.socket()
    request = await customer.request_a_ride(slug, *ride(HOSPITAL, BEACH))
    expired = await socket.event("request.expired", lambda data: data["id"] == request["id"], within=20)
    assert expired["data"]["outcome"]
    seen = (await customer.get(f"/v1/requests/{request['id']}")).must(200)
    assert seen["state"] == "expired"
    assert seen["outcome"]


async def test_an_offer_left_unanswered_expires_and_a_late_accept_is_refused(people: People):
    ops, customer = await people.ops(), await people.customer()
    slug = await new_service(ops, "ride-vtc", dispatch=IMPATIENT)
    driver = await people.provider(slug, at=PORT)
    socket = await driver.socket()
    request = await customer.request_a_ride(slug, *ride(CASINO, BEACH))
    offer = await offered(socket, request["id"])
    await socket.event("offer.expired", lambda data: data["id"] == offer["id"], within=15)
    (await driver.post(f"/v1/offers/{offer['id']}/accept")).refuses(410, "offer_expired")


async def test_a_declined_offer_goes_to_the_next_driver_and_costs_nothing(people: People):
    ops, customer = await people.ops(), await people.customer()
    slug = await new_service(ops, "ride-vtc", dispatch=IMPATIENT | {"waves": [{"size": 1, "within_s": 900}]})
    near, far = await people.provider(slug, at=CASINO), await people.provider(slug, at=HOSPITAL)
    near_socket, far_socket = await near.socket(), await far.socket()
    request = await customer.request_a_ride(slug, *ride(CASINO, BEACH))
    first = await offered(near_socket, request["id"])
    (await near.post(f"/v1/offers/{first['id']}/decline", {"reason": "lunch"})).must()
    await offered(far_socket, request["id"])
