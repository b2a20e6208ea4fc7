"""A driver on a ride, near its end, is offered the next one, finishes first, and serves the second."""

from datetime import UTC, datetime

from tests.stranger.acts import (
    BEACH,
    CASINO,
    PORT,
    AgreedRide,
    agreed_ride,
    heard,
    offered,
    settled,
    started,
    state_of,
)
from tests.stranger.client import ride
from tests.stranger.conftest import People

BY_THE_BEACH = (43.7466, 7.4359)  # some hundred metres before the end of the first ride


async def near_its_end(people: People) -> AgreedRide:
    """A ride under way, its driver close to where it ends; the other driver has gone home."""
    trip = await started(await agreed_ride(people))
    await trip.driver.stand_at(BY_THE_BEACH)
    (await trip.other.put("/v1/me/duty", {"on": False, "market": "monaco"})).must(200)
    return trip


async def service_of(trip: AgreedRide) -> str:
    return str((await trip.driver.get(f"/v1/engagements/{trip.engagement_id}")).must(200)["service"])


async def test_the_next_ride_waits_for_the_first_and_is_served_after_it(people: People):
    trip = await near_its_end(people)
    next_customer = await people.customer()
    told = await next_customer.socket()
    request = await next_customer.request_a_ride(await service_of(trip), *ride(BEACH, PORT))

    offer = await offered(trip.driver_socket, request["id"])
    assert 0 < offer["terms"]["free_in_s"] <= 240
    why = (await trip.driver.get(f"/v1/offers/{offer['id']}/why")).must(200)
    assert "finishing a trip, free in about" in why["words"]

    second = (await trip.driver.post(f"/v1/offers/{offer['id']}/accept")).must(200)
    assert second["after"]["engagement_id"] == trip.engagement_id
    confirmed = (await heard(told, "confirmed", second["id"]))["data"]
    assert confirmed["after"]["engagement_id"] is None, "whose ride it is, is not the next customer's to know"
    assert datetime.now(UTC) < datetime.fromisoformat(confirmed["after"]["free_at"])
    assert confirmed["after"]["free_at"] <= confirmed["after"]["pickup_at"]
    early = (await trip.driver.act(second["id"], "set_off")).refuses(409, "not_your_turn")
    assert early["after"] == trip.engagement_id

    await trip.driver.stand_at(BEACH)
    (await trip.driver.act(trip.engagement_id, "finish")).must(200)
    promoted = (await heard(told, "promoted", second["id"]))["data"]
    assert promoted["after"] is None
    assert promoted["times"]["promoted_at"] is not None
    (await trip.driver.act(second["id"], "set_off")).must(200)
    (await trip.driver.act(second["id"], "arrive")).must(200)
    (await trip.driver.act(second["id"], "start", pin=confirmed["pin"])).must(200)
    await trip.driver.stand_at(PORT)
    (await trip.driver.act(second["id"], "finish")).must(200)
    assert await state_of(trip.customer, trip.engagement_id) == "completed"
    assert await state_of(next_customer, second["id"]) == "completed"
    await settled(next_customer, second["id"])
    assert (await trip.ops.get("/v1/ops/ledger/check")).must(200)["sound"] is True


async def test_its_customer_may_leave_for_nothing_while_it_waits(people: People):
    trip = await near_its_end(people)
    next_customer = await people.customer()
    request = await next_customer.request_a_ride(await service_of(trip), *ride(BEACH, CASINO))
    offer = await offered(trip.driver_socket, request["id"])
    second = (await trip.driver.post(f"/v1/offers/{offer['id']}/accept")).must(200)
    left = (await next_customer.act(second["id"], "cancel", reason="a bus came")).must(200)
    assert (left["state"], left["cancellation_fee"]["amount"]) == ("cancelled", 0)
    await trip.driver.stand_at(BEACH)
    (await trip.driver.act(trip.engagement_id, "finish")).must(200)
    assert await state_of(trip.driver, second["id"]) == "cancelled"
