"""Deeds several stories share: a service of one's own, an agreed ride, a ride driven to its end."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

from tests.stranger.client import Answer, Frame, Phone, Socket, Unexpected, ride, together
from tests.stranger.conftest import People

CASINO = (43.7392, 7.4277)
PORT = (43.7352, 7.4213)
BEACH = (43.7475, 7.4370)
HOSPITAL = (43.7290, 7.4130)
ON_THE_WAY = [(43.7362, 7.4228), (43.7375, 7.4248), (43.7386, 7.4266)]  # from the port up to the casino

_made = itertools.count(1)


@dataclass
class AgreedRide:
    """A ride two drivers were asked for and one has."""

    customer: Phone
    driver: Phone
    other: Phone
    customer_socket: Socket
    driver_socket: Socket
    other_socket: Socket
    request_id: str
    offer_id: str
    other_offer_id: str
    engagement_id: str
    pin: str
    answers: list[Answer]
    ops: Phone


async def new_service(ops: Phone, like: str, **changes: Any) -> str:
    """A service that ops make at run time from one they read; its slug. Nobody else's providers offer it."""
    listed = (await ops.get("/v1/services?market=monaco")).must(200)["items"]
    entry = next(item for item in listed if item["slug"] == like)
    entry |= {"market": "monaco", "slug": f"{like}-{next(_made)}", **changes}
    (await ops.post("/v1/ops/services", entry)).must(201, 200)
    return str(entry["slug"])


async def agreed_ride(people: People, service: str | None = None) -> AgreedRide:
    """Two drivers at the port, one customer at the casino; both drivers accept at once."""
    ops = await people.ops()
    service = service or await new_service(ops, "ride-vtc")
    customer = await people.customer()
    pair = [await people.provider(service, at=at) for at in (PORT, ON_THE_WAY[0])]
    customer_socket = await customer.socket()
    sockets = [await driver.socket() for driver in pair]
    request = await customer.request_a_ride(service, *ride(CASINO, BEACH))
    offers = [
        (await socket.event("offer.created", lambda data: data["request_id"] == request["id"]))["data"]["id"]
        for socket in sockets
    ]
    answers = await together(
        *(driver.post(f"/v1/offers/{offer}/accept") for driver, offer in zip(pair, offers, strict=True))
    )
    winners = [index for index, answer in enumerate(answers) if answer.status == 200]
    if len(winners) != 1:
        raise Unexpected(f"one of two wins, not {[(answer.status, answer.text[:200]) for answer in answers]}")
    won = winners[0]
    engagement_id = answers[won].json["id"]
    confirmed = await customer_socket.event("engagement.confirmed", _of(engagement_id))
    return AgreedRide(
        customer, pair[won], pair[1 - won], customer_socket, sockets[won], sockets[1 - won],
        request["id"], offers[won], offers[1 - won], engagement_id, confirmed["data"]["pin"], answers, ops,
    )  # fmt: skip


def _of(engagement_id: str) -> Any:
    return lambda data: data.get("id", data.get("engagement_id")) == engagement_id


async def heard(socket: Socket, kind: str, engagement_id: str) -> Frame:
    """The event of this engagement."""
    return await socket.event(f"engagement.{kind}", _of(engagement_id))


async def started(trip: AgreedRide) -> AgreedRide:
    """The driver sets off, arrives, is told the PIN and starts."""
    for verb, more in (("set_off", {}), ("arrive", {}), ("start", {"pin": trip.pin})):
        if verb == "arrive":
            await trip.driver.stand_at(CASINO)
        (await trip.driver.act(trip.engagement_id, verb, **more)).must(200)
    return trip


async def ended(trip: AgreedRide) -> AgreedRide:
    """From agreed to completed."""
    await started(trip)
    await trip.driver.stand_at(BEACH)
    (await trip.driver.act(trip.engagement_id, "finish")).must(200)
    return trip


async def state_of(phone: Phone, engagement_id: str) -> str:
    """The engagement's state as this phone sees it."""
    return str((await phone.get(f"/v1/engagements/{engagement_id}")).must(200)["state"])


async def offered(socket: Socket, request_id: str) -> Frame:
    """The offer of this request, from the event that brought it."""
    event = await socket.event("offer.created", lambda data: data["request_id"] == request_id)
    data: Frame = event["data"]
    return data


async def settled(phone: Phone, engagement_id: str, kind: str = "price") -> Any:
    """The customer's payment of this kind for this engagement, once it is captured."""

    def wanted(item: Any) -> bool:
        return (item["engagement_id"], item["kind"], item["state"]) == (engagement_id, kind, "captured")

    page = await phone.until("/v1/me/payments", lambda page: any(wanted(item) for item in page["items"]))
    return next(item for item in page["items"] if wanted(item))


async def all_of(*deeds: Any) -> list[Any]:
    """Await several deeds at once."""
    return list(await asyncio.gather(*deeds))


async def stream(phone: Phone, after: int = 0, page: int = 100) -> list[dict[str, Any]]:
    """The stored events after N, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        read = (await phone.get(f"/v1/me/events?after={after}&limit={page}")).must(200)["items"]
        if not read:
            return found
        found += read
        after = read[-1]["seq"]
