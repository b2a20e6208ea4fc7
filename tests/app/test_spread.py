"""Out of one process: two gateways, two dispatchers and a relay over a real NATS server and a real database."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from app.postgres import PrivateCluster
from bench.faults import freeze, thaw
from bench.spread import Installation, Part
from domain.store.leases import LEASE_CLASS, SILENT_AFTER
from tests.app.collector import Collector, collecting
from tests.app.numbers import Numbers
from tests.cluster import copy_of_the_template
from tests.stranger.acts import heard, offered, settled, state_of
from tests.stranger.client import Phone, Socket, fix, ride

PORT = (43.7352, 7.4213)
ON_THE_WAY = (43.7375, 7.4248)
CASINO = (43.7392, 7.4277)
BEACH = (43.7475, 7.4370)
HOLDERS = """
    select pid from pg_locks join pg_database on pg_database.oid = pg_locks.database
    where datname = current_database() and locktype = 'advisory' and granted and classid = $1
"""  # of this database: the cluster has those of others, which other tests run in
STANDBY_WITHIN = 5.0  # s, the promise; it takes under one

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def database(cluster: PrivateCluster, database_name: str) -> str:
    """The URL of the installation's database."""
    return copy_of_the_template(cluster, f"{database_name}_spread")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def installation(
    database: str, nats_server: str, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    traced = {"COUDMAIN_OTLP": collector.url}
    installation = Installation(tmp_path_factory.mktemp("spread"), database, nats_server, traced)
    try:
        yield installation
    finally:
        left = installation.close()
    assert set(left.values()) <= {0}, installation.said


@pytest.fixture(scope="module")
def gateways(installation: Installation) -> tuple[Part, Part]:
    """Two gateways, the first dispatcher and the relay, all started in the same moment over an empty market."""
    parts = [installation.starting(name) for name in ("api", "api", "dispatch", "relay")]
    for part in parts:
        part.wait()
    return parts[0], parts[1]


@pytest.fixture(scope="module")
def dispatchers(installation: Installation, gateways: tuple[Part, Part]) -> tuple[Part, Part]:
    """Who has the market, and the standby, which came later."""
    has_it = next(part for part in installation.parts if part.name == "dispatch")
    return has_it, installation.start("dispatch")


@pytest_asyncio.fixture
async def driver(gateways: tuple[Part, Part]) -> AsyncIterator[Phone]:
    """A driver whose phone talks to the first gateway."""
    phone = Phone(gateways[0].url, "127.2.0.1")
    await phone.sign_in("+33768000001")
    (await phone.put("/v1/me/provider", {"services": ["ride-vtc"]})).must()
    (await phone.put("/v1/me/duty", {"on": True, "market": "monaco"})).must()
    yield phone
    await phone.hang_up()


@pytest_asyncio.fixture
async def customer(gateways: tuple[Part, Part]) -> AsyncIterator[Phone]:
    """A customer whose phone talks to the second."""
    phone = Phone(gateways[1].url, "127.2.0.2")
    await phone.sign_in("+33768000002")
    yield phone
    await phone.hang_up()


async def is_at(socket: Socket, at: tuple[float, float]) -> None:
    """A fix over the socket."""
    await socket.say({"t": "position", **fix(at)})


async def agreed(driver: Phone, wheel: Socket, customer: Phone) -> str:
    """Asked on one gateway, offered and accepted on the other; the engagement."""
    request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
    offer = await offered(wheel, request["id"])
    return str((await driver.post(f"/v1/offers/{offer['id']}/accept")).must(200)["id"])


async def finished(driver: Phone, wheel: Socket, engagement_id: str, pin: str) -> None:
    """From agreed to completed."""
    for verb, at, more in (
        ("set_off", ON_THE_WAY, {}),
        ("arrive", CASINO, {}),
        ("start", CASINO, {"pin": pin}),
        ("finish", BEACH, {}),
    ):
        await is_at(wheel, at)
        (await driver.act(engagement_id, verb, **more)).must(200)


async def test_a_ride_crosses_from_one_gateway_to_the_other(
    driver: Phone, customer: Phone, dispatchers: tuple[Part, Part]
):
    wheel, seat = await driver.socket(), await customer.socket()
    await is_at(wheel, PORT)  # heard by the first gateway; the dispatcher knows of it from the bus alone
    engagement_id = await agreed(driver, wheel, customer)
    confirmed = await heard(seat, "confirmed", engagement_id)

    await seat.say({"t": "subscribe", "channel": f"engagement:{engagement_id}"})
    (await driver.act(engagement_id, "set_off")).must(200)
    await heard(seat, "en_route", engagement_id)
    await is_at(wheel, ON_THE_WAY)
    seen = await seat.wait(lambda frame: frame["t"] == "track" and frame["lat"] == ON_THE_WAY[0])
    assert seen["engagement_id"] == engagement_id

    for verb, at, more in (
        ("arrive", CASINO, {}),
        ("start", CASINO, {"pin": confirmed["data"]["pin"]}),
        ("finish", BEACH, {}),
    ):
        await is_at(wheel, at)
        (await driver.act(engagement_id, verb, **more)).must(200)
    await heard(seat, "completed", engagement_id)
    assert await state_of(customer, engagement_id) == "completed"
    assert (await settled(customer, engagement_id))["state"] == "captured"  # the relay's timekeeper
    for socket in (wheel, seat):
        numbers = [event["seq"] for event in socket.events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_request_is_one_trace_over_all_processes(
    driver: Phone, customer: Phone, dispatchers: tuple[Part, Part], collector: Collector
):
    wheel = await driver.socket()
    await is_at(wheel, PORT)
    engagement_id = await agreed(driver, wheel, customer)
    engagement = (await driver.get(f"/v1/engagements/{engagement_id}")).must()
    trace = UUID(engagement["request_id"]).hex
    accept = "POST /v1/offers/{offer_id}/accept"
    chain = ("POST /v1/requests", "round", "event offer.created", "socket offer.created", accept)
    spans = await asyncio.to_thread(
        collector.wait, lambda spans: set(chain) <= {span.name for span in spans if span.trace == trace}
    )
    seen = {span.name: span for span in spans if span.trace == trace}
    asked, round_, event, socket, accepted = (seen[name] for name in chain)
    assert [span.parts for span in (asked, round_, event, socket, accepted)] == [
        "api", "dispatch", "relay", "api", "api",
    ]  # fmt: skip
    assert asked.instance != accepted.instance == socket.instance, "two gateways"
    assert round_.parent == event.parent == accepted.parent == asked.id
    assert socket.parent == event.id
    (await customer.post(f"/v1/requests/{engagement['request_id']}/cancel", {"reason": "x"})).must(200)


async def test_each_part_tells_its_own_numbers_and_whether_it_is_ready(
    dispatchers: tuple[Part, Part], installation: Installation
):
    relay = next(part for part in installation.parts if part.name == "relay")
    async with httpx.AsyncClient(timeout=10.0) as watcher:
        for part in (*dispatchers, relay):
            ready = await watcher.get(f"{part.door}/readyz")
            assert (ready.status_code, ready.json()["status"]) == (200, "ok")
            assert (await watcher.get(f"{part.door}/healthz")).status_code == 200
            assert (await watcher.get(f"{part.door}/v1/markets")).status_code == 404
        held = [Numbers((await watcher.get(f"{part.door}/metrics")).text) for part in dispatchers]
        told = Numbers((await watcher.get(f"{relay.door}/metrics")).text)
    assert [numbers.of("coudmain_lease_held", market="monaco") for numbers in held] == [1, 0]
    assert told.of("coudmain_events_total") > 0
    assert told.of("coudmain_bus_published_total") > 0
    assert not [label for numbers in (*held, told) for label in numbers.unfit()]


async def test_a_standby_takes_the_market_of_a_frozen_dispatcher_which_thaws_as_the_standby(
    driver: Phone, customer: Phone, dispatchers: tuple[Part, Part], database: str
):
    """Its connection stays open, and it is not heard of."""
    has_it, _ = dispatchers
    wheel, seat = await driver.socket(), await customer.socket()
    await is_at(wheel, PORT)
    (before,) = await holders(database)
    frozen = freeze(has_it.process.pid)
    try:
        async with asyncio.timeout(SILENT_AFTER.total_seconds() + STANDBY_WITHIN):
            while await holders(database) in ([], [before]):  # noqa: ASYNC110 - the database tells by this alone
                await asyncio.sleep(0.05)
        (after,) = await holders(database)
        await is_at(wheel, PORT)
        engagement_id = await agreed(driver, wheel, customer)
    finally:
        thaw(frozen)
    await heard(seat, "confirmed", engagement_id)
    async with asyncio.timeout(STANDBY_WITHIN), httpx.AsyncClient() as watcher:
        while [await has_the_market(watcher, part) for part in dispatchers] != [0, 1]:  # noqa: ASYNC110 - so do they
            await asyncio.sleep(0.05)
    assert await holders(database) == [after]
    (await driver.act(engagement_id, "cancel")).must(200)


async def test_a_standby_takes_the_market_of_a_killed_dispatcher(
    driver: Phone, customer: Phone, dispatchers: tuple[Part, Part], database: str
):
    has_it, standby = reversed(dispatchers)  # as the last test left them
    wheel, seat = await driver.socket(), await customer.socket()
    await is_at(wheel, PORT)
    (before,) = await holders(database)
    has_it.kill()
    killed_at = time.monotonic()
    while True:
        now = await holders(database)
        assert time.monotonic() - killed_at < STANDBY_WITHIN, "the standby did not take the market"
        if now and now != [before]:
            break
    assert standby.process.poll() is None
    await is_at(wheel, PORT)  # the next fix is all that the standby's live index needs

    engagement_id = await agreed(driver, wheel, customer)

    (after,) = await holders(database)
    assert after != before
    confirmed = await heard(seat, "confirmed", engagement_id)
    await finished(driver, wheel, engagement_id, confirmed["data"]["pin"])
    await heard(seat, "completed", engagement_id)


async def test_a_phone_whose_gateway_is_killed_goes_on_at_the_other(
    customer: Phone,
    installation: Installation,
    gateways: tuple[Part, Part],
    driver: Phone,
    dispatchers: object,
):
    wheel, seat = await driver.socket(), await customer.socket()
    last, epoch = seat.frames[0]["seq"], seat.epoch
    gateways[1].kill()
    await seat.ended.wait()

    elsewhere = Phone(gateways[0].url, "127.2.0.3")
    elsewhere.take(
        {
            "access_token": customer.token,
            "refresh_token": customer.refresh_token,
            "account_id": customer.account_id,
        }
    )
    await is_at(wheel, PORT)
    engagement_id = await agreed(driver, wheel, elsewhere)
    seat = await elsewhere.socket(after=last, epoch=epoch)

    await heard(seat, "confirmed", engagement_id)
    assert [event["seq"] for event in seat.events] == list(range(last + 1, last + 1 + len(seat.events)))
    (await driver.act(engagement_id, "cancel")).must(200)
    await heard(seat, "cancelled", engagement_id)
    await elsewhere.hang_up()


async def has_the_market(watcher: httpx.AsyncClient, part: Part) -> float:
    """1 where it says so of itself."""
    numbers = Numbers((await watcher.get(f"{part.door}/metrics")).text)
    return numbers.of("coudmain_lease_held", market="monaco")


async def holders(database: str) -> list[int]:
    """The database's processes that hold a market for a dispatcher."""
    connection = await asyncpg.connect(database.replace("postgresql+asyncpg", "postgresql"))
    try:
        rows = await connection.fetch(HOLDERS, LEASE_CLASS)
    finally:
        await connection.close()
    return [row["pid"] for row in rows]
