"""What Prometheus sees of an engine that people use: the right numbers, and nothing of who they are."""

from tests.app.numbers import Numbers
from tests.stranger.acts import CASINO, agreed_ride, ended, settled
from tests.stranger.client import Phone
from tests.stranger.conftest import People

UNLISTED = {"/v1/openapi.json", "/v1/asyncapi.json"}  # routes that are not in the contract they serve


async def numbers_of(phone: Phone) -> Numbers:
    """As of now."""
    answer = await phone.get("/metrics")
    assert answer.status == 200
    return Numbers(answer.text)


async def test_a_ride_moves_the_numbers_of_every_room(people: People):
    watcher = await people.passer_by()
    before = await numbers_of(watcher)
    trip = await ended(await agreed_ride(people))
    await settled(trip.customer, trip.engagement_id)
    nowhere = await trip.customer.get("/v1/nothing/0198c0de-0000-7000-8000-000000000000")
    assert nowhere.status == 404

    after = await numbers_of(watcher)  # what was heard on the sockets, the relay had told before

    def more(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert more("coudmain_http_requests_total", route="/v1/requests", status="201") == 1
    assert more("coudmain_http_requests_total", route="other", status="404") == 1
    assert more("coudmain_offers_total", outcome="created", market="monaco") >= 2
    assert more("coudmain_offers_total", outcome="accepted") == 1
    assert more("coudmain_request_to_offer_seconds_count") >= 1
    assert more("coudmain_psp_answers_total", operation="authorise", outcome="done") == 1
    assert more("coudmain_psp_answers_total", operation="capture", outcome="done") == 1
    assert more("coudmain_sockets_opened_total") == 3
    assert more("coudmain_socket_frames_total", direction="in") >= 3
    assert more("coudmain_socket_frames_total", direction="out") >= 3
    assert more("coudmain_socket_bytes_total", direction="out") > 100
    assert more("coudmain_positions_accepted_total") >= 2
    assert more("coudmain_bus_published_total") > 0
    assert more("coudmain_timers_total", outcome="done") >= 1
    assert more("coudmain_rounds_total", market="monaco") >= 1
    assert after.of("coudmain_lease_held", market="monaco") == 1
    assert after.of("coudmain_db_connections_most") > after.of("coudmain_db_connections_in_use") >= 0
    assert after.of("coudmain_loop_lag_seconds_count") > 0
    assert after.of("coudmain_relay_lag_seconds") < 60


async def test_no_label_names_anybody_or_anything_of_which_there_are_many(people: People):
    trip = await agreed_ride(people)
    await trip.customer.get(f"/v1/engagements/{trip.engagement_id}")
    await trip.customer.ask("BREW", f"/v1/engagements/{trip.engagement_id}")
    await trip.driver.stand_at(CASINO)
    phone = await people.passer_by()
    seen = await numbers_of(phone)
    assert seen.unfit() == []
    templates = set((await phone.get("/v1/openapi.json")).must(200)["paths"])
    assert {route for route in seen.routes() if route.startswith("/v1/")} <= {*templates, *UNLISTED}
