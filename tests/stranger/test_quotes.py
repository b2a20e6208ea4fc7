"""A quote that has run out, and one that was tampered with in the store: each buys nothing, and is told why."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.stranger.acts import BEACH, CASINO
from tests.stranger.client import ride
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import EngineProcess

pytestmark = [pytest.mark.slow]

A_SECOND = {"COUDMAIN_QUOTE_TTL": "1"}


@pytest.fixture(scope="module")
def short_quotes(
    cluster: PrivateCluster, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """An engine whose quotes hold for a second, over a database that the test may write to."""
    url = copy_of_the_template(cluster, f"{database_name}_quotes")
    process = EngineProcess(url, tmp_path_factory.mktemp("quotes"), settings=SETTINGS | A_SECOND)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest_asyncio.fixture
async def buyers(short_quotes: EngineProcess) -> AsyncIterator[People]:
    people = People(short_quotes.url)
    yield people
    await people.leave()


async def test_a_quote_that_has_run_out_buys_nothing(buyers: People):
    customer = await buyers.customer()
    quote = (await customer.quote("ride-vtc", *ride(CASINO, BEACH))).must()
    left = datetime.fromisoformat(quote["expires_at"]) - datetime.now(UTC)
    await asyncio.sleep(max(0.0, left.total_seconds()) + 0.01)
    for _ in range(2):
        (await customer.post("/v1/requests", {"quote_id": quote["quote_id"]})).refuses(410, "quote_expired")
    await customer.asked_for_nothing()


@pytest.mark.parametrize(
    "change", ["price_cents = 1", "expires_at = expires_at + interval '1 day'", "currency = 'XXX'"]
)
async def test_a_quote_that_was_tampered_with_buys_nothing(
    buyers: People, short_quotes: EngineProcess, change: str
):
    customer = await buyers.customer()
    quote = (await customer.quote("ride-vtc", *ride(CASINO, BEACH))).must()
    store = create_async_engine(short_quotes.database_url)
    async with store.begin() as connection:
        written = await connection.execute(
            text(f"UPDATE quotes SET {change} WHERE id = :id"), {"id": quote["quote_id"]}
        )
        assert written.rowcount == 1
    await store.dispose()
    (await customer.post("/v1/requests", {"quote_id": quote["quote_id"]})).refuses(422, "quote_forged")
    await customer.asked_for_nothing()
