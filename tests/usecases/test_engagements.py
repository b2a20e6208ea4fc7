"""The life of agreed work, from the acceptance to the end, and its ways out."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    AlreadyBusy,
    Forbidden,
    IllegalMove,
    Invalid,
    LostRace,
    NotFound,
    PinLocked,
    TooEarly,
    WrongPin,
)
from domain.store.tables import Action, Hold, Request, Timer
from domain.usecases.actions import Tip
from domain.usecases.engagements import my_engagements
from domain.usecases.ops import ledger_check
from domain.usecases.requests import request_seen
from tests.factories import a_provider, an_account, run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def test_a_ride_is_asked_driven_paid_and_booked(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await town.settle()
    (price,) = await town.payments(ride)
    assert price.state == "captured"
    assert price.captured_cents == price.amount_cents
    sums = await run_as(town.tools, town.staff, ledger_check)
    assert sums == {"sound": True, "transactions": 1, "nonzero": 0, "total": 0}
    async with town.tools.sessions() as db:
        row = await town.row(ride)
        request = await db.get_one(Request, row.request_id)
        assert request.state == "closed"
        assert (await db.execute(select(Hold.state))).scalars().all() == ["released"]


async def test_both_parties_hear_every_step(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    steps = ["confirmed", "en_route", "arrived", "started", "completed"]
    for actor in (town.customer, town.driver):
        heard = [name for name in await town.heard(actor) if name.startswith("engagement.")]
        assert heard == [f"engagement.{step}" for step in steps]


async def test_each_side_has_an_authenticated_deed_before_anything_begins(town: Town) -> None:
    for agreed in (await town.ride(), await town.job()):
        async with town.tools.sessions() as db:
            deeds = (await db.execute(select(Action).where(Action.engagement_id == agreed))).scalars().all()
        assert {(deed.role, deed.actor_id) for deed in deeds} == {
            ("customer", town.customer.id),
            ("provider", town.driver.id),
        }


async def test_the_pin_is_the_customers_alone_and_gone_after_the_start(town: Town) -> None:
    ride = await town.ride()
    assert len(await town.pin(ride)) == 4
    assert "pin" not in await town.seen(town.driver, ride)
    assert "pin" not in await town.seen(town.staff, ride)
    await town.drive_to(ride, "in_progress")
    assert (await town.seen(town.customer, ride))["pin"] is None


async def test_the_exact_places_are_gone_for_both_when_it_is_over(town: Town) -> None:
    ride = await town.ride()
    assert all("lat" in stop for stop in (await town.seen(town.driver, ride))["stops"])
    assert (await town.seen(town.customer, ride))["provider"]["vehicle"]["plate"] == "AB-123-CD"
    await town.drive_to(ride, "completed")
    assert not any("lat" in stop for stop in (await town.seen(town.driver, ride))["stops"])
    assert not any("lat" in stop for stop in (await town.seen(town.customer, ride))["stops"])
    assert "plate" not in (await town.seen(town.customer, ride))["provider"]["vehicle"]


async def test_a_stranger_sees_nothing_and_may_do_nothing(town: Town) -> None:
    ride = await town.ride()
    stranger = await an_account(town.tools)
    with pytest.raises(NotFound):
        await town.seen(stranger, ride)
    with pytest.raises(NotFound):
        await town.do(stranger, ride, "cancel")


async def test_a_verb_belongs_to_its_side_and_to_its_state(town: Town) -> None:
    ride = await town.ride()
    with pytest.raises(Forbidden):
        await town.do(town.customer, ride, "arrive")
    with pytest.raises(IllegalMove):
        await town.do(town.driver, ride, "finish")
    await town.do(town.driver, ride, "set_off")
    with pytest.raises(IllegalMove):
        await town.do(town.driver, ride, "set_off")


async def test_five_wrong_pins_lock_for_a_minute_and_stay_counted(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "arrived")
    right = await town.pin(ride)
    wrong = "0000" if right != "0000" else "1111"
    with pytest.raises(Invalid):
        await town.do(town.driver, ride, "start")
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(WrongPin) as refusal:
            await town.do(town.driver, ride, "start", pin=wrong)
        assert refusal.value.facts["tries_left"] == left
    for waited, left in ((0, 60), (20.5, 40), (39, 1)):
        town.clock.move(waited)
        with pytest.raises(PinLocked) as locked:
            await town.do(town.driver, ride, "start", pin=right)
        assert locked.value.facts["retry_after_s"] == left
    town.clock.move(left)
    assert (await town.do(town.driver, ride, "start", pin=right))["state"] == "in_progress"


async def test_guesses_sent_at_once_do_not_outrun_the_lock(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "arrived")
    right = await town.pin(ride)
    guesses = [f"{n:04d}" for n in range(12) if f"{n:04d}" != right][:10]
    tried = await asyncio.gather(
        *(town.do(town.driver, ride, "start", pin=guess) for guess in guesses), return_exceptions=True
    )
    assert sum(isinstance(outcome, WrongPin) for outcome in tried) == 5
    assert sum(isinstance(outcome, PinLocked) for outcome in tried) == 5


async def test_a_customer_who_leaves_soon_pays_nothing_and_the_request_is_over(town: Town) -> None:
    ride = await town.ride()
    view = await town.do(town.customer, ride, "cancel", reason="changed my mind")
    assert (view["state"], view["ended_by"], view["cancellation_fee"]["amount"]) == (
        "cancelled",
        "customer",
        0,
    )
    await town.settle()
    (price,) = await town.payments(ride)
    assert price.state == "released"
    async with town.tools.sessions() as db:
        assert (await db.get_one(Request, price.request_id)).state == "cancelled"


async def test_a_customer_who_leaves_late_pays_the_fee_and_no_more(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "arrived")
    view = await town.do(town.customer, ride, "cancel")
    fee = view["cancellation_fee"]["amount"]
    await town.settle()
    (price,) = await town.payments(ride)
    assert 0 < fee == price.captured_cents < price.amount_cents


async def test_a_driver_who_drops_out_costs_nothing_and_the_request_looks_again(town: Town) -> None:
    ride = await town.ride()
    await town.do(town.driver, ride, "set_off")
    view = await town.do(town.driver, ride, "cancel", reason="flat tyre")
    assert view["cancellation_fee"]["amount"] == 0
    looking = await run_as(town.tools, town.customer, request_seen, UUID(view["request_id"]))
    assert (looking["state"], looking["engagement_id"]) == ("open", None)
    second = await a_provider(town.tools, name="Second")
    again = await town.accept(second)
    assert again != ride
    found = await run_as(town.tools, town.customer, request_seen, UUID(view["request_id"]))
    assert found["engagement_id"] == str(again)
    (price,) = await town.payments(again)
    assert price.state == "authorised"
    assert price.provider_id == second.id
    await town.settle()
    assert "request.reopened" in await town.heard(town.customer)


async def test_a_no_show_needs_patience_then_pays_the_driver(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "arrived")
    with pytest.raises(TooEarly) as refusal:
        await town.do(town.driver, ride, "no_show")
    assert refusal.value.facts["not_before"].endswith("Z")
    town.clock.move(town.tools.knobs.no_show_after)
    view = await town.do(town.driver, ride, "no_show")
    assert view["state"] == "no_show"
    await town.settle()
    (price,) = await town.payments(ride)
    assert price.captured_cents == view["cancellation_fee"]["amount"] > 0


async def test_finish_and_cancel_at_once_have_one_winner(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")
    outcomes = await asyncio.gather(
        town.do(town.driver, ride, "finish"), town.do(town.customer, ride, "cancel"), return_exceptions=True
    )
    lost = [o for o in outcomes if isinstance(o, LostRace | IllegalMove)]
    assert len(lost) == 1, outcomes
    await town.settle()
    (price,) = await town.payments(ride)
    assert price.state == "captured"
    assert (await run_as(town.tools, town.staff, ledger_check))["nonzero"] == 0


async def test_two_deeds_at_once_count_once(town: Town) -> None:
    ride = await town.ride()
    outcomes = await asyncio.gather(
        *(town.do(town.driver, ride, "set_off") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1
    heard = await town.heard(town.customer)
    assert heard.count("engagement.en_route") == 1


async def test_a_job_is_paid_when_its_customer_confirms_and_only_once(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "completed")
    await town.settle()
    (price,) = await town.payments(job)
    assert price.state == "authorised"
    outcomes = await asyncio.gather(
        *(town.do(town.customer, job, "confirm", tip=Tip(300)) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1, outcomes
    await town.settle()
    assert [(p.kind, p.state) for p in await town.payments(job)] == [
        ("price", "captured"),
        ("tip", "captured"),
    ]
    with pytest.raises(IllegalMove):
        await town.do(town.customer, job, "confirm")


async def test_a_customer_who_says_nothing_has_confirmed_after_the_wait(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "completed")
    town.clock.move(town.tools.knobs.auto_confirm + 1)
    await town.settle()
    (price,) = await town.payments(job)
    assert price.state == "captured"
    assert (await town.row(job)).customer_confirmed_at is not None


async def test_a_dispute_stops_the_money(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "completed")
    await town.do(town.customer, job, "dispute", reason="the gutter leaks")
    town.clock.move(town.tools.knobs.auto_confirm + 1)
    await town.settle()
    (price,) = await town.payments(job)
    assert price.state == "authorised"
    async with town.tools.sessions() as db:
        kinds = set((await db.execute(select(Timer.kind))).scalars())
    assert "auto_confirm" not in kinds


async def test_nobody_sets_off_for_two_things(town: Town) -> None:
    job = await town.job()
    await town.ride()
    with pytest.raises(AlreadyBusy):
        await town.do(town.driver, job, "set_off")


async def test_a_reminder_comes_before_an_agreed_hour(town: Town) -> None:
    job = await town.job()
    town.clock.move(timedelta(hours=2).total_seconds() - 900)
    await town.settle()
    assert "engagement.reminder" in await town.heard(town.driver)
    assert (await town.row(job)).state == "confirmed"


async def test_one_lists_ones_engagements_by_state_and_side(town: Town) -> None:
    first = await town.ride()
    await town.drive_to(first, "completed")
    job = await town.job()
    for actor, role in ((town.customer, "customer"), (town.driver, "provider")):
        both = await run_as(town.tools, actor, my_engagements, states=None, before=None, limit=10)
        assert [(row["id"], row["role"]) for row in both] == [(str(job), role), (str(first), role)]
        older = await run_as(town.tools, actor, my_engagements, states=None, before=job, limit=10)
        assert [row["id"] for row in older] == [str(first)]


async def test_the_clocks_run_from_the_acceptance_and_from_the_start(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")  # three steps, a minute each
    town.clock.move(300)
    await town.do(town.driver, ride, "finish")
    clocks = (await town.seen(town.driver, ride))["clocks"]
    assert clocks == {"service_s": 360, "activity_s": 480}
