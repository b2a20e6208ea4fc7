"""Station queues from the live index to the matcher, on a real PostGIS: first come, first served."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.stations import AWAY_S
from domain.store.tables import Engagement, EventRow, Offer, Round, StationTurn
from domain.usecases.duty import end_duty_of, go_off_duty, go_on_duty, keep_duty_within, read_duty
from domain.usecases.offers import accept_offer, decline_offer, on_offer_expired
from domain.usecases.stations import LOOK_EVERY, Stations
from domain.usecases.why import why_not_me, why_offered
from domain.usecases.work import ENGINE, Actor, Tools, working
from geo.points import LatLng
from matching.replay import agrees
from tests.factories import (
    CASINO,
    PORT,
    FakeClock,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    put_at,
    run_as,
    the_offers_of,
)

STATION = LatLng(43.7383, 7.4195)
FORECOURT = LatLng(43.7379, 7.4203)
KERB = LatLng(43.73945, 7.4195)  # 40 m outside the edge
SQUARE = LatLng(43.7402, 7.4195)  # 120 m outside


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


@pytest.fixture
def stations() -> Stations:
    return Stations("monaco")


class Rank:
    """The rank: its keeper, its clock, and who stands in it."""

    def __init__(self, tools: Tools, clock: FakeClock, keeper: Stations) -> None:
        self.tools, self.clock, self.keeper = tools, clock, keeper

    async def look(self) -> None:
        async with working(self.tools, ENGINE) as work:
            await self.keeper.step(work)

    async def see(self, *where: tuple[Actor, LatLng]) -> None:
        """A second passes, phones report, the keeper looks."""
        self.clock.move(1)
        for who, place in where:
            put_at(self.tools, who.id, place)
        await self.look()

    async def arrive(self, name: str, at: LatLng = STATION) -> Actor:
        """A driver comes on duty at the station."""
        driver = await a_provider(self.tools, at=at, name=name)
        await self.see()
        return driver

    async def line(self) -> list[UUID]:
        async with self.tools.sessions() as db:
            found = select(StationTurn.provider_id).order_by(StationTurn.joined_at)
            return list((await db.execute(found)).scalars())

    async def offered(self, driver: Actor) -> UUID:
        (offer,) = await the_offers_of(self.tools, driver)
        return UUID(offer["id"])


@pytest.fixture
def rank(tools: Tools, clock: FakeClock, stations: Stations) -> Rank:
    return Rank(tools, clock, stations)


async def test_drivers_at_the_station_wait_in_the_order_they_came_and_read_their_place(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second", FORECOURT)
    passing = await rank.arrive("Passing", PORT)
    assert await rank.line() == [first.id, second.id]
    assert (await run_as(rank.tools, second, read_duty))["queue"] == {
        "zone": "station",
        "rank": 2,
        "waiting": 2,
    }
    assert (await run_as(rank.tools, passing, read_duty))["queue"] is None


async def test_a_place_is_told_among_those_who_wait_for_the_same_work(rank: Rank):
    courier = await a_provider(rank.tools, ["parcel"], at=STATION)
    await rank.see()
    driver = await rank.arrive("Driver")
    assert await rank.line() == [courier.id, driver.id]
    assert (await run_as(rank.tools, driver, read_duty))["queue"]["rank"] == 1


async def test_joining_is_told_to_the_one_who_joins(rank: Rank):
    driver = await rank.arrive("First")
    async with rank.tools.sessions() as db:
        told = (await db.execute(select(EventRow).where(EventRow.account_id == driver.id))).scalars().all()
    assert [one.data["queue"]["rank"] for one in told if one.type == "duty.changed"] == [1]


async def test_a_pickup_at_the_station_goes_to_the_first_though_others_are_nearer(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second", FORECOURT)
    customer = await an_account(rank.tools)
    request = await a_ride(rank.tools, customer, pickup=FORECOURT, drop=CASINO)
    report = await a_round(rank.tools)
    assert report.offers == 1  # one is asked after the other, though the first wave holds three
    offer = await rank.offered(first)
    assert await the_offers_of(rank.tools, second) == []
    told = await run_as(rank.tools, first, why_offered, offer)
    assert "it was your turn in the queue of station" in told["words"] or "votre tour" in told["words"]
    not_me = await run_as(rank.tools, second, why_not_me, request)
    assert [str(reason) for reason in not_me["reasons"]] == ["queue_turn"]


async def test_a_pickup_elsewhere_knows_no_queue(rank: Rank):
    await rank.arrive("First")
    near = await a_provider(rank.tools, at=PORT)
    await a_ride(rank.tools, await an_account(rank.tools), pickup=PORT)
    await a_round(rank.tools)
    await rank.offered(near)
    async with rank.tools.sessions() as db:
        (stored,) = (await db.execute(select(Round))).scalars().all()
    assert stored.problem["asks"][0]["zone"] is None
    assert agrees(stored.problem, stored.result)


async def test_declining_and_letting_an_offer_pass_keep_the_place(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second")
    await a_ride(rank.tools, await an_account(rank.tools), pickup=STATION)
    await a_round(rank.tools)
    await run_as(rank.tools, first, decline_offer, await rank.offered(first))
    await rank.look()
    assert await rank.line() == [first.id, second.id]
    await a_round(rank.tools)
    passed = await rank.offered(second)  # the turn went on to the next one
    async with rank.tools.sessions.begin() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(update(Offer).where(Offer.id == passed).values(answer_by=past))
    await run_as(rank.tools, ENGINE, on_offer_expired, passed)
    await rank.see((first, STATION), (second, STATION))
    assert await rank.line() == [first.id, second.id]
    await a_ride(rank.tools, await an_account(rank.tools), pickup=STATION)
    await a_round(rank.tools)
    await rank.offered(first)  # and the next request is the first one's again


async def test_a_queue_that_has_been_asked_through_is_passed_over(rank: Rank):
    first = await rank.arrive("First")
    elsewhere = [await a_provider(rank.tools, at=PORT) for _ in range(2)]
    await a_ride(rank.tools, await an_account(rank.tools), pickup=STATION)
    await a_round(rank.tools)
    await run_as(rank.tools, first, decline_offer, await rank.offered(first))
    await a_round(rank.tools)
    for other in elsewhere:
        await rank.offered(other)


async def test_an_accepted_trip_ends_the_place(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second")
    await a_ride(rank.tools, await an_account(rank.tools), pickup=STATION)
    await a_round(rank.tools)
    await run_as(rank.tools, first, accept_offer, await rank.offered(first))
    assert await rank.line() == [second.id]
    await rank.see((first, STATION))
    assert await rank.line() == [second.id]  # at work, though still in the zone


async def test_the_end_of_duty_ends_the_place_and_fewer_services_do_not(rank: Rank):
    first, second, third = [await rank.arrive(name) for name in ("First", "Second", "Third")]
    await run_as(rank.tools, first, go_off_duty)
    assert await rank.line() == [second.id, third.id]
    await run_as(rank.tools, ENGINE, end_duty_of, second.id, why="by_ops")
    assert await rank.line() == [third.id]
    await run_as(rank.tools, third, go_on_duty, "monaco", None)
    assert await rank.line() == [third.id]
    await run_as(rank.tools, third, keep_duty_within, ["ride-eco"])
    assert await rank.line() == []


async def test_a_wobble_over_the_edge_costs_no_place_and_leaving_does(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second")
    await rank.see((first, KERB), (second, STATION))
    rank.clock.move(AWAY_S)
    await rank.see((first, KERB), (second, STATION))
    assert await rank.line() == [first.id, second.id]
    await rank.see((first, SQUARE), (second, STATION))
    rank.clock.move(AWAY_S - 10)
    await rank.see((first, SQUARE), (second, STATION))
    assert await rank.line() == [first.id, second.id]
    rank.clock.move(10)
    await rank.see((first, SQUARE), (second, STATION))
    assert await rank.line() == [second.id]
    await rank.see((first, STATION), (second, STATION))
    assert await rank.line() == [second.id, first.id]  # and begins again at the tail


async def test_a_restart_keeps_the_order_and_gives_everybody_time_to_be_heard(rank: Rank):
    first, second = await rank.arrive("First"), await rank.arrive("Second")
    index = rank.tools.live.of("monaco")
    for driver in (first, second):
        index.take_off_duty(driver.id)
    rank.keeper = Stations("monaco")
    await rank.see()
    assert await rank.line() == [first.id, second.id]
    third = await rank.arrive("Third")
    await rank.see((second, STATION))  # is heard again before the first is
    await rank.see((first, STATION))
    assert await rank.line() == [first.id, second.id, third.id]
    index.take_off_duty(second.id)
    await rank.see((first, STATION), (third, STATION))
    rank.clock.move(AWAY_S)
    await rank.see((first, STATION), (third, STATION))
    assert await rank.line() == [first.id, third.id]


async def test_two_keepers_at_once_write_one_place_each(rank: Rank):
    drivers = [await a_provider(rank.tools, at=STATION) for _ in range(8)]
    rank.clock.move(1)
    keepers = [Rank(rank.tools, rank.clock, Stations("monaco")) for _ in range(4)]
    await asyncio.gather(*(keeper.look() for keeper in keepers))
    assert sorted(await rank.line()) == sorted(driver.id for driver in drivers)


async def test_an_accept_at_the_moment_of_a_look_leaves_no_worker_in_the_queue(rank: Rank):
    """Whichever comes first: the next look finds who is at work, and no round would have asked them meanwhile."""
    for _ in range(5):
        driver = await rank.arrive("First")
        await a_ride(rank.tools, await an_account(rank.tools), pickup=STATION)
        await a_round(rank.tools)
        offer = await rank.offered(driver)
        async with rank.tools.sessions.begin() as db:
            await db.execute(delete(StationTurn))
        await asyncio.gather(run_as(rank.tools, driver, accept_offer, offer), rank.look())
        await rank.look()
        assert await rank.line() == []
        async with rank.tools.sessions.begin() as db:
            await db.execute(update(Engagement).values(state="completed"))
        await run_as(rank.tools, driver, go_off_duty)
        rank.tools.live.of("monaco").take_off_duty(driver.id)


async def test_a_market_without_a_station_has_no_queue(rank: Rank):
    async with working(rank.tools, ENGINE) as work:
        assert await Stations("nowhere").step(work) is None


async def test_the_queues_are_looked_at_once_a_second_where_there_is_a_station_and_where_there_is_none(
    rank: Rank,
):
    for keeper in (rank.keeper, Stations("nowhere")):
        assert keeper.due(rank.clock.now().timestamp())
        async with working(rank.tools, ENGINE) as work:
            await keeper.step(work)
        now = rank.clock.now().timestamp()
        assert not keeper.due(now + LOOK_EVERY / 2)
        assert keeper.due(now + LOOK_EVERY)
        assert keeper.due(now - 60), "a clock that was set back stops nothing"
