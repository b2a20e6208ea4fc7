"""A double click is one deed: every POST sent twice at once, once more later, and once with another body."""

import uuid
from typing import Any

from tests.stranger.acts import BEACH, CASINO, PORT, agreed_ride, heard, new_service, offered, settled
from tests.stranger.client import Answer, Phone, ride, stop, together
from tests.stranger.conftest import People
from tests.stranger.test_the_odd_job import eur, posted_job, soon

EXEMPT = {
    "/v1/auth/otp": "a code asked for again is another code",
    "/v1/auth/token": "a code and a refresh token are good for one use anyhow",
    "/v1/auth/logout": "gone is gone",
    "/v1/ws/tickets": "a ticket is good for one use",
    "/v1/me/positions": "the newest fix wins by its own time",
    "/v1/psp/webhook": "idempotent by the sender's own event id",
    "/v1/dev/ops": "makes no second ops of an ops",
    "/v1/ops/tours": "it changes nothing",
}


class Doubled:
    """Sends everything twice and remembers what."""

    def __init__(self) -> None:
        self.templates: set[str] = set()

    async def __call__(
        self, phone: Phone, template: str, body: Any = None, other: Any = None, **ids: str
    ) -> Any:
        """The one answer to a deed done twice at once, again, and refused with `other` as its body."""
        self.templates.add(template)
        path, key = template.format(**ids), str(uuid.uuid4())

        async def once(sent: Any = body) -> Answer:
            return await phone.post(path, sent, key=key)

        first, second = await together(once(), once())
        third = await once()
        first.must()
        assert (first.status, first.json) == (second.status, second.json) == (third.status, third.json)
        (await once(other or {"reason": "another"})).refuses(422, "idempotency_mismatch")
        return first.json


async def test_every_post_of_a_ride_and_of_a_job_is_done_once(people: People):
    doubled = Doubled()
    await _ride(people, doubled)
    await _ride_handed_on(people, doubled)
    await _job(people, doubled)
    openapi = (await (await people.passer_by()).get("/v1/openapi.json")).must(200)
    posts = {path for path, item in openapi["paths"].items() if "post" in item}
    assert posts - EXEMPT.keys() == {named(template) for template in doubled.templates}


def named(template: str) -> str:
    """The template as the OpenAPI spells it."""
    names = {
        "request": "request_id",
        "offer": "offer_id",
        "engagement": "engagement_id",
        "account": "account_id",
    }
    for short, full in names.items():
        template = template.replace(f"{{{short}}}", f"{{{full}}}")
    return template


async def _ride(people: People, doubled: Doubled) -> None:
    ops, customer = await people.ops(), await people.customer()
    listed = (await ops.get("/v1/services?market=monaco")).must(200)["items"]
    entry = next(item for item in listed if item["slug"] == "ride-vtc")
    entry |= {"market": "monaco", "slug": f"twice-{uuid.uuid4().hex[:8]}"}
    made = await doubled(ops, "/v1/ops/services", entry, entry | {"slug": entry["slug"] + "-b"})
    pair = [await people.provider(made["slug"], at=PORT) for _ in range(2)]
    sockets = [await driver.socket() for driver in pair]
    asked = {"service": made["slug"], "stops": list(ride(CASINO, BEACH))}
    quote = await doubled(customer, "/v1/quotes", asked, {**asked, "stops": list(ride(CASINO, PORT))})
    another = (await customer.quote(made["slug"], *ride(CASINO, BEACH))).must()
    request = await doubled(
        customer, "/v1/requests", {"quote_id": quote["quote_id"]}, {"quote_id": another["quote_id"]}
    )
    own = (await customer.get("/v1/me/requests")).must(200)["items"]
    assert [item["id"] for item in own] == [request["id"]]
    by_card = {"payment_method": "card"}
    await doubled(customer, "/v1/requests/{request}/pay", by_card, {}, request=request["id"])
    assert len((await customer.get("/v1/me/payments")).must(200)["items"]) == 1
    offers = [await offered(socket, request["id"]) for socket in sockets]
    await doubled(pair[1], "/v1/offers/{offer}/decline", offer=offers[1]["id"])
    trip = await doubled(pair[0], "/v1/offers/{offer}/accept", offer=offers[0]["id"])
    engagement = trip["id"]
    for verb, more in (
        ("set_off", {}),
        ("arrive", {}),
        ("start", {"pin": (await customer.get(f"/v1/engagements/{engagement}")).must(200)["pin"]}),
    ):
        await doubled(
            pair[0],
            "/v1/engagements/{engagement}/actions",
            {"verb": verb, **more},
            {"verb": "dispute"},
            engagement=engagement,
        )
    text = {"text": "Nearly there"}
    await doubled(
        customer, "/v1/engagements/{engagement}/messages", text, {"text": "?"}, engagement=engagement
    )
    listed = (await pair[0].get(f"/v1/engagements/{engagement}/messages")).must(200)["items"]
    assert [item["text"] for item in listed] == ["Nearly there"]
    await doubled(customer, "/v1/engagements/{engagement}/share", engagement=engagement)
    (await pair[0].act(engagement, "finish")).must(200)
    payment = await settled(customer, engagement)
    await doubled(
        customer,
        "/v1/engagements/{engagement}/reviews",
        {"stars": 5},
        {"stars": 1},
        engagement=engagement,
    )
    await doubled(
        customer, "/v1/engagements/{engagement}/tip", {"amount": 300}, {"amount": 400}, engagement=engagement
    )
    assert (await settled(customer, engagement, kind="tip"))["captured"] == eur(300)
    refund = {"amount": 100, "reason": "A detour"}
    await doubled(
        ops,
        "/v1/ops/engagements/{engagement}/refund",
        refund,
        {**refund, "amount": payment["captured"]["amount"]},
        engagement=engagement,
    )
    refunded = await customer.until(
        "/v1/me/payments", lambda page: any(item["refunded"]["amount"] for item in page["items"])
    )
    assert sorted(item["refunded"]["amount"] for item in refunded["items"]) == [0, 100]
    reason = {"reason": "a complaint under review"}
    for verb in ("suspend", "unsuspend"):
        await doubled(
            ops,
            f"/v1/ops/accounts/{{account}}/{verb}",
            reason if verb == "suspend" else None,
            account=pair[1].account_id,
        )


async def _ride_handed_on(people: People, doubled: Doubled) -> None:
    trip = await agreed_ride(people)
    await doubled(
        trip.ops,
        "/v1/ops/engagements/{engagement}/reassign",
        {"provider": trip.other.account_id, "preview": False},
        {"provider": trip.other.account_id, "preview": True},
        engagement=trip.engagement_id,
    )
    await heard(trip.customer_socket, "cancelled", trip.engagement_id)


async def _job(people: People, doubled: Doubled) -> None:
    job = await posted_job(people)
    proposal = {"price": eur(8000), "start_at": soon(2)}
    offer = await doubled(
        job.jobber,
        "/v1/requests/{request}/offers",
        proposal,
        {**proposal, "price": eur(8100)},
        request=job.request_id,
    )
    board = (await job.customer.get(f"/v1/requests/{job.request_id}/offers")).must(200)["items"]
    assert [item["id"] for item in board] == [offer["id"]]
    counter = await doubled(
        job.customer,
        "/v1/offers/{offer}/counter",
        {"price": eur(7000)},
        {"price": eur(7100)},
        offer=offer["id"],
    )
    await doubled(job.customer, "/v1/offers/{offer}/withdraw", offer=counter["id"])
    await doubled(job.customer, "/v1/requests/{request}/cancel", {"reason": "rain"}, request=job.request_id)


async def test_a_key_is_its_owners(people: People):
    ops = await people.ops()
    service, key = await new_service(ops, "odd-job"), str(uuid.uuid4())
    body = {"service": service, "stops": [stop("site", CASINO)], "answers": {"what": "x", "duration_min": 60}}
    one, two = await people.customer(), await people.customer()
    first = (await one.post("/v1/requests", body, key=key)).must(201)
    second = (await two.post("/v1/requests", body, key=key)).must(201)
    assert first["id"] != second["id"]


async def test_a_key_used_for_one_request_does_not_answer_for_another(people: People):
    customer, key = await people.customer(), str(uuid.uuid4())
    one, two = [await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH)) for _ in range(2)]
    (await customer.post(f"/v1/requests/{one['id']}/cancel", {}, key=key)).must(200)
    again = await customer.post(f"/v1/requests/{two['id']}/cancel", {}, key=key)
    again.refuses(422, "idempotency_mismatch")
    assert (await customer.get(f"/v1/requests/{two['id']}")).must(200)["state"] == "open"
