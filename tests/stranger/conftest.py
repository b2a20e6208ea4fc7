"""The real engine in a process of its own, and people to use it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.stranger.client import Phone
from tests.stranger.engine import EngineProcess

SETTINGS = {
    "COUDMAIN_ROUND_WINDOW": "0.4",  # s: many tests wait for a round, and none of them is about its length
    "COUDMAIN_FASTEST_MPS": "20000",  # m/s: people of these tests cross the town between two sentences
    "COUDMAIN_ADDRESS_PER_S": "1",  # refills so slowly that whoever knocks 300 times is slowed on any machine
    "COUDMAIN_ADDRESS_BURST": "100",
}


@pytest.fixture(scope="session")
def engine_process(
    cluster: PrivateCluster, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """The engine over a database of its own, ready."""
    process = EngineProcess(
        copy_of_the_template(cluster, f"{database_name}_stranger"),
        tmp_path_factory.mktemp("engine"),
        settings=SETTINGS,
    )
    try:
        process.start()
        yield process
    finally:
        process.stop()


_addresses = itertools.count(2)
_numbers = itertools.count(1)


@dataclass
class People:
    """Whoever a test needs, each with a phone and a number of his own; all gone with the test."""

    url: str
    phones: list[Phone] = field(default_factory=list)

    async def passer_by(self, language: str = "en") -> Phone:
        """A phone that is not signed in."""
        number = next(_addresses)
        phone = Phone(self.url, f"127.1.{number // 250}.{number % 250 + 1}", language)
        self.phones.append(phone)
        return phone

    async def customer(self, language: str = "en") -> Phone:
        """Somebody signed in."""
        phone = await self.passer_by(language)
        return await phone.sign_in(f"+3376{next(_numbers):07}")

    async def provider(self, *services: str, at: tuple[float, float]) -> Phone:
        """Somebody on duty there."""
        return await (await self.customer()).go_on_duty(*services, at=at)

    async def ops(self) -> Phone:
        """One of the staff."""
        return await (await self.customer()).become_ops()

    async def leave(self) -> None:
        """Nobody waits, nothing goes on and nobody is on duty, so that no later test meets them, or a trip of theirs on
        the map; sockets and connections closed."""
        await asyncio.gather(*(self._leave(phone) for phone in self.phones))

    async def _leave(self, phone: Phone) -> None:
        if phone.token:
            asked = await phone.get(
                "/v1/me/requests?limit=100"
            )  # refused to whoever has signed out, or knocks a lot
            for request in asked.json["items"] if asked.status == 200 else ():
                if request["state"] in {
                    "open",
                    "matched",
                }:  # work that has begun is its customer's to call off too
                    await phone.post(f"/v1/requests/{request['id']}/cancel")
            await phone.put("/v1/me/duty", {"on": False, "market": "monaco"})
        await phone.hang_up()


@pytest_asyncio.fixture
async def people(engine_process: EngineProcess) -> AsyncIterator[People]:
    people = People(engine_process.url)
    yield people
    await people.leave()
