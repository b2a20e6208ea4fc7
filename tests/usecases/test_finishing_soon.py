"""Who is asked while they finish a ride, and who is not."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.store.tables import Hold, Request, Round, agenda_span
from domain.usecases.blocks import block
from domain.usecases.chains import SET_DOWN_S
from domain.usecases.why import why_not_me, why_offered
from geo.points import LatLng
from matching.replay import agrees
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    a_provider,
    a_ride,
    a_round,
    an_account,
    run_as,
    the_offers_of,
)
from tests.usecases.chained import NEAR_CASINO, Street, by_road

WEST = LatLng(43.7300, 7.4050)  # two kilometres from the casino
A_VIA = """
    WITH moved AS (UPDATE stops SET seq = 2 WHERE seq = 1 RETURNING *)
    INSERT INTO stops SELECT request_id, 1, market_id, 'via', lat, lon, point, cell, label, address, note FROM moved"""


@pytest.fixture
async def street(engine: AsyncEngine, database_url: str) -> Street:
    return await Street.founded(engine)


async def reason(street: Street, request: UUID) -> str:
    (first, *_) = (await run_as(street.tools, street.driver, why_not_me, request))["reasons"]
    return str(first)


async def test_whoever_finishes_beside_the_pickup_is_asked_before_a_free_one_further_away(street: Street):
    await street.one_at_a_time()
    await street.near_its_end()
    free = await a_provider(street.tools, at=WEST)
    await street.next_request()
    await a_round(street.tools)
    (offer,) = await the_offers_of(street.tools, street.driver)
    assert await the_offers_of(street.tools, free) == []
    left = by_road(NEAR_CASINO, CASINO) + SET_DOWN_S
    assert offer["terms"]["free_in_s"] == pytest.approx(left, abs=1.0)
    assert offer["terms"]["approach_s"] == 0  # the ride ends where the next one begins


async def test_and_not_before_a_free_one_who_is_there_sooner(street: Street):
    await street.one_at_a_time()
    await street.near_its_end()
    free = await a_provider(street.tools, at=CASINO)
    await street.next_request()
    await a_round(street.tools)
    assert await the_offers_of(street.tools, street.driver) == []
    assert len(await the_offers_of(street.tools, free)) == 1


async def test_the_few_who_are_judged_are_those_who_are_there_first(street: Street):
    """One candidate a request: the free one a street away, and not the one who will stand on the spot."""
    await street.settings(candidates_ample=1, candidates=1, candidates_scarce=1)
    await street.one_at_a_time()
    await street.near_its_end()
    free = await a_provider(street.tools, at=NEAR_CASINO)
    await street.next_request()
    await a_round(street.tools)
    assert len(await the_offers_of(street.tools, free)) == 1


async def test_the_way_is_that_from_the_end_of_the_ride(street: Street):
    await street.near_its_end()
    await street.next_request(pickup=LARVOTTO, drop=PORT)
    await a_round(street.tools)
    (offer,) = await the_offers_of(street.tools, street.driver)
    way = by_road(CASINO, LARVOTTO)
    assert way <= offer["terms"]["approach_s"] < way + 30


@pytest.mark.parametrize("steps", [("set_off",), ("set_off", "arrive")])
async def test_a_ride_that_has_not_begun_ends_at_no_known_time(street: Street, steps: tuple[str, ...]):
    await street.drive(street.first, street.riding, *steps)
    street.be_at(NEAR_CASINO)
    request = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "busy"


async def test_a_ride_that_ends_later_than_the_market_looks_ahead_is_work(street: Street):
    await street.near_its_end(at=PORT)
    left = by_road(PORT, CASINO) + SET_DOWN_S
    request = await street.next_request()
    await street.settings(chain_within_s=left - 1)
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "busy"
    await street.settings(chain_within_s=left + 1)
    assert (await a_round(street.tools)).offers == 1


async def test_switched_off_a_round_is_what_it_was(street: Street):
    await street.settings(chain_within_s=0)
    await street.near_its_end()
    request = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "busy"
    async with street.tools.sessions() as db:
        rounds = (await db.execute(select(Round).order_by(Round.id))).scalars().all()
    assert [one["free_in_s"] for one in rounds[-1].problem["supply"]] == [0.0]
    assert [one["busy"] for one in rounds[-1].problem["supply"]] == [True]


async def test_stops_on_the_way_keep_the_end_from_being_nearer_than_planned(street: Street):
    """The driver stands beside the drop, and has perhaps not been at the stop between."""
    async with street.tools.sessions.begin() as db:
        await db.execute(update(Request).values(duration_s=1_200))
        await db.execute(text(A_VIA))
    await street.near_its_end()
    request = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "busy"


async def test_a_blocked_pair_and_a_days_hours_still_count(street: Street):
    await street.near_its_end()
    await run_as(street.tools, street.driver, block, street.riding.id)
    request = await a_ride(street.tools, street.riding, pickup=CASINO, drop=LARVOTTO)
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "blocked"
    await street.settings(most_hours_a_day={"fr_vtc": 0.01})
    later = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, later) == "hours_worked"


async def test_another_service_than_the_sessions_is_not_offered(street: Street):
    await street.near_its_end()
    await street.next_request(service="ride-eco")
    assert (await a_round(street.tools)).offers == 0


async def test_a_job_booked_between_stands_against_it(street: Street):
    await street.near_its_end()
    now = street.clock.now()
    soon = agenda_span(now + timedelta(minutes=6), now + timedelta(minutes=30))
    async with street.tools.sessions.begin() as db:
        await db.execute(delete(Hold))
        db.add(
            Hold(
                id=street.tools.new_id(),
                market_id="monaco",
                resource_id=street.driver.id,
                span=soon,
                state="held",
            )
        )
    request = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "agenda_conflict"


async def test_who_should_be_at_a_booked_job_already_is_promised_to_nobody(street: Street):
    await street.near_its_end()
    now = street.clock.now()
    begun = agenda_span(now - timedelta(minutes=1), now + timedelta(minutes=30))
    async with street.tools.sessions.begin() as db:
        await db.execute(delete(Hold))
        driver = street.driver.id
        db.add(
            Hold(id=street.tools.new_id(), market_id="monaco", resource_id=driver, span=begun, state="held")
        )
    request = await street.next_request()
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, request) == "busy"


async def test_nobody_is_promised_twice_ahead(street: Street):
    await street.chained()
    third = await a_ride(street.tools, await an_account(street.tools), pickup=CASINO, drop=PORT)
    assert (await a_round(street.tools)).offers == 0
    assert await reason(street, third) == "busy"


async def test_the_stored_round_solves_again_and_tells_why_in_both_languages(street: Street):
    await street.near_its_end()
    await street.next_request()
    await a_round(street.tools)
    async with street.tools.sessions() as db:
        row = (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()
    assert agrees(row.problem, row.result)
    (mine,) = row.problem["supply"]
    assert mine["free_in_s"] > SET_DOWN_S
    assert str(CASINO.lat) not in str(row.problem)  # where the ride ends is nobody's to read
    (offer,) = await the_offers_of(street.tools, street.driver)
    for language, words in (("fr", "libre dans 2 minutes environ"), ("en", "free in about 2 minutes")):
        reader = replace(street.driver, language=language)
        assert words in (await run_as(street.tools, reader, why_offered, UUID(offer["id"])))["words"]
