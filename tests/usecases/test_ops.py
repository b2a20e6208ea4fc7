"""What staff see and do: exceptions, handing work on, the books."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    AgendaConflict,
    AlreadyBusy,
    Forbidden,
    IllegalMove,
    Invalid,
    LostRace,
    NotEligible,
    NotFound,
)
from domain.rules.ports import PspAnswer, PspTimeout
from domain.rules.states import EngagementState
from domain.store.tables import Account, Action, Engagement
from domain.usecases.exceptions import exceptions
from domain.usecases.ops import engagements_in, ledger_check, preview_reassignment, reassign, refund
from domain.usecases.work import ENGINE, working
from tests.factories import LARVOTTO, PORT, a_provider, an_account, put_at, run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def kinds(town: Town) -> set[tuple[str, str]]:
    return {(row["kind"], row["severity"]) for row in await run_as(town.tools, town.staff, exceptions)}


async def test_a_preview_tells_and_changes_nothing(town: Town) -> None:
    ride = await town.ride()
    second = await a_provider(town.tools, name="Second Driver", at=LARVOTTO)
    told = await run_as(town.tools, town.staff, preview_reassignment, ride, second.id)
    row = await town.row(ride)
    assert told["preview"] is True
    assert told["was"]["loses"]["amount"] == row.price_cents - row.fee_cents
    assert told["becomes"]["name"] == "Second"
    assert told["becomes"]["eta_s"] > 0
    assert (await town.row(ride)).state == "confirmed"


async def test_handing_on_moves_the_work_and_its_money_in_one_step(town: Town) -> None:
    ride = await town.ride()
    await town.do(town.driver, ride, "set_off")
    second = await a_provider(town.tools, name="Second Driver", at=LARVOTTO)
    told = await run_as(town.tools, town.staff, reassign, ride, second.id)
    old = await town.row(ride)
    assert (old.state, old.ended_by, old.fee_on_end_cents) == ("cancelled", "ops", 0)
    async with town.tools.sessions() as db:
        new = (await db.execute(select(Engagement).where(Engagement.state == "confirmed"))).scalar_one()
        deeds = (await db.execute(select(Action).where(Action.engagement_id == new.id))).scalars().all()
    assert str(new.id) == told["new_engagement_id"]
    assert (new.provider_id, new.price_cents) == (second.id, old.price_cents)
    assert {(deed.role, deed.verb) for deed in deeds} == {("customer", "ask"), ("ops", "assign")}
    assert "engagement.cancelled" in await town.heard(town.driver)
    assert "engagement.confirmed" in await town.heard(second)
    town.driver = second
    await town.drive_to(new.id, "completed")
    await town.settle()
    (price,) = await town.payments(new.id)
    assert (price.state, price.provider_id) == ("captured", second.id)
    assert (await run_as(town.tools, town.staff, ledger_check))["nonzero"] == 0


async def test_work_is_handed_only_to_somebody_who_may_and_can(town: Town) -> None:
    ride = await town.ride()
    for stranger, refusal in (
        (await an_account(town.tools), NotFound),
        (await a_provider(town.tools, ("odd-job",)), NotEligible),
        (town.driver, Invalid),
    ):
        with pytest.raises(refusal):
            await run_as(town.tools, town.staff, preview_reassignment, ride, stranger.id)
    banned = await a_provider(town.tools)
    async with working(town.tools, ENGINE) as work:
        (await work.db.get_one(Account, banned.id)).suspended_at = work.now
    with pytest.raises(NotEligible):
        await run_as(town.tools, town.staff, reassign, ride, banned.id)
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.customer, reassign, ride, banned.id)


async def test_a_busy_driver_is_not_given_more(town: Town) -> None:
    ride = await town.ride()
    other = await an_account(town.tools)
    busy = await a_provider(town.tools, at=PORT)
    await town.ask(customer=other)
    await town.accept(busy)
    for use_case in (preview_reassignment, reassign):
        with pytest.raises(AlreadyBusy):
            await run_as(town.tools, town.staff, use_case, ride, busy.id)
    assert (await town.row(ride)).state == "confirmed", "all of it or none"


async def test_an_agenda_is_respected(town: Town) -> None:
    job = await town.job()
    first, town.driver = town.driver, await a_provider(town.tools, ("odd-job",), name="Other")
    second = await town.job()
    with pytest.raises(AgendaConflict):
        await run_as(town.tools, town.staff, preview_reassignment, second, first.id)
    with pytest.raises(AgendaConflict):
        await run_as(town.tools, town.staff, reassign, second, first.id)
    assert (await town.row(job)).state == (await town.row(second)).state == "confirmed"


async def test_work_under_way_stays_where_it_is(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")
    second = await a_provider(town.tools)
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.staff, reassign, ride, second.id)


async def test_handing_on_and_leaving_at_once_have_one_winner(town: Town) -> None:
    ride = await town.ride()
    second = await a_provider(town.tools)
    outcomes = await asyncio.gather(
        run_as(town.tools, town.staff, reassign, ride, second.id),
        town.do(town.customer, ride, "cancel"),
        return_exceptions=True,
    )
    assert sum(isinstance(o, LostRace | IllegalMove) for o in outcomes) == 1, outcomes


async def test_a_calm_town_has_no_exceptions_and_only_staff_may_ask(town: Town) -> None:
    await town.ride()
    assert await kinds(town) == set()
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.customer, exceptions)


async def test_what_goes_wrong_is_listed_with_words(town: Town) -> None:
    ride = await town.ride()
    waiting = await an_account(town.tools)
    await town.ask(customer=waiting)
    await town.do(town.driver, ride, "set_off")
    town.clock.move(61)
    assert await kinds(town) == {("request_waiting", "warning"), ("provider_dark", "warning")}
    put_at(town.tools, town.driver.id, PORT)
    town.clock.move(4 * 3_600)
    found = await kinds(town)
    assert {("request_waiting", "critical"), ("provider_dark", "critical"), ("stalled", "warning")} <= found
    rows = await run_as(town.tools, town.staff, exceptions)
    assert all(row["words"] and row["since"].endswith("Z") for row in rows)
    severities = [row["severity"] for row in rows]
    assert severities == sorted(severities), "critical first"


async def test_a_dispute_is_listed_until_a_human_has_answered(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "completed")
    await town.do(town.customer, job, "dispute")
    assert await kinds(town) == {("disputed", "critical")}
    await run_as(town.tools, town.staff, refund, job, 0, "the work was done")
    await town.settle()
    assert await kinds(town) == set()


async def test_money_and_timers_that_fail_are_listed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silence(*_: object, **__: object) -> PspAnswer:
        raise PspTimeout

    monkeypatch.setattr(town.psp, "authorise", silence)
    await town.ask()
    for _ in range(4):
        town.clock.move(40)
        await town.settle()
    assert {("payment_failing", "warning"), ("timer_failing", "warning")} <= await kinds(town)


async def test_an_hour_that_nears_with_nobody_on_the_way_is_listed(town: Town) -> None:
    await town.job()
    town.clock.move(2 * 3_600 + 1)
    assert await kinds(town) == {("late_to_set_off", "warning")}


async def test_staff_list_engagements_by_state_and_market(town: Town) -> None:
    ride = await town.ride()
    for states, market, expected in (
        (None, None, [ride]),
        ([EngagementState.CONFIRMED], "monaco", [ride]),
        ([EngagementState.COMPLETED], None, []),
        (None, "elsewhere", []),
    ):
        found = await run_as(
            town.tools, town.staff, engagements_in, states=states, market=market, before=None, limit=5
        )
        assert [row["id"] for row in found] == [str(one) for one in expected]
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.driver, engagements_in, states=None, market=None, before=None, limit=5)
