"""Promises of pick-ups: noted at the accept, learnt from when kept or broken, reported to ops."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.calibrator import Calibrator
from app.ground import Ground, Quarters
from app.travelling import CalibratedTravel, StreetTravel
from domain.rules.errors import UnknownMarket
from domain.rules.states import Verb
from domain.store.tables import Engagement
from domain.usecases.actions import Deed, act
from domain.usecases.calibration import learnt, report
from domain.usecases.work import ENGINE, working
from geo.travel import Profile
from tests.factories import CASINO, PORT, run_as
from tests.usecases.engaged import Town

MARKET = "monaco"


async def ridden(town: Town, approach_s: float) -> UUID:
    """A ride whose driver took so long to be there."""
    engagement = await town.ride()
    await run_as(town.tools, town.driver, act, engagement, Deed(Verb.SET_OFF))
    town.clock.move(approach_s)
    await run_as(town.tools, town.driver, act, engagement, Deed(Verb.ARRIVE))
    pin = (await row_of(town, engagement)).pin
    await run_as(town.tools, town.driver, act, engagement, Deed(Verb.START, pin=pin))
    await run_as(town.tools, town.driver, act, engagement, Deed(Verb.FINISH))
    return engagement


async def row_of(town: Town, engagement: UUID) -> Engagement:
    async with town.tools.sessions() as db:
        return await db.get_one(Engagement, engagement)


async def reported(town: Town) -> Mapping[str, Any]:
    async with working(town.tools, town.staff) as work:
        return await report(work, MARKET)


async def test_an_accept_notes_what_the_pick_up_is_promised_to_take(engine: AsyncEngine):
    town = await Town.founded(engine)
    promise = (await row_of(town, await town.ride())).promise
    assert promise is not None
    assert set(promise) == {"streets_s", "p50_s", "p90_s", "source", "calibration", "cell", "hour"}
    assert promise["calibration"] == "none"
    assert promise["p90_s"] >= promise["p50_s"] == promise["streets_s"]


async def test_nothing_is_reported_before_anything_is_done(engine: AsyncEngine):
    town = await Town.founded(engine)
    said = await reported(town)
    assert (said["version"], said["observed"], said["overall"], said["hours"]) == ("none", 0, None, [])
    assert said["factor_p50"] == 1.0


async def test_a_market_that_is_not_there_has_no_calibration(engine: AsyncEngine):
    town = await Town.founded(engine)
    async with working(town.tools, town.staff) as work:
        with pytest.raises(UnknownMarket):
            await report(work, "atlantis")


async def test_a_finished_approach_is_learnt_from_and_used(engine: AsyncEngine):
    town = await Town.founded(engine)
    engagement = await ridden(town, 400.0)
    async with town.tools.sessions() as db:  # driven from further away than the test's driver stands
        row = await db.get_one(Engagement, engagement)
        row.promise = {**(row.promise or {}), "streets_s": 200.0, "p50_s": 200.0, "p90_s": 320.0}
        await db.commit()
    said = await reported(town)
    assert said["observed"] == said["overall"]["count"] == 1
    assert (said["overall"]["within_p50"], said["overall"]["within_p90"]) == (0.0, 0.0)
    assert said["factor_p50"] > 1.0
    travel = CalibratedTravel(StreetTravel(None), "Europe/Monaco", town.clock.now)
    before = await travel.to_one([PORT], CASINO, Profile.DRIVE)
    await Calibrator(town.tools, {MARKET: Ground(travel, None, Quarters([]))}).step()
    after = await travel.to_one([PORT], CASINO, Profile.DRIVE)
    walked = await travel.from_one(PORT, [CASINO], Profile.WALK)
    assert before.calibration == walked.calibration == "none"
    async with working(town.tools, ENGINE) as work:
        assert after.calibration == (await learnt(work, MARKET)).version == said["version"]
    assert after.seconds[0] > before.seconds[0] == after.plain_s[0]
    assert (await travel.route(PORT, CASINO, Profile.DRIVE)) is not None
