"""What every reader may rely on: languages, pages, validators, documents, and one 404 for all."""

from tests.stranger.acts import BEACH, CASINO, agreed_ride
from tests.stranger.client import ride
from tests.stranger.conftest import People

NOBODY = "01890000-0000-7000-8000-000000000000"


async def test_an_unchanged_list_is_not_sent_again(people: People):
    customer = await people.customer()
    for path in ("/v1/markets", "/v1/services?market=monaco"):
        first = await customer.get(path)
        tag = first.headers["etag"]
        again = await customer.get(path, headers={"If-None-Match": tag})
        assert (again.status, again.text) == (304, "")
        assert again.headers["etag"] == tag
        (await customer.get(path, headers={"If-None-Match": '"another"'})).must(200)


async def test_a_reader_gets_his_language(people: People):
    french, english = await people.customer("fr"), await people.customer("en-GB,en;q=0.9")
    names = []
    for phone in (french, english):
        items = (await phone.get("/v1/services?market=monaco")).must(200)["items"]
        names.append(next(item["name"] for item in items if item["slug"] == "parcel"))
    assert names == ["Colis", "Parcel"]
    refusals = [(await phone.get(f"/v1/requests/{NOBODY}")).refuses(404) for phone in (french, english)]
    assert refusals[0]["detail"] != refusals[1]["detail"]
    assert refusals[0]["code"] == refusals[1]["code"]


async def test_a_list_comes_in_pages_without_gaps_or_repeats(people: People):
    customer = await people.customer()
    made = []
    for _ in range(5):
        request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
        made.append(request["id"])
        (await customer.post(f"/v1/requests/{request['id']}/cancel")).must()
    seen = [item["id"] for item in await customer.pages("/v1/me/requests", limit=2)]
    assert sorted(seen) == sorted(made)
    assert (await customer.get("/v1/me/requests?cursor=rubbish")).status == 422
    assert (await customer.get("/v1/me/requests?limit=0")).status == 422
    assert (await customer.get("/v1/me/requests?limit=1000000")).status == 422


async def test_not_yours_and_not_there_are_the_same_404(people: People):
    trip = await agreed_ride(people)
    other = await people.customer()
    pairs = {
        "/v1/requests/{}": trip.request_id,
        "/v1/engagements/{}": trip.engagement_id,
        "/v1/engagements/{}/timeline": trip.engagement_id,
        "/v1/engagements/{}/track": trip.engagement_id,
        "/v1/engagements/{}/messages": trip.engagement_id,
        "/v1/offers/{}/why": trip.offer_id,
    }
    for path, theirs in pairs.items():
        a, b = await other.get(path.format(theirs)), await other.get(path.format(NOBODY))
        (one, two) = (a.refuses(404, "not_found"), b.refuses(404, "not_found"))
        assert one.keys() == two.keys()
        changing = {"instance", "trace_id", "request_id"}
        assert {k: v for k, v in one.items() if k not in changing} == {
            k: v for k, v in two.items() if k not in changing
        }


async def test_the_two_documents_are_served(people: People):
    anybody = await people.passer_by()
    openapi = (await anybody.get("/v1/openapi.json")).must(200)
    assert openapi["openapi"].startswith("3.1")
    asyncapi = (await anybody.get("/v1/asyncapi.json")).must(200)
    assert asyncapi["asyncapi"].startswith("3.")


async def test_the_health_of_the_engine_is_for_everybody(people: People):
    anybody = await people.passer_by()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await anybody.get(path)).status == 200


async def test_refresh_tokens_rotate_and_a_reused_one_ends_the_family(people: People):
    phone = await people.customer()
    first = phone.refresh_token
    phone.take((await phone.post("/v1/auth/token", {"refresh_token": first})).must())
    (await phone.get("/v1/me")).must(200)
    (await phone.post("/v1/auth/token", {"refresh_token": first})).refuses(401)
    (await phone.post("/v1/auth/token", {"refresh_token": phone.refresh_token})).refuses(401)
    await phone.sign_in(phone.number)


async def test_five_wrong_codes_end_a_challenge(people: People):
    phone = await people.passer_by()
    number = "+33799000001"
    challenge = (await phone.post("/v1/auth/otp", {"phone": number})).must(202)
    right = await phone.otp(number)
    wrong = f"{(int(right) + 1) % 10 ** len(right):0{len(right)}}"
    for _ in range(5):
        body = {"challenge_id": challenge["challenge_id"], "code": wrong}
        assert 400 <= (await phone.post("/v1/auth/token", body)).status < 500
    body = {"challenge_id": challenge["challenge_id"], "code": right}
    assert 400 <= (await phone.post("/v1/auth/token", body)).status < 500
