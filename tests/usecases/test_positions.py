"""Positions: taken while there is any business with them, newest wins, and never written but as a track."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.live import Markets
from domain.rules.errors import NotOnDuty
from domain.store.positions import Duty
from domain.usecases import positions
from domain.usecases.duty import go_off_duty, go_on_duty
from domain.usecases.dutybook import Page
from domain.usecases.positions import Positions
from domain.usecases.readings import Reading, Receipt
from domain.usecases.work import Actor, Tools
from geo.live import GONE_AFTER, FixRefusal
from geo.points import LatLng
from realtime.bus_inproc import InProcBus
from tests.factories import CASINO, LARVOTTO, PORT, ROCK, a_provider, an_account, run_as
from tests.usecases.engaged import Town

ODD = LatLng(43.7391357, 7.4271357)  # digits that nothing else in the database has


class Process:
    """One process's part in positions."""

    def __init__(self, town: Town, tools: Tools, node: str) -> None:
        self.town, self.tools = town, tools
        self.positions = Positions(tools, node=node)

    async def hears(self, actor: Actor, *places: LatLng, every: float = 1.0) -> Receipt:
        """A phone reports places, one after the other."""
        receipt = Receipt(0, ())
        for place in places:
            self.town.clock.move(every)
            receipt = await self.positions.report(actor, [self.fix(place)])
        return receipt

    def fix(self, place: LatLng, ago: float = 0.0) -> Reading:
        return Reading(place.lat, place.lon, self.town.clock.now() - timedelta(seconds=ago))


@pytest.fixture
async def town(engine: AsyncEngine) -> Town:
    town = await Town.founded(engine)
    town.tools = replace(town.tools, bus=InProcBus(), live=Markets(fastest_mps=9_999))
    return town


@pytest.fixture
async def here(town: Town) -> Process:
    process = Process(town, town.tools, "here")
    await process.positions.start()
    return process


async def rows_that_hold(tools: Tools, needle: str) -> list[str]:
    """Every table with a row in whose text the digits stand."""
    async with tools.sessions() as db:
        tables = await db.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        found = []
        for table in sorted(tables.scalars()):
            held = await db.execute(
                text(f'select count(*) from "{table}" as r where r::text like :needle'),
                {"needle": f"%{needle}%"},
            )
            if held.scalar_one():
                found.append(table)
        return found


async def test_off_duty_and_without_work_nothing_is_taken(here: Process, town: Town):
    with pytest.raises(NotOnDuty):
        await here.hears(await an_account(town.tools), PORT)


async def test_the_newest_fix_wins_whatever_the_order(here: Process, town: Town):
    town.clock.move(60)
    fixes = [here.fix(CASINO), here.fix(PORT, ago=10), here.fix(PORT, ago=10)]
    receipt = await here.positions.report(town.driver, fixes)
    assert receipt.accepted == 2
    assert [(drop.index, drop.reason) for drop in receipt.dropped] == [(2, FixRefusal.DUPLICATE)]
    late = await here.positions.report(town.driver, [here.fix(ROCK, ago=5)])
    assert late.dropped[0].reason is FixRefusal.OLDER
    point = here.positions.newest(town.driver.id)
    assert point is not None
    assert point.place == CASINO


async def test_a_position_on_duty_is_written_nowhere(here: Process, town: Town):
    await here.hears(town.driver, ODD, ODD, ODD)
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(ODD.lat)) == []


async def test_a_track_holds_what_is_driven_from_setting_off_to_the_end_and_nothing_else(
    here: Process, town: Town
):
    engagement = await town.ride()
    await here.hears(town.driver, PORT)
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(ODD.lat)) == []

    await town.drive_to(engagement, "en_route")
    here.positions._book.changed(town.driver.id)
    await here.hears(town.driver, ODD, CASINO)
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(ODD.lat)) == ["track_points"]
    async with town.tools.sessions() as db:
        count = await db.execute(text("select count(*) from track_points"))
        assert count.scalar_one() == 2

    await town.drive_to(engagement, "completed")
    await here.hears(town.driver, LARVOTTO)  # the book does not know yet that it is over
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(LARVOTTO.lat)) == []


async def test_an_event_of_the_engagement_renews_the_book(here: Process, town: Town):
    engagement = await town.ride()
    await here.hears(town.driver, PORT)
    await town.drive_to(engagement, "en_route")
    town.clock.at = town.clock.at.replace()  # the page is younger than its time to live
    await town.tools.bus.publish(f"account.{town.driver.id}", b'{"frame":{"type":"engagement.en_route"}}')
    heard: list[str] = []
    await town.tools.bus.subscribe(f"track.{engagement}", lambda subject, _: heard.append(subject))
    await here.hears(town.driver, CASINO, every=0.5)
    assert heard == [f"track.{engagement}"]


async def test_work_under_way_is_tracked_after_going_off_duty(here: Process, town: Town):
    engagement = await town.ride()
    await town.drive_to(engagement, "en_route")
    await run_as(town.tools, town.driver, go_off_duty)
    receipt = await here.hears(town.driver, ODD)
    assert receipt.accepted == 1
    assert town.tools.live.of("monaco").newest(town.driver.id) is None, "but is offered nothing"
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(ODD.lat)) == ["track_points"]


async def test_going_off_duty_takes_one_off_the_map_at_once(here: Process, town: Town):
    await here.hears(town.driver, PORT)
    assert town.tools.live.of("monaco").newest(town.driver.id) is not None
    await run_as(town.tools, town.driver, go_off_duty)
    await here.positions.step()
    assert town.tools.live.of("monaco").newest(town.driver.id) is None


async def test_who_has_a_ride_is_not_available_and_is_again_afterwards(here: Process, town: Town):
    async def available() -> bool:
        point = town.tools.live.of("monaco").newest(town.driver.id)
        assert point is not None
        return point.available

    await here.hears(town.driver, PORT)
    assert await available()
    engagement = await town.ride()
    await here.positions.step()
    assert not await available()
    await town.drive_to(engagement, "completed")
    await here.hears(town.driver, CASINO)
    assert await available()


async def test_every_process_knows_what_one_of_them_hears(here: Process, town: Town):
    there = Process(town, replace(town.tools, live=Markets(fastest_mps=9_999)), "there")
    await there.positions.start()
    await here.hears(town.driver, PORT, CASINO)
    point = there.tools.live.of("monaco").newest(town.driver.id)
    assert point is not None
    assert point.place == CASINO
    assert point.services == there.tools.live.mask_of(["ride-vtc", "odd-job"])
    await run_as(town.tools, town.driver, go_off_duty)
    await there.positions.step()
    assert there.tools.live.of("monaco").newest(town.driver.id) is None


async def test_many_hints_in_one_message_are_heard_as_one_by_one(town: Town, monkeypatch: pytest.MonkeyPatch):
    """Twice of one provider, out of order and with what a phone did not tell, too."""
    now, fleet = (
        town.clock.now().timestamp(),
        [town.tools.new_id() for _ in range(2 * positions.TOGETHER_FROM)],
    )
    hints = [
        positions.PositionHint(
            who, (), n % 3 > 0, CASINO.lat + n * 1e-5, CASINO.lon, now - n % 4, speed_mps=told
        )
        for n, who in enumerate([*fleet, *fleet[:9]])
        for told in (None, 3.0)
    ]
    message = msgspec.json.encode(positions.PositionHints("elsewhere", hints))
    heard = []
    for together_from in (positions.TOGETHER_FROM, len(hints) + 1):
        monkeypatch.setattr(positions, "TOGETHER_FROM", together_from)
        process = Process(town, replace(town.tools, live=Markets(fastest_mps=9_999)), "here")
        process.positions._heard_position("position.monaco", message)
        heard.append([process.positions.newest(who) for who in fleet])
    assert heard[0] == heard[1]
    assert None not in heard[0]


async def test_who_has_just_gone_on_duty_is_heard_though_the_signal_of_it_is_late(town: Town):
    deaf = Process(town, town.tools, "deaf")  # it hears nothing of the bus
    await run_as(town.tools, town.driver, go_off_duty)
    with pytest.raises(NotOnDuty):
        await deaf.hears(town.driver, PORT)
    await run_as(town.tools, town.driver, go_on_duty, "monaco", None)
    assert (await deaf.hears(town.driver, PORT)).accepted == 1


async def test_a_change_of_duty_that_could_not_be_read_is_read_when_the_database_is_back(
    here: Process, town: Town, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object) -> None:
        raise OSError("the database is away")

    await here.hears(town.driver, PORT)
    await run_as(town.tools, town.driver, go_off_duty)
    with monkeypatch.context() as broken:
        broken.setattr("domain.usecases.dutybook.working", away)
        with pytest.raises(OSError, match="away"):
            await here.positions.step()
    await here.positions.step()
    assert here.tools.live.of("monaco").newest(town.driver.id) is None


async def test_fixes_wait_while_the_database_is_away(
    here: Process, town: Town, monkeypatch: pytest.MonkeyPatch
):
    engagement = await town.ride()
    await town.drive_to(engagement, "en_route")
    await here.hears(town.driver, ODD)

    def away(*_: object) -> None:
        raise OSError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr("domain.usecases.positions.working", away)
        with pytest.raises(OSError, match="away"):
            await here.positions._keep_tracks()
    await here.positions.step()
    assert await rows_that_hold(town.tools, str(ODD.lat)) == ["track_points"]


def test_a_mask_is_the_same_everywhere():
    assert Markets().mask_of(["ride-vtc", "odd-job"]) == Markets().mask_of(["odd-job", "ride-vtc"])
    assert Markets().mask_of([]) == 0


async def test_duty_is_read_anew_though_the_clock_was_set_back(town: Town):
    deaf = Process(town, town.tools, "deaf")  # it hears nothing of the bus
    await run_as(town.tools, town.driver, go_off_duty)
    with pytest.raises(NotOnDuty):
        await deaf.hears(town.driver, PORT)
    await run_as(town.tools, town.driver, go_on_duty, "monaco", None)
    town.clock.move(-3_600)
    assert (await deaf.hears(town.driver, PORT)).accepted == 1
    await run_as(town.tools, town.driver, go_off_duty)
    town.clock.move(-3_600)
    await deaf.positions.step()
    assert deaf.tools.live.of("monaco").newest(town.driver.id) is None


async def test_however_many_report_at_once_no_message_is_too_large_for_the_bus(town: Town):
    """A stall gathers thousands of reports, and a provider may be on duty for a dozen services."""
    here, sizes = Process(town, town.tools, "here"), list[int]()
    await town.tools.bus.subscribe("position.>", lambda _, payload: sizes.append(len(payload)))
    crowd = {
        town.tools.new_id(): Duty("monaco", tuple(f"service-{n}" for n in range(12)), ())
        for _ in range(4_096)
    }
    now = town.clock.now().timestamp()
    here.positions._book._pages = {who: Page(duty, 0, now, now) for who, duty in crowd.items()}
    receipts = await here.positions.report_all([(who, [here.fix(PORT)]) for who in crowd])
    assert all(receipt is not None and receipt.accepted == 1 for receipt in receipts)
    assert len(sizes) > 1
    assert max(sizes) < 1_048_576


async def test_who_has_gone_off_duty_unheard_is_not_kept_for_ever(here: Process, town: Town):
    there = Process(town, replace(town.tools, live=Markets(fastest_mps=9_999)), "there")
    await there.positions.start()
    other = await a_provider(town.tools)
    for somebody in (town.driver, other):
        await here.hears(somebody, PORT)
    index = there.tools.live.of("monaco")
    assert len(index) == 2
    with pytest.MonkeyPatch.context() as lost:
        lost.setattr(there.positions._book, "changed", lambda _: None)
        await run_as(town.tools, town.driver, go_off_duty)
    town.clock.move(GONE_AFTER + 1)
    for _ in range(2):
        await there.positions.step()
    assert town.driver.id not in index
    assert other.id in index, "a tunnel ends"
