"""A ride, from the code in a text message to the reviews, told by a client that knows only the contract."""

import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.stranger.acts import (
    BEACH,
    CASINO,
    ON_THE_WAY,
    PORT,
    agreed_ride,
    ended,
    heard,
    offered,
    settled,
    started,
    state_of,
)
from tests.stranger.client import fix, ride, stop
from tests.stranger.conftest import People


async def test_a_quote_is_itemised_and_ends(people: People):
    quote = (await (await people.customer()).quote("ride-vtc", *ride(CASINO, BEACH))).must()
    assert quote["price"]["currency"] == "EUR"
    assert quote["price"]["amount"] >= 1300  # the tariff's minimum
    assert sum(line["amount"]["amount"] for line in quote["breakdown"]) == quote["price"]["amount"]
    assert quote["distance_m"] > 0
    assert quote["duration_s"] > 0
    assert datetime.fromisoformat(quote["expires_at"]) > datetime.now(UTC)


async def test_of_two_drivers_who_accept_at_once_one_wins(people: People):
    trip = await agreed_ride(people, "ride-vtc")
    lost = next(answer for answer in trip.answers if answer.status != 200)
    lost.refuses(409, "lost_race")
    matched = await trip.customer_socket.event("request.matched", lambda data: data["id"] == trip.request_id)
    confirmed = await heard(trip.driver_socket, "confirmed", trip.engagement_id)
    assert matched["seq"] < (await heard(trip.customer_socket, "confirmed", trip.engagement_id))["seq"]
    assert "pin" not in confirmed["data"], "the PIN is the customer's to tell"
    await trip.other_socket.event("offer.withdrawn", lambda data: data["id"] == trip.other_offer_id)
    assert (await trip.customer.get(f"/v1/requests/{trip.request_id}")).must(200)["state"] == "matched"


async def test_an_offer_says_what_it_pays_and_keeps_places_coarse_until_accepted(people: People):
    customer, driver = await people.customer(), await people.provider("ride-eco", at=PORT)
    socket = await driver.socket()
    request = await customer.request_a_ride("ride-eco", *ride(CASINO, BEACH))
    offer = await offered(socket, request["id"])
    assert offer["state"] == "pending"
    assert datetime.fromisoformat(offer["answer_by"]) > datetime.now(UTC)
    terms = offer["terms"]
    assert terms["net"]["amount"] + terms["fee"]["amount"] == terms["price"]["amount"]
    assert {"net_per_hour", "approach_m", "approach_s", "distance_m", "duration_s"} <= terms.keys()
    assert "lat" not in terms["pickup"], "the pickup is a cell and a label until accepted"
    assert terms["pickup"]["cell"]
    assert terms["drop"]["lat"] == BEACH[0], "fr_vtc: the exact destination before the answer"
    pending = (await driver.get("/v1/me/offers?state=pending")).must(200)
    assert [item["id"] for item in pending["items"]] == [offer["id"]]
    (await driver.post(f"/v1/offers/{offer['id']}/decline")).must()


async def test_a_wrong_pin_does_not_start_the_ride(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    await trip.driver.stand_at(CASINO)
    (await trip.driver.act(trip.engagement_id, "arrive")).must(200)
    wrong = f"{(int(trip.pin) + 1) % 10 ** len(trip.pin):0{len(trip.pin)}}"
    assert (await trip.driver.act(trip.engagement_id, "start", pin=wrong)).code == "wrong_pin"
    assert await state_of(trip.driver, trip.engagement_id) == "arrived"
    (await trip.driver.act(trip.engagement_id, "start", pin=trip.pin)).must(200)
    assert await state_of(trip.customer, trip.engagement_id) == "in_progress"


async def test_five_wrong_pins_lock_the_start_even_for_the_right_one(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    (await trip.driver.act(trip.engagement_id, "arrive")).must(200)
    wrong = f"{(int(trip.pin) + 1) % 10 ** len(trip.pin):0{len(trip.pin)}}"
    for _ in range(5):
        assert 400 <= (await trip.driver.act(trip.engagement_id, "start", pin=wrong)).status < 500
    locked = await trip.driver.act(trip.engagement_id, "start", pin=trip.pin)
    assert locked.code == "pin_locked"
    assert await state_of(trip.driver, trip.engagement_id) == "arrived"


def at_latitude(lat: float, frame: dict[str, Any]) -> bool:
    """Whether a frame tells of somebody there."""
    return bool(frame["t"] == "track" and abs(frame["lat"] - lat) < 1e-6)


async def test_the_customer_sees_the_car_come(people: People):
    trip = await agreed_ride(people)
    await trip.customer_socket.say({"t": "subscribe", "channel": f"engagement:{trip.engagement_id}"})
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    for place in ON_THE_WAY:
        await trip.driver_socket.say({"t": "position", **fix(place)})
        seen = await trip.customer_socket.wait(partial(at_latitude, place[0]))
        assert seen["engagement_id"] == trip.engagement_id
        assert abs(seen["lon"] - place[1]) < 1e-6
        assert seen["eta_s"] is None or seen["eta_s"] >= 0


async def test_a_stranger_to_the_ride_does_not_see_the_car(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    await trip.other_socket.say({"t": "subscribe", "channel": f"engagement:{trip.engagement_id}"})
    await trip.customer_socket.say({"t": "subscribe", "channel": f"engagement:{trip.engagement_id}"})
    await trip.driver_socket.say({"t": "position", **fix(ON_THE_WAY[0])})
    await trip.customer_socket.wait(lambda frame: frame["t"] == "track")
    await trip.other_socket.say({"t": "ping"})
    await trip.other_socket.event("offer.withdrawn")
    assert not [frame for frame in trip.other_socket.frames if frame["t"] == "track"]


async def test_a_finished_ride_is_paid_and_the_ledger_sums_to_zero(people: People):
    trip = await ended(await agreed_ride(people))
    for socket in (trip.customer_socket, trip.driver_socket):
        for kind in ("confirmed", "en_route", "arrived", "started", "completed"):
            await heard(socket, kind, trip.engagement_id)
    payment = await settled(trip.customer, trip.engagement_id)
    await trip.customer_socket.event("payment.captured")
    quoted = (await trip.customer.get(f"/v1/engagements/{trip.engagement_id}")).must(200)
    assert payment["amount"] == quoted["price"]
    earned = (await trip.driver.get("/v1/me/earnings")).must(200)
    assert 0 < earned["net"]["amount"] < payment["amount"]["amount"]
    assert (await trip.ops.get("/v1/ops/ledger/check")).must(200)["sound"] is True


async def test_reviews_stay_sealed_until_both_have_written(people: People):
    trip = await ended(await agreed_ride(people))
    path = f"/v1/engagements/{trip.engagement_id}/reviews"
    (await trip.customer.post(path, {"stars": 5, "text": "Smooth"})).must(201, 200)
    before = (await trip.customer.get(f"/v1/accounts/{trip.driver.account_id}/profile")).must(200)
    assert "Smooth" not in (await trip.driver.get(f"/v1/accounts/{trip.driver.account_id}/profile")).text
    (await trip.driver.post(path, {"stars": 4})).must(201, 200)
    await trip.driver_socket.event("review.published")
    await trip.customer_socket.event("review.published")
    after = (await trip.customer.get(f"/v1/accounts/{trip.driver.account_id}/profile")).must(200)
    assert before["rating"] != after["rating"]
    (await trip.customer.post(path, {"stars": 1})).refuses(409)


async def test_everybody_who_was_asked_can_read_why(people: People):
    trip = await agreed_ride(people)
    for phone, offer in ((trip.driver, trip.offer_id), (trip.other, trip.other_offer_id)):
        why = (await phone.get(f"/v1/offers/{offer}/why")).must(200)
        assert why["rank"] in {1, 2}
        assert why["factors"]
        assert why["reasons"]
        assert why["policy_version"]
    (await trip.customer.get(f"/v1/offers/{trip.offer_id}/why")).refuses(404)
    rounds = (await trip.ops.get(f"/v1/ops/requests/{trip.request_id}/rounds")).must(200)
    assert rounds["items"]


async def test_a_driver_who_was_passed_over_can_read_why_not(people: People):
    trip = await agreed_ride(people)
    late = await people.customer()
    (await late.get(f"/v1/requests/{trip.request_id}/why-not-me")).refuses(404)
    why_not = (await trip.other.get(f"/v1/requests/{trip.request_id}/why-not-me")).must(200)
    assert why_not["reasons"]


async def test_a_shared_link_follows_the_trip_and_dies_with_it(people: People):
    trip = await started(await agreed_ride(people))
    shared = (await trip.customer.post(f"/v1/engagements/{trip.engagement_id}/share")).must()
    path = "/" + shared["url"].split("://", 1)[-1].split("/", 1)[1]
    anybody = await people.passer_by()
    token = path.rsplit("/", 1)[1]
    await trip.driver.stand_at(ON_THE_WAY[2])
    seen = await anybody.until(f"/v1/shared/{token}", lambda view: view["position"] is not None)
    assert seen["state"] == "in_progress"
    assert trip.customer.number not in str(seen)
    assert (await anybody.get(path)).status == 200
    (await trip.driver.act(trip.engagement_id, "finish")).must(200)
    assert (await anybody.get(f"/v1/shared/{token}")).status in {404, 410}
    page = await anybody.get(path)
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8"), (
        "it says why, dead"
    )


async def test_the_timeline_tells_the_whole_ride_in_order(people: People):
    trip = await agreed_ride(people)
    (await trip.customer.post(f"/v1/engagements/{trip.engagement_id}/messages", {"text": "In red"})).must()
    await trip.driver_socket.event("message.created")
    await ended(trip)
    await settled(trip.customer, trip.engagement_id)
    for phone in (trip.customer, trip.driver):
        items = (await phone.get(f"/v1/engagements/{trip.engagement_id}/timeline")).must(200)["items"]
        assert {"action", "message", "money"} <= {item["kind"] for item in items}
        assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    (await trip.other.get(f"/v1/engagements/{trip.engagement_id}/timeline")).refuses(404)


async def test_the_track_is_a_line_for_the_two_and_for_ops(people: People):
    trip = await agreed_ride(people)
    (await trip.driver.act(trip.engagement_id, "set_off")).must(200)
    for place in ON_THE_WAY:
        await trip.driver.stand_at(place)
    path = f"/v1/engagements/{trip.engagement_id}/track"
    await trip.driver.until(path, lambda track: len(track["coordinates"]) >= len(ON_THE_WAY))
    await ended_from_en_route(trip)
    for phone in (trip.customer, trip.driver, trip.ops):
        line = (await phone.get(path)).must(200)
        assert line["type"] == "LineString"
        lons = [round(point[0], 4) for point in line["coordinates"]]
        assert [place[1] for place in ON_THE_WAY] == [lon for lon in lons if lon < CASINO[1]]
    (await trip.other.get(path)).refuses(404)


async def ended_from_en_route(trip) -> None:
    """Arrive, start and finish."""
    await trip.driver.stand_at(CASINO)
    for verb, more in (("arrive", {}), ("start", {"pin": trip.pin}), ("finish", {})):
        (await trip.driver.act(trip.engagement_id, verb, **more)).must(200)


async def test_a_second_accept_of_the_won_offer_is_the_same_engagement(people: People):
    trip = await agreed_ride(people)
    again = await trip.driver.post(f"/v1/offers/{trip.offer_id}/accept", key=str(uuid.uuid4()))
    assert again.status in {200, 409}
    if again.status == 200:
        assert again.json["id"] == trip.engagement_id
    active = (await trip.driver.get("/v1/me/engagements")).must(200)["items"]
    assert [item["id"] for item in active] == [trip.engagement_id]


async def test_an_expired_or_unknown_offer_is_no_offer(people: People):
    driver = await people.provider("ride-vtc", at=PORT)
    (await driver.post("/v1/offers/01890000-0000-7000-8000-000000000000/accept")).refuses(404, "not_found")


async def test_a_ride_with_a_stop_on_the_way_is_longer(people: People):
    customer = await people.customer()
    direct = (await customer.quote("ride-vtc", *ride(CASINO, BEACH))).must()
    stops = (stop("pickup", CASINO), stop("via", PORT), stop("drop", BEACH))
    detour = (await customer.quote("ride-vtc", *stops)).must()
    assert detour["distance_m"] > direct["distance_m"]
