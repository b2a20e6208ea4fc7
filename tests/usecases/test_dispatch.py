"""The dispatch allocator against a real database: rounds, waves, answers, and the end of patience."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Forbidden, IllegalMove, LostRace, NotFound, OfferExpired
from domain.rules.states import RequestState
from domain.store import supply
from domain.store.tables import Account, Decision, EventRow, Offer, Payment, Request, Round, Timer
from domain.usecases.offers import accept_offer, decline_offer, on_offer_expired, withdraw_offer
from domain.usecases.requests import on_request_expired, reopen
from domain.usecases.work import ENGINE, Actor, Tools, working
from matching.replay import agrees
from tests.factories import (
    CASINO,
    LARVOTTO,
    PORT,
    ROCK,
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


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def rows(tools: Tools, table: type[Any], *where: Any) -> Sequence[Any]:
    async with tools.sessions() as db:
        return (await db.execute(select(table).where(*where).order_by(table.id))).scalars().all()


async def heard(tools: Tools, actor: Actor) -> list[str]:
    async with tools.sessions() as db:
        statement = select(EventRow.type).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
        return list((await db.execute(statement)).scalars())


async def let_time_pass(tools: Tools, offer_id: str) -> None:
    """The database's own clock decides lateness: age the offer instead of waiting."""
    async with tools.sessions.begin() as db:
        await db.execute(
            update(Offer)
            .where(Offer.id == UUID(offer_id))
            .values(answer_by=datetime.now(UTC) - timedelta(seconds=1))
        )


async def test_an_empty_market_runs_no_round(tools: Tools):
    report = await a_round(tools)
    assert report.round_id is None
    assert await rows(tools, Round) == []


async def test_a_paid_request_is_offered_to_the_nearest_providers_of_its_wave(tools: Tools):
    customer = await an_account(tools)
    near = [await a_provider(tools, at=PORT) for _ in range(3)]
    far = await a_provider(tools, at=LARVOTTO)
    request_id = await a_ride(tools, customer)

    report = await a_round(tools)

    assert report.offers == 3
    (offer,) = await the_offers_of(tools, near[0])
    assert offer["request_id"] == str(request_id)
    assert await the_offers_of(tools, far) == []
    assert await heard(tools, near[0]) == ["offer.created"]


async def test_an_offer_shows_money_and_no_exact_pickup(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools, at=ROCK)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    terms = offer["terms"]
    assert terms["price"]["amount"] == terms["fee"]["amount"] + terms["net"]["amount"]
    assert terms["net_per_hour"]["amount"] > 0
    assert terms["approach_s"] % 30 == 0
    assert terms["approach_m"] % 250 == 0
    assert "lat" not in terms["pickup"]
    assert "address" not in terms["pickup"]
    assert terms["drop"]["lat"] == CASINO.lat  # the VTC regime demands the destination before the answer


async def test_a_parcel_shows_no_exact_destination_before_acceptance(tools: Tools):
    customer, courier = await an_account(tools), await a_provider(tools, ["parcel"], at=PORT)
    await a_ride(tools, customer, service="parcel")
    await a_round(tools)
    (offer,) = await the_offers_of(tools, courier)
    assert "lat" not in offer["terms"]["drop"]


async def test_the_first_valid_accept_wins_and_the_others_are_withdrawn(tools: Tools):
    customer = await an_account(tools)
    drivers = [await a_provider(tools) for _ in range(3)]
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    offers = [(await the_offers_of(tools, driver))[0]["id"] for driver in drivers]

    accepted = await run_as(tools, drivers[1], accept_offer, UUID(offers[1]))

    assert accepted.engagement.provider_id == drivers[1].id
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert request.state == "matched"
    with pytest.raises(LostRace):
        await run_as(tools, drivers[0], accept_offer, UUID(offers[0]))
    assert await heard(tools, drivers[2]) == ["offer.created", "offer.withdrawn"]
    assert "request.matched" in await heard(tools, customer)
    assert "engagement.confirmed" in await heard(tools, customer)
    assert await rows(tools, Timer, Timer.kind.in_(["offer_expires", "request_expires"])) == []


async def test_repeating_ones_own_accept_gives_the_same_engagement(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    first = await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    again = await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    assert first.engagement.id == again.engagement.id


async def test_a_late_accept_is_refused_though_no_timer_has_rung(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await let_time_pass(tools, offer["id"])
    with pytest.raises(OfferExpired):
        await run_as(tools, driver, accept_offer, UUID(offer["id"]))


async def test_a_timer_that_rings_early_expires_nothing_and_rings_again(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, ENGINE, on_offer_expired, UUID(offer["id"]))
    assert len(await the_offers_of(tools, driver)) == 1
    await let_time_pass(tools, offer["id"])
    await run_as(tools, ENGINE, on_offer_expired, UUID(offer["id"]))
    (row,) = await rows(tools, Offer)
    assert row.state == "expired"
    assert await heard(tools, driver) == ["offer.created", "offer.expired"]


async def test_an_offer_of_somebody_else_is_not_there(tools: Tools):
    customer, driver, other = await an_account(tools), await a_provider(tools), await an_account(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    for stranger in (other, customer):
        with pytest.raises(NotFound):
            await run_as(tools, stranger, accept_offer, UUID(offer["id"]))
    with pytest.raises(Forbidden):
        await run_as(tools, driver, withdraw_offer, UUID(offer["id"]))


async def test_after_a_decline_the_next_round_asks_somebody_else(tools: Tools):
    customer = await an_account(tools)
    near = [await a_provider(tools, at=PORT) for _ in range(3)]
    far = await a_provider(tools, at=LARVOTTO)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, near[0])
    await run_as(tools, near[0], decline_offer, UUID(offer["id"]))
    with pytest.raises(IllegalMove):
        await run_as(tools, near[0], accept_offer, UUID(offer["id"]))

    await a_round(tools)

    assert await the_offers_of(tools, near[0]) == []
    assert len(await the_offers_of(tools, far)) == 1


async def test_the_search_reaches_further_once_a_wave_is_used_up(tools: Tools):
    customer = await an_account(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert request.wave == 1
    for _ in range(4):
        await a_round(tools)
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert request.wave == 2


async def test_a_busy_provider_or_one_with_an_offer_is_left_alone(tools: Tools):
    first, second, driver = await an_account(tools), await an_account(tools), await a_provider(tools)
    await a_ride(tools, first)
    await a_round(tools)
    waiting = await a_ride(tools, second)
    assert (await a_round(tools)).offers == 0
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    assert (await a_round(tools)).offers == 0
    reasons = {row.reason for row in await rows(tools, Decision, Decision.request_id == waiting)}
    assert {"has_offer", "busy", "all_busy"} <= reasons


async def test_nobody_drives_themselves(tools: Tools):
    driver = await a_provider(tools)
    await a_ride(tools, driver)
    assert (await a_round(tools)).offers == 0


async def test_a_stale_provider_is_asked_nothing(tools: Tools, clock: FakeClock):
    customer, _ = await an_account(tools), await a_provider(tools)
    clock.move(60)
    await a_ride(tools, customer)
    assert (await a_round(tools)).offers == 0


async def test_a_round_that_only_repeats_the_last_one_is_not_stored_again(tools: Tools):
    customer = await an_account(tools)
    await a_ride(tools, customer)
    assert (await a_round(tools)).round_id is not None
    assert (await a_round(tools)).round_id is None
    assert len(await rows(tools, Round)) == 1


async def test_every_stored_round_replays_to_its_stored_result(tools: Tools):
    customers = [await an_account(tools) for _ in range(3)]
    for at in (PORT, ROCK, CASINO, LARVOTTO, PORT):
        await a_provider(tools, at=at)
    for customer in customers:
        await a_ride(tools, customer)
        await a_round(tools)
    stored = await rows(tools, Round)
    assert stored
    assert all(agrees(row.problem, row.result) for row in stored)


async def test_patience_ends_with_an_honest_answer_and_the_money_back(tools: Tools, clock: FakeClock):
    customer, _ = await an_account(tools), await a_provider(tools, ["ride-eco"])
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    await run_as(tools, ENGINE, on_request_expired, request_id)  # rings early: nothing happens
    clock.move(181)
    await run_as(tools, ENGINE, on_request_expired, request_id)
    (request,) = await rows(tools, Request, Request.id == request_id)
    assert request.state == "expired"
    assert request.outcome["reason"] == "no_supply"
    assert request.outcome["words"].keys() == {"fr", "en"}
    assert "schedule" in {best["kind"] for best in request.outcome["next_best"]}
    (payment,) = await rows(tools, Payment, Payment.request_id == request_id)
    assert payment.want == "release"
    assert (await heard(tools, customer))[-1] == "request.expired"


async def test_another_service_with_somebody_free_is_the_next_best(tools: Tools, clock: FakeClock):
    customer, other = await an_account(tools), await a_provider(tools, ["ride-eco"])
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    clock.move(181)
    put_at(tools, other.id, PORT, ["ride-eco"])
    await run_as(tools, ENGINE, on_request_expired, request_id)
    (request,) = await rows(tools, Request, Request.id == request_id)
    best = {one["kind"]: one for one in request.outcome["next_best"]}
    assert best["service"]["slug"] == "ride-eco"
    assert best["service"]["price"]["amount"] >= 1100


async def test_a_pending_answer_outlives_the_patience(tools: Tools, clock: FakeClock):
    customer, driver = await an_account(tools), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    async with tools.sessions.begin() as db:
        await db.execute(update(Request).values(expires_at=clock.now() + timedelta(seconds=5)))
    await a_round(tools)
    clock.move(6)
    await run_as(tools, ENGINE, on_request_expired, request_id)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))


async def test_a_reopened_request_is_not_offered_to_who_dropped_out(tools: Tools):
    customer, first, second = (
        await an_account(tools),
        await a_provider(tools),
        await a_provider(tools, at=ROCK),
    )
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, first)
    accepted = await run_as(tools, first, accept_offer, UUID(offer["id"]))
    async with working(tools, ENGINE) as work:
        request = await work.db.get_one(Request, request_id)
        await work.db.execute(text("update engagements set state = 'cancelled'"))
        await work.db.execute(text("update holds set state = 'released'"))
        await reopen(work, request, accepted.engagement.provider_id)
    await a_round(tools)
    assert await the_offers_of(tools, first) == []
    assert len(await the_offers_of(tools, second)) == 1  # whose first offer was withdrawn, not answered
    assert "request.reopened" in await heard(tools, customer)


async def test_declining_changes_nothing_that_a_rank_can_read(tools: Tools):
    """Two drivers at one place; one has declined ten times. To the matcher they are the same but for the id."""
    patient, picky = await a_provider(tools), await a_provider(tools)
    for _ in range(10):
        customer = await an_account(tools)
        await a_ride(tools, customer)
        await a_round(tools)
        for offer in await the_offers_of(tools, picky):
            await run_as(tools, picky, decline_offer, UUID(offer["id"]))
        for offer in await the_offers_of(tools, patient):
            await let_time_pass(tools, offer["id"])
            await run_as(tools, ENGINE, on_offer_expired, UUID(offer["id"]))
        async with tools.sessions.begin() as db:
            await db.execute(update(Request).values(state=RequestState.CANCELLED))
    fresh = await an_account(tools)
    request_id = await a_ride(tools, fresh)
    await a_round(tools)
    newest = (await rows(tools, Round))[-1]
    told = {one["id"]: one for one in newest.problem["supply"]}
    mine, theirs = told[str(picky.id)], told[str(patient.id)]
    own = {"id", "blocked_customers"}  # who they are, and that nobody serves themselves
    assert {k: v for k, v in mine.items() if k not in own} == {
        k: v for k, v in theirs.items() if k not in own
    }
    offered = await rows(tools, Offer, Offer.request_id == request_id)
    assert {offer.provider_id for offer in offered} == {picky.id, patient.id}
    assert len({str(offer.terms) for offer in offered}) == 1


async def test_what_the_matcher_is_told_of_people_has_no_place_for_answers(tools: Tools):
    fields = supply.OnDuty.__dataclass_fields__.keys()
    assert not [
        name
        for name in fields
        if any(word in name for word in ("declin", "accept", "answer", "rate", "refus"))
    ]


async def test_a_payment_that_is_pending_keeps_the_request_waiting(engine: AsyncEngine, database_url: str):
    psp: Any = _Slow()
    tools = make_tools(engine, clock=at_present(), psp=psp)
    await a_market(tools)
    customer, _ = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    assert (await a_round(tools)).open == 0


class _Slow:
    async def authorise(self, key: str, amount: Any, *, method: str, meta: Any) -> Any:
        raise TimeoutError

    capture = release = refund = authorise


async def test_a_suspended_provider_is_passed_over_with_that_reason(tools: Tools, clock: FakeClock):
    customer, driver = await an_account(tools), await a_provider(tools)
    async with tools.sessions.begin() as db:
        await db.execute(update(Account).where(Account.id == driver.id).values(suspended_at=clock.now()))
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    reasons = {row.reason for row in await rows(tools, Decision, Decision.request_id == request_id)}
    assert "suspended" in reasons
