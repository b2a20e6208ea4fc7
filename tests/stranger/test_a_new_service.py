"""Ops add a trade while the engine runs, and it works to the review. No code, no restart."""

from tests.stranger.acts import CASINO, PORT, agreed_ride, ended, new_service, offered, settled
from tests.stranger.client import ride, stop
from tests.stranger.conftest import People


async def test_a_service_made_at_run_time_goes_all_the_way_to_the_review(people: People):
    ops = await people.ops()
    tariff = {
        "kind": "tariff",
        "base": 5000,
        "per_km": 0,
        "per_min": 0,
        "minimum": 5000,
        "commission_bp": 1000,
    }
    slug = await new_service(ops, "ride-vtc", name={"fr": "Limousine", "en": "Limousine"}, price_rule=tariff)
    trip = await ended(await agreed_ride(people, slug))
    payment = await settled(trip.customer, trip.engagement_id)
    assert payment["amount"] == {"amount": 5000, "currency": "EUR"}
    for phone in (trip.customer, trip.driver):
        (await phone.post(f"/v1/engagements/{trip.engagement_id}/reviews", {"stars": 5})).must()
    await trip.driver_socket.event("review.published")


async def test_a_service_may_be_a_job_that_is_dispatched(people: People):
    ops = await people.ops()
    slug = await new_service(ops, "odd-job-now", name={"fr": "Serrurier", "en": "Locksmith"})
    customer, smith = await people.customer(), await people.provider(slug, at=PORT)
    socket = await smith.socket()
    quote = await customer.quote(
        slug, stop("site", CASINO), answers={"what": "Locked out", "duration_min": 30}
    )
    request = (await customer.post("/v1/requests", {"quote_id": quote.must()["quote_id"]})).must(201)
    offer = await offered(socket, request["id"])
    (await smith.post(f"/v1/offers/{offer['id']}/accept")).must(200)


async def test_only_ops_make_services(people: People):
    ops, customer = await people.ops(), await people.customer()
    entry = (await customer.get("/v1/services?market=monaco")).must(200)["items"][0] | {"slug": "mine"}
    (await customer.post("/v1/ops/services", entry | {"market": "monaco"})).refuses(403)
    (await ops.post("/v1/ops/services", {"market": "monaco", "slug": "x"})).refuses(422)
    taken = await ops.post("/v1/ops/services", entry | {"market": "monaco", "slug": "ride-vtc"})
    assert taken.status in {409, 422}


async def test_a_new_service_is_listed_and_quoted_at_once(people: People):
    ops, customer = await people.ops(), await people.customer()
    slug = await new_service(ops, "ride-eco", name={"fr": "Nuit", "en": "Night"})
    listed = (await customer.get("/v1/services?market=monaco")).must(200)["items"]
    assert slug in {item["slug"] for item in listed}
    (await customer.quote(slug, *ride(CASINO, PORT))).must()
