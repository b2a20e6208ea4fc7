"""Of one phone no more fixes are taken than a receiver gives, and all that it gathered while it was away."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from app.live import Markets
from domain.usecases.duty import go_on_duty
from domain.usecases.pace import AT_ONCE, PER_S, Pace
from domain.usecases.positions import Positions
from domain.usecases.readings import Reading
from geo.live import FixRefusal
from realtime.bus_inproc import InProcBus
from tests.factories import PORT, a_provider, run_as
from tests.usecases.engaged import Town

ONE, OTHER = UUID(int=1), UUID(int=2)


@given(st.lists(st.tuples(st.floats(0, 600), st.integers(0, 4_000)), max_size=30))
def test_over_any_time_no_more_than_the_burst_and_the_rate(reports: list[tuple[float, int]]):
    pace, now, taken = Pace(), 1_000.0, 0
    for after, fixes in reports:
        now += after
        allowed = pace.allow(ONE, fixes, now)
        assert 0 <= allowed <= fixes
        taken += allowed
        assert taken <= AT_ONCE + (now - 1_000.0) * PER_S + 1e-6


def test_a_phone_that_reports_as_receivers_do_never_loses_a_fix():
    pace = Pace()
    assert all(pace.allow(ONE, 1, second / PER_S) == 1 for second in range(10 * AT_ONCE))


def test_one_who_floods_takes_nothing_from_another_and_a_clock_set_back_gives_nothing():
    pace = Pace()
    assert pace.allow(ONE, 10 * AT_ONCE, 100.0) == AT_ONCE
    assert pace.allow(ONE, 1, 50.0) == 0
    assert pace.allow(OTHER, 1, 50.0) == 1


def test_who_has_calmed_down_is_forgotten():
    pace = Pace()
    pace.allow(ONE, AT_ONCE, 0.0)
    pace.allow(OTHER, 1, 0.0)
    pace.forget_full(1.0)
    assert len(pace) == 1
    pace.forget_full(AT_ONCE / PER_S)
    assert len(pace) == 0


@pytest.fixture
async def town(engine: AsyncEngine) -> Town:
    town = await Town.founded(engine)
    town.tools = replace(town.tools, bus=InProcBus(), live=Markets(fastest_mps=9_999))
    return town


async def test_the_oldest_of_a_flood_are_dropped_and_told_so(town: Town):
    await run_as(town.tools, town.driver, go_on_duty, "monaco", None)
    positions = Positions(town.tools, node="here")
    now = town.clock.now()
    flood = [
        Reading(PORT.lat + n * 1e-6, PORT.lon, now - timedelta(milliseconds=10 * (AT_ONCE + 2 - n)))
        for n in range(AT_ONCE + 2)
    ]
    receipt = await positions.report(town.driver, flood)
    assert receipt.accepted == AT_ONCE
    assert [(drop.index, drop.reason) for drop in receipt.dropped] == [
        (0, FixRefusal.TOO_MANY),
        (1, FixRefusal.TOO_MANY),
    ]
    assert positions.tally.dropped[FixRefusal.TOO_MANY] == 2
    newest = positions.newest(town.driver.id)
    assert newest is not None
    assert newest.lat == pytest.approx(flood[-1].lat)
    again = Reading(PORT.lat, PORT.lon, now)
    refused = await positions.report(town.driver, [again])
    assert [drop.reason for drop in refused.dropped] == [FixRefusal.TOO_MANY]
    town.clock.move(1.0)
    later = Reading(PORT.lat, PORT.lon, town.clock.now())
    assert (await positions.report(town.driver, [later])).accepted == 1


async def test_of_reports_taken_together_those_that_came_first_have_their_share_first(town: Town):
    """Another phone's, that came between them, has its own."""
    other = await a_provider(town.tools)
    await run_as(town.tools, town.driver, go_on_duty, "monaco", None)
    positions = Positions(town.tools, node="here")
    town.clock.move(60.0)
    now = town.clock.now()

    def reading(ago_s: float) -> Reading:
        return Reading(PORT.lat, PORT.lon, now - timedelta(seconds=ago_s))

    flood = [reading(59.0 - 0.005 * n) for n in range(AT_ONCE - 1)]
    last, newest = [reading(2.0), reading(1.5), reading(1.0)], [reading(0.5)]
    mine, theirs = town.driver.id, other.id
    await positions.learn([mine, theirs])
    receipts = await positions.report_all(
        [(mine, flood), (theirs, [reading(3.0)]), (mine, last), (theirs, [reading(2.0)]), (mine, newest)]
    )
    told = [
        None
        if receipt is None
        else (receipt.accepted, [(drop.index, drop.reason) for drop in receipt.dropped])
        for receipt in receipts
    ]
    too_many = FixRefusal.TOO_MANY
    assert told == [
        (AT_ONCE - 1, []),
        (1, []),
        (1, [(0, too_many), (1, too_many)]),
        (1, []),
        (0, [(0, too_many)]),
    ]
    assert (positions.tally.accepted, dict(positions.tally.dropped)) == (AT_ONCE + 2, {too_many: 3})
