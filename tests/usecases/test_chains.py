"""The next ride of whoever is about to finish one: agreed, waiting, promoted, or given up."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import AgendaConflict, AlreadyBusy, NotYourTurn
from domain.rules.events import EventType
from domain.store import calibration, earnings
from domain.store.tables import Action, Engagement, EventRow, Hold, Offer, Request
from domain.usecases.chains import SET_DOWN_S
from domain.usecases.duty import go_off_duty
from domain.usecases.exceptions import LATE_S, exceptions
from domain.usecases.offers import accept_offer
from domain.usecases.ops import preview_reassignment, reassign
from domain.usecases.why import why_not_me
from domain.usecases.work import ENGINE, working
from geo.points import LatLng
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    ROCK,
    a_provider,
    a_ride,
    a_round,
    an_account,
    run_as,
    the_offers_of,
)
from tests.notifications.telling import NoTokens, a_device, claim, plan_all
from tests.usecases.chained import NEAR_CASINO, Street, by_road, sound


@pytest.fixture
async def street(engine: AsyncEngine, database_url: str) -> Street:
    return await Street.founded(engine)


async def test_an_accepted_one_waits_and_says_until_when(street: Street):
    second = await street.chained()
    row = await street.row(second)
    assert (row.state, row.exclusive, row.after_id) == ("confirmed", False, street.first)
    assert row.promise is None, "what a way takes is learnt from ways that begin when they are promised"
    mine, theirs = await street.seen(second), await street.seen(second, street.waiting)
    assert mine["after"]["engagement_id"] == str(street.first)
    assert theirs["after"]["engagement_id"] is None
    free_at = datetime.fromisoformat(theirs["after"]["free_at"])
    left = by_road(NEAR_CASINO, CASINO) + SET_DOWN_S
    assert (free_at - street.clock.now()).total_seconds() == pytest.approx(left, abs=1.0)
    assert theirs["after"]["pickup_at"] >= theirs["after"]["free_at"]
    assert mine["clocks"]["activity_s"] == 0
    await sound(street)


async def test_its_claim_on_the_agenda_begins_where_the_first_one_ends(street: Street):
    second = await street.chained()
    async with street.tools.sessions() as db:
        spans = {
            row.engagement_id: row.span
            for row in (await db.execute(select(Hold).where(Hold.state == "held"))).scalars()
        }
    free_at = spans[second].lower
    assert free_at is not None
    assert spans[street.first].upper == free_at > street.clock.now()


@pytest.mark.parametrize("verb", ["set_off", "arrive", "start"])
async def test_nothing_of_it_is_done_before_its_turn(street: Street, verb: str):
    second = await street.chained()
    with pytest.raises(NotYourTurn) as refused:
        await street.do(second, verb)
    assert refused.value.facts == {"after": str(street.first)}


async def test_at_the_end_of_the_first_it_is_the_work_in_hand_and_both_hear_of_it(street: Street):
    second = await street.chained()
    await street.do(street.first, "finish")
    row = await street.row(second)
    assert (row.exclusive, row.after_id, row.promoted_at) == (True, None, street.clock.now())
    assert row.promise is not None
    view = await street.seen(second, street.waiting)
    assert view["after"] is None
    assert await street.heard(street.waiting, second) == ["engagement.confirmed", "engagement.promoted"]
    told = await street.heard(street.driver)
    assert told.index("engagement.completed") < told.index("engagement.promoted")
    street.clock.move(60)
    assert (await street.seen(second))["clocks"]["activity_s"] == 60
    await street.drive(second, street.waiting, "set_off", "arrive", "start", "finish")
    assert (await street.row(second)).state == "completed"
    await sound(street)
    async with street.tools.sessions() as db:
        promoted = select(func.count()).select_from(Action).where(Action.verb == "promote")
        assert (await db.execute(promoted)).scalar_one() == 1


async def test_no_minute_of_two_rides_counts_twice_and_ways_are_learnt_from_the_promotion(street: Street):
    began = (await street.row(street.first)).confirmed_at
    second = await street.chained()
    street.clock.move(90)
    await street.do(street.first, "finish")
    promoted = street.clock.now()
    street.clock.move(60)
    await street.drive(second, street.waiting, "set_off", "arrive", "start")
    await street.do(second, "finish")
    whole = (street.clock.now() - began).total_seconds()
    async with working(street.tools, ENGINE) as work:
        worked = await earnings.worked_since(work.db, "monaco", [street.driver.id], began)
        today = await earnings.worked_today(work.db, "monaco", [street.driver.id], work.now)
        learnt = await calibration.approaches(work.db, "monaco", began, 10)
    assert worked[street.driver.id][1] == pytest.approx(whole)
    assert today[street.driver.id] <= whole + 0.001
    arrived = (await street.row(second)).arrived_at
    assert arrived is not None
    assert learnt[0].took_s == (arrived - promoted).total_seconds()
    await sound(street)


@pytest.mark.parametrize(
    ("verb", "pushed_to"), [("finish", {"customer"}), ("cancel", {"customer", "provider"})]
)
async def test_who_did_not_end_the_first_has_it_pushed(street: Street, verb: str, pushed_to: set[str]):
    tools = replace(street.tools, firebase=NoTokens())
    for whose in (street.driver, street.waiting):
        await a_device(tools, whose, str(whose.id))
    await street.chained()
    await street.do(street.first, verb, street.driver if verb == "finish" else street.riding)
    await plan_all(tools)
    street.clock.move(3)
    told = [push for push in await claim(tools) if push.type is EventType.ENGAGEMENT_PROMOTED]
    assert {push.role for push in told} == pushed_to
    async with tools.sessions() as db:
        rows = select(EventRow).where(EventRow.type == EventType.ENGAGEMENT_PROMOTED)
        by = {row.account_id: row.data.get("promoted_by") for row in (await db.execute(rows)).scalars()}
    assert by == {
        street.driver.id: "provider" if verb == "finish" else "customer",
        street.waiting.id: None,
    }, "who ended it is not the next customer's to know"


async def test_the_same_when_its_customer_gets_out_on_the_way(street: Street):
    second = await street.chained()
    await street.do(street.first, "cancel", street.riding)
    assert (await street.row(second)).exclusive
    await sound(street)


async def test_the_same_when_the_ride_is_disputed(street: Street):
    second = await street.chained()
    await street.do(street.first, "dispute", street.riding, reason="a detour")
    assert (await street.row(second)).exclusive


async def test_a_promoted_one_may_itself_be_near_its_end(street: Street):
    second = await street.chained()
    await street.do(street.first, "finish")
    await street.drive(second, street.waiting, "set_off", "arrive", "start")
    street.be_at(LatLng(43.7460, 7.4330))
    await a_ride(street.tools, await an_account(street.tools), pickup=LARVOTTO, drop=PORT)
    third = await street.taken()
    assert (await street.row(third)).after_id == second
    await sound(street)


async def test_promoted_before_its_hour_it_is_no_appointment_of_its_own_drivers(street: Street):
    """The first customer gets out at once: the claim of the second still lies ahead when that is nearly done, too."""
    second = await street.chained()
    await street.do(street.first, "cancel", street.riding)
    pin = (await street.seen(second, street.waiting))["pin"]
    for verb in ("set_off", "arrive"):
        await street.do(second, verb)
    await street.do(second, "start", pin=pin)
    await street.settings(chain_within_s=3_600)
    await a_ride(street.tools, await an_account(street.tools), pickup=LARVOTTO, drop=PORT)
    third = await street.taken()
    assert (await street.row(third)).after_id == second
    await sound(street)


async def test_accepted_after_the_first_has_ended_it_binds_at_once(street: Street):
    await street.near_its_end()
    await street.next_request()
    await a_round(street.tools)
    await street.do(street.first, "finish")
    second = await street.accepted()
    row = await street.row(second)
    assert (row.exclusive, row.after_id, row.promoted_at) == (True, None, None)
    assert (await street.seen(second))["after"] is None


async def test_it_is_refused_when_other_work_has_come_between(street: Street):
    await street.near_its_end()
    await street.next_request()
    await a_round(street.tools)
    (offer,) = await the_offers_of(street.tools, street.driver)
    await street.do(street.first, "finish")
    async with street.tools.sessions.begin() as db:
        await db.execute(update(Offer).where(Offer.id == UUID(offer["id"])).values(state="expired"))
    street.clock.move(30)
    street.be_at(CASINO)
    await a_ride(street.tools, street.riding, pickup=CASINO)
    await street.taken()
    async with street.tools.sessions.begin() as db:
        await db.execute(update(Offer).where(Offer.id == UUID(offer["id"])).values(state="pending"))
    with pytest.raises((AlreadyBusy, AgendaConflict)):
        await run_as(street.tools, street.driver, accept_offer, UUID(offer["id"]))
    await sound(street)


# What may go wrong


async def test_either_side_may_leave_while_it_waits_and_it_costs_nothing(street: Street):
    second = await street.chained()
    street.clock.move(600)  # long past the free minutes of work that is in hand
    await street.do(second, "cancel", street.waiting)
    row = await street.row(second)
    assert (row.state, row.fee_on_end_cents) == ("cancelled", 0)
    await street.do(street.first, "finish")
    assert (await street.row(second)).state == "cancelled"
    await sound(street)


async def test_from_its_promotion_on_leaving_has_its_price_again(street: Street):
    second = await street.chained()
    await street.do(street.first, "finish")
    street.clock.move(600)
    await street.do(second, "cancel", street.waiting)
    assert (await street.row(second)).fee_on_end_cents > 0


async def test_the_driver_may_drop_it_and_the_request_goes_back_to_the_market(street: Street):
    second = await street.chained()
    await street.do(second, "cancel")
    async with street.tools.sessions() as db:
        request = await db.get_one(Request, (await street.row(second)).request_id)
    assert request.state == "open"
    assert (await a_round(street.tools)).offers == 0  # who dropped it is not asked again
    await a_provider(street.tools, at=ROCK)
    assert (await a_round(street.tools)).offers == 1
    await sound(street)


async def test_going_off_duty_ends_what_is_offered_and_not_what_is_agreed(street: Street):
    second = await street.chained()
    await run_as(street.tools, street.driver, go_off_duty)
    await street.do(street.first, "finish")
    assert (await street.row(second)).exclusive
    await street.drive(second, street.waiting, "set_off", "arrive", "start", "finish")


async def test_off_duty_before_the_answer_takes_the_offer_back(street: Street):
    await street.near_its_end()
    await street.next_request()
    await a_round(street.tools)
    await run_as(street.tools, street.driver, go_off_duty)
    assert await the_offers_of(street.tools, street.driver) == []


async def test_one_that_waits_longer_than_announced_is_shown_to_ops_who_may_hand_it_on(street: Street):
    staff = await an_account(street.tools, name="Ops", is_ops=True)
    second = await street.chained()

    async def kept_waiting() -> list[str]:
        found = await run_as(street.tools, staff, exceptions)
        return [one["id"] for one in found if one["kind"] == "kept_waiting"]

    free_at = datetime.fromisoformat((await street.seen(second))["after"]["free_at"])
    street.clock.at = free_at + timedelta(seconds=LATE_S)
    assert await kept_waiting() == []
    street.clock.move(1)
    assert await kept_waiting() == [str(second)]
    other = await a_provider(street.tools, at=CASINO)
    shown = await run_as(street.tools, staff, preview_reassignment, second, other.id)
    done = await run_as(street.tools, staff, reassign, second, other.id)
    assert shown["becomes"]["account_id"] == done["becomes"]["account_id"] == str(other.id)
    fresh = await street.row(UUID(done["new_engagement_id"]))
    assert (fresh.exclusive, fresh.after_id) == (True, None)
    await street.do(street.first, "finish")
    assert (await street.row(second)).state == "cancelled"
    await sound(street)


async def test_left_behind_by_a_version_that_promotes_nothing_it_can_still_be_begun(street: Street):
    second = await street.chained()
    async with street.tools.sessions.begin() as db:
        over = {"state": "completed", "ended_at": street.clock.now(), "ended_by": "provider"}
        await db.execute(update(Engagement).where(Engagement.id == street.first).values(over))
        await db.execute(update(Hold).where(Hold.engagement_id == street.first).values(state="released"))
        await db.execute(
            update(Request)
            .where(Request.id == (await street.row(street.first)).request_id)
            .values(state="closed")
        )
    third = await a_ride(street.tools, await an_account(street.tools), pickup=CASINO)
    await a_round(street.tools)
    told = await run_as(street.tools, street.driver, why_not_me, third)
    assert [str(reason) for reason in told["reasons"]] == ["busy"]  # promised they are, all the same
    await street.do(second, "set_off")
    row = await street.row(second)
    assert (row.state, row.exclusive, row.after_id) == ("en_route", True, None)
    assert await street.heard(street.waiting, second) == [
        "engagement.confirmed",
        "engagement.promoted",
        "engagement.en_route",
    ]
