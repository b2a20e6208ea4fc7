"""Processes told to stop and replaced, one after the other, under phones that ride: nobody notices."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.postgres import PrivateCluster
from bench.spread import STOPS_WITHIN, Installation
from domain.store.invariants import breaches
from tests.app.wanderer import DRAINING, WITHIN, Wanderer
from tests.cluster import copy_of_the_template
from tests.stranger.client import fix, ride

PORT = (43.7352, 7.4213)
CASINO = (43.7392, 7.4277)
BEACH = (43.7475, 7.4370)
WAITING = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
LAST = "select seq from streams where account_id = $1::uuid"
RIDDEN = "select count(*) from engagements where state = 'completed'"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Riders:
    """A driver and a customer who ride again and again."""

    driver: Wanderer
    customer: Wanderer
    rides: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def go_on(self) -> None:
        while not self.enough.is_set():
            await self._ride()
            self.rides += 1

    async def rode(self, more: int) -> None:
        """Until so many rides more are over."""
        target = self.rides + more
        async with asyncio.timeout(WITHIN):
            while self.rides < target:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)

    async def _ride(self) -> None:
        await self._at(CASINO)
        first, last = ride(CASINO, BEACH)
        quoted = (
            await self.customer.ask("POST", "/v1/quotes", {"service": "ride-vtc", "stops": [first, last]})
        ).must()
        asked = (await self.customer.ask("POST", "/v1/requests", {"quote_id": quoted["quote_id"]})).must(201)
        offer = await self.driver.heard("offer.created", request_id=asked["id"])
        agreed = (await self.driver.ask("POST", f"/v1/offers/{offer['data']['id']}/accept", {})).must(200)
        engagement = agreed["id"]
        confirmed = await self.customer.heard("engagement.confirmed", engagement_id=engagement)
        for verb, at, more in (
            ("set_off", CASINO, {}),
            ("arrive", CASINO, {}),
            ("start", CASINO, {"pin": confirmed["data"]["pin"]}),
            ("finish", BEACH, {}),
        ):
            await self._at(at)
            deed = {"verb": verb, **more}
            (await self.driver.ask("POST", f"/v1/engagements/{engagement}/actions", deed)).must(200)
        await self.customer.heard("engagement.completed", engagement_id=engagement)

    async def _at(self, at: tuple[float, float]) -> None:
        (await self.driver.ask("POST", "/v1/me/positions", {"fixes": [fix(at)]})).must(202)


@pytest.fixture(scope="module")
def database(cluster: PrivateCluster, database_name: str) -> str:
    """The URL of the installation's database."""
    return copy_of_the_template(cluster, f"{database_name}_rolling")


@pytest.fixture(scope="module")
def installation(
    database: str, nats_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("rolling"), database, nats_server)
    try:
        for part in [installation.starting(name) for name in ("api", "api", "dispatch", "relay")]:
            part.wait()
        yield installation
    finally:
        left = installation.close()
    assert set(left.values()) <= {0}, installation.said


@pytest_asyncio.fixture
async def riders(installation: Installation) -> AsyncIterator[Riders]:
    """On the road, on sockets, both of them."""
    urls = [part.url for part in installation.parts[:2]]
    riders = Riders(Wanderer(urls, "127.3.0.1"), Wanderer(urls, "127.3.1.1"))
    await riders.driver.sign_in("+33768000011")
    await riders.customer.sign_in("+33768000012")
    (await riders.driver.ask("PUT", "/v1/me/provider", {"services": ["ride-vtc"]})).must()
    (await riders.driver.ask("PUT", "/v1/me/duty", {"on": True, "market": "monaco"})).must()
    for phone in (riders.driver, riders.customer):
        await phone.listen()
    yield riders
    for phone in (riders.driver, riders.customer):
        await phone.hang_up()


async def test_a_gateway_told_to_stop_first_gives_the_answers_it_owes(
    installation: Installation, riders: Riders, database: str
):
    """A request waits for a row; meanwhile its gateway is told to stop, and sends its sockets away."""
    gateway = next(part for part in installation.parts if part.name == "api" and part.process.poll() is None)
    customer = riders.customer
    at = next(n for n, phone in enumerate(customer._phones) if phone.url == gateway.url)
    socket = await customer._phones[at].socket()
    url = database.replace("postgresql+asyncpg", "postgresql")
    connection = await asyncpg.connect(url)
    looking = await asyncpg.connect(url)  # by itself: within one transaction the view never changes
    try:
        async with connection.transaction():
            await connection.execute(
                "select 1 from accounts where id = $1::uuid for update", customer._phones[at].account_id
            )
            asking = asyncio.create_task(customer._phones[at].ask("PATCH", "/v1/me", {"name": "Camille"}))
            async with asyncio.timeout(WITHIN):
                while not await looking.fetchval(WAITING):
                    assert not asking.done(), f"it did not wait: {asking.result().text}"
                    await asyncio.sleep(0.02)
            gateway.process.terminate()
            assert await socket.close_code() == DRAINING
        assert (await asking).must(200)["name"] == "Camille"
    finally:
        await looking.close()
        await connection.close()
    assert await asyncio.to_thread(gateway.process.wait, STOPS_WITHIN) == 0, gateway.said
    await asyncio.to_thread(installation.start, "api", gateway.port)


async def test_every_process_is_replaced_in_turn_and_no_request_fails_and_no_event_is_lost(
    installation: Installation, riders: Riders, database: str
):
    """A gateway comes back on its address, while the other serves; the others' successors start before they end."""
    going = asyncio.create_task(riders.go_on())
    try:
        await riders.rode(1)
        for part in [part for part in installation.parts if part.process.poll() is None]:
            if part.name != "api":
                await asyncio.to_thread(installation.start, part.name)
            assert await asyncio.to_thread(part.stop) == 0, part.said
            await riders.rode(1)
            if part.name == "api":
                await asyncio.to_thread(installation.start, "api", part.port)
    finally:
        riders.enough.set()
        await going
    connection = await asyncpg.connect(database.replace("postgresql+asyncpg", "postgresql"))
    try:
        for phone in (riders.driver, riders.customer):
            last = await connection.fetchval(LAST, phone.account_id)
            await phone.heard_all(last)
            assert phone.failures == []
            assert phone.seqs == list(range(phone.seqs[0], last + 1)), "a gap, or one twice"
            assert set(phone.closes) == {DRAINING}
        assert await connection.fetchval(RIDDEN) == riders.rides
    finally:
        await connection.close()
    engine = create_async_engine(database)
    async with AsyncSession(engine) as db:
        assert not {name: count for name, count in (await breaches(db)).items() if count}
    await engine.dispose()
