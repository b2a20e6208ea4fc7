"""A cancellation against the other party's step at the same moment: it is not lost, and is judged by that step."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import IllegalMove
from domain.rules.states import Verb
from domain.usecases.actions import Deed, act
from domain.usecases.cancelling import cancel_request
from tests.factories import run_as
from tests.races.held import outcome, unfinished, until_it_waits
from tests.usecases.engaged import Town

STEPS = {"confirmed": Verb.SET_OFF, "en_route": Verb.ARRIVE}


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def cancelled_while(town: Town, engagement: UUID, step: Verb) -> str:
    """The customer cancels while the driver takes a step that is not committed yet; how the cancellation ended."""
    request = (await town.row(engagement)).request_id
    async with unfinished(town.tools, town.driver, act, engagement, Deed(verb=step)):
        cancel = asyncio.create_task(outcome(run_as(town.tools, town.customer, cancel_request, request)))
        await until_it_waits(town.tools, cancel)
    return await cancel


@pytest.mark.parametrize("before", STEPS)
async def test_a_step_taken_meanwhile_does_not_undo_a_cancellation(town: Town, before: str):
    engagement = await town.ride()
    await town.drive_to(engagement, before)
    assert await cancelled_while(town, engagement, STEPS[before]) == "won"
    row = await town.row(engagement)
    assert (row.state, row.ended_by) == ("cancelled", "customer")
    assert (row.en_route_at is not None, row.arrived_at is not None) == (True, before == "en_route")


async def test_what_it_costs_is_judged_by_that_step(town: Town):
    """Nobody had set off when the customer pressed; somebody had when it was done, long after the free minutes."""
    engagement = await town.ride()
    town.clock.move(3_600)
    assert await cancelled_while(town, engagement, Verb.SET_OFF) == "won"
    meanwhile = (await town.row(engagement)).fee_on_end_cents
    after = await town.ride()
    await town.do(town.driver, after, Verb.SET_OFF)
    town.clock.move(3_600)
    await town.do(town.customer, after, Verb.CANCEL)
    assert meanwhile == (await town.row(after)).fee_on_end_cents


async def test_work_that_ends_meanwhile_is_over(town: Town):
    engagement = await town.ride()
    await town.drive_to(engagement, "in_progress")
    assert await cancelled_while(town, engagement, Verb.FINISH) == IllegalMove.code
    assert (await town.row(engagement)).state == "completed"
