"""A job that is posted, proposed for, haggled over, awarded, done, tipped and reviewed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stranger.acts import CASINO, PORT, new_service, settled, state_of
from tests.stranger.client import Phone, Socket, stop
from tests.stranger.conftest import People

ASKED = {"what": "A gutter to clear", "duration_min": 60}


@dataclass
class PostedJob:
    """A job on the board and the jobber who heard of it."""

    customer: Phone
    jobber: Phone
    customer_socket: Socket
    jobber_socket: Socket
    request_id: str
    ops: Phone

    async def proposed(self, amount: int) -> Any:
        """The jobber proposes; the customer hears."""
        body = {"price": eur(amount), "message": "I have a ladder", "start_at": soon(2)}
        offer = (await self.jobber.post(f"/v1/requests/{self.request_id}/offers", body)).must(201, 200)
        heard = await self.customer_socket.event("offer.created", lambda data: data["id"] == offer["id"])
        assert heard["data"]["origin"] == offer["origin"]
        return offer


def eur(amount: int) -> dict[str, Any]:
    """So many cents."""
    return {"amount": amount, "currency": "EUR"}


def soon(hours: int) -> str:
    """In so many hours."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def posted_job(people: People) -> PostedJob:
    """One customer, one jobber near by, one job posted."""
    ops = await people.ops()
    service = await new_service(ops, "odd-job")
    jobber, customer = await people.provider(service, at=PORT), await people.customer()
    jobber_socket, customer_socket = await jobber.socket(), await customer.socket()
    body = {"service": service, "stops": [stop("site", CASINO)], "answers": ASKED, "budget": eur(9000)}
    posted = (await customer.post("/v1/requests", body)).must(201)
    assert posted["state"] == "open"
    await jobber_socket.event("request.posted", lambda data: data["id"] == posted["id"])
    return PostedJob(customer, jobber, customer_socket, jobber_socket, posted["id"], ops)


async def test_a_posted_job_is_proposed_awarded_done_tipped_and_reviewed(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    board = (await job.customer.get(f"/v1/requests/{job.request_id}/offers")).must(200)["items"]
    assert [item["terms"]["price"] for item in board if item["id"] == offer["id"]] == [eur(8000)]
    engagement = (await job.customer.post(f"/v1/offers/{offer['id']}/accept")).must(200)
    await job.customer_socket.event("request.matched")
    await job.jobber_socket.event("engagement.confirmed")
    await work(job.jobber, engagement["id"])
    done = await job.customer.act(engagement["id"], "confirm", tip=eur(500))
    done.must(200)
    assert await state_of(job.jobber, engagement["id"]) == "completed"
    payment = await settled(job.customer, engagement["id"])
    assert payment["captured"] == eur(8000)
    assert (await settled(job.customer, engagement["id"], kind="tip"))["captured"] == eur(500)
    path = f"/v1/engagements/{engagement['id']}/reviews"
    for phone in (job.customer, job.jobber):
        (await phone.post(path, {"stars": 5})).must()
    await job.jobber_socket.event("review.published")
    assert (await job.ops.get("/v1/ops/ledger/check")).must(200)["sound"] is True


async def work(jobber: Phone, engagement_id: str) -> None:
    """Go there, do it, say so."""
    (await jobber.act(engagement_id, "set_off")).must(200)
    await jobber.stand_at(CASINO)
    for verb in ("arrive", "start", "finish"):
        (await jobber.act(engagement_id, verb)).must(200)


async def test_the_customer_haggles_once_and_only_once(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    countered = (await job.customer.post(f"/v1/offers/{offer['id']}/counter", {"price": eur(7000)})).must()
    assert countered["terms"]["price"] == eur(7000)
    heard = await job.jobber_socket.event("offer.created", lambda data: data["id"] == countered["id"])
    assert heard["data"]["terms"]["price"] == eur(7000)
    again = await job.customer.post(f"/v1/offers/{countered['id']}/counter", {"price": eur(6500)})
    assert again.status in {403, 404, 409, 422}, again.text
    assert (await job.jobber.post(f"/v1/offers/{countered['id']}/counter", {"price": eur(7500)})).status in {
        403, 409, 422,
    }  # fmt: skip
    engagement = (await job.jobber.post(f"/v1/offers/{countered['id']}/accept")).must(200)
    seen = (await job.customer.get(f"/v1/engagements/{engagement['id']}")).must(200)
    assert seen["price"] == eur(7000)


async def test_a_job_is_awarded_to_one_jobber_only(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    first = (await job.customer.post(f"/v1/offers/{offer['id']}/accept")).must(200)
    assert first["id"]
    late = await job.jobber.post(f"/v1/requests/{job.request_id}/offers", {"price": eur(5000)})
    assert late.status in {404, 409, 410}, late.text


async def test_a_withdrawn_proposal_cannot_be_awarded(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    (await job.jobber.post(f"/v1/offers/{offer['id']}/withdraw")).must()
    await job.customer_socket.event("offer.withdrawn", lambda data: data["id"] == offer["id"])
    assert (await job.customer.post(f"/v1/offers/{offer['id']}/accept")).status in {409, 410}


async def test_a_jobber_cannot_award_himself_his_own_proposal(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    assert (await job.jobber.post(f"/v1/offers/{offer['id']}/accept")).status in {403, 404, 409}


async def test_a_passer_by_cannot_read_the_proposals(people: People):
    job = await posted_job(people)
    offer = await job.proposed(8000)
    other = await people.customer()
    (await other.get(f"/v1/requests/{job.request_id}/offers")).refuses(404, "not_found")
    (await other.post(f"/v1/offers/{offer['id']}/accept")).refuses(404, "not_found")


async def test_a_price_out_of_bounds_is_refused(people: People):
    job = await posted_job(people)
    for amount in (-1, 0, 1, 10**9, 10**20):
        answer = await job.jobber.post(f"/v1/requests/{job.request_id}/offers", {"price": eur(amount)})
        assert answer.status == 422, answer.text
    wrong = {"price": {"amount": 8000, "currency": "USD"}}
    assert (await job.jobber.post(f"/v1/requests/{job.request_id}/offers", wrong)).status == 422
