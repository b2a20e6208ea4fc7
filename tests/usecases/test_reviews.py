"""Reviews: both ways, once, sealed until both have written or the window has ended."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import AlreadyReviewed, Forbidden, IllegalMove, Invalid, ReviewClosed
from domain.store import reviews as store
from domain.usecases.reviews import reviews_of, write_review
from tests.factories import run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def a_finished_ride(town: Town) -> UUID:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    return ride


async def test_a_review_is_sealed_until_the_other_side_has_written(town: Town) -> None:
    ride = await a_finished_ride(town)
    first = await run_as(town.tools, town.customer, write_review, ride, stars=5, text="smooth")
    assert first["state"] == "sealed"
    assert await run_as(town.tools, town.driver, reviews_of, ride) == []
    assert len(await run_as(town.tools, town.customer, reviews_of, ride)) == 1
    town.clock.move(1)
    second = await run_as(town.tools, town.driver, write_review, ride, stars=4)
    assert second["state"] == "published"
    for actor in (town.customer, town.driver):
        assert [row["stars"] for row in await run_as(town.tools, actor, reviews_of, ride)] == [5, 4]
        assert (await town.heard(actor)).count("review.published") == 2
    async with town.tools.sessions() as db:
        assert await store.rating_of(db, town.driver.id) == (1, 5)
        assert await store.rating_of(db, town.customer.id) == (1, 4)
        assert await store.market_mean(db, "monaco") == 4.5


async def test_what_one_side_wrote_is_opened_when_the_window_ends(town: Town) -> None:
    ride = await a_finished_ride(town)
    await run_as(town.tools, town.customer, write_review, ride, stars=2, text="late")
    async with town.tools.sessions() as db:
        assert await store.rating_of(db, town.driver.id) == (0, 0)
    town.clock.move(town.tools.knobs.review_window + 1)
    await town.settle()
    assert [row["stars"] for row in await run_as(town.tools, town.driver, reviews_of, ride)] == [2]
    with pytest.raises(ReviewClosed):
        await run_as(town.tools, town.driver, write_review, ride, stars=1)


async def test_one_writes_once_after_the_work_and_within_reason(town: Town) -> None:
    ride = await town.ride()
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, write_review, ride, stars=5)
    await town.drive_to(ride, "completed")
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.staff, write_review, ride, stars=5)
    with pytest.raises(Invalid):
        await run_as(town.tools, town.customer, write_review, ride, stars=6)
    with pytest.raises(Invalid):
        await run_as(town.tools, town.customer, write_review, ride, stars=5, text="x" * 2_001)
    await run_as(town.tools, town.customer, write_review, ride, stars=5)
    with pytest.raises(AlreadyReviewed):
        await run_as(town.tools, town.customer, write_review, ride, stars=1)


async def test_two_reviews_written_at_once_open_each_other(town: Town) -> None:
    ride = await a_finished_ride(town)
    await asyncio.gather(
        run_as(town.tools, town.customer, write_review, ride, stars=5),
        run_as(town.tools, town.driver, write_review, ride, stars=5),
    )
    told = await run_as(town.tools, town.customer, reviews_of, ride)
    assert [row["state"] for row in told] == ["published", "published"]


async def test_the_average_shows_on_the_next_engagement(town: Town) -> None:
    ride = await a_finished_ride(town)
    await run_as(town.tools, town.customer, write_review, ride, stars=5)
    await run_as(town.tools, town.driver, write_review, ride, stars=5)
    again = await town.ride()
    rating = (await town.seen(town.customer, again))["provider"]["rating"]
    assert rating == {"stars": 5.0, "count": 1}
