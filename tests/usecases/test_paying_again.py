"""A payment that fails after a silence: the customer hears why, pays again, and nothing moves without money."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Forbidden, IllegalMove, NotFound, PaymentDeclined, PaymentPending
from domain.store.tables import EventRow, Payment, Request
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.funding import pay
from domain.usecases.offers import accept_offer
from domain.usecases.psp_webhook import hear
from domain.usecases.requests import request_seen
from domain.usecases.work import NOBODY, Actor
from tests.factories import (
    PORT,
    a_posted_job,
    a_provider,
    a_round,
    an_account,
    put_at,
    run_as,
    the_offers_of,
)
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def unpaid(town: Town, method: str = "card_timeout_declined") -> UUID:
    """A ride whose payment was refused after the customer had been let go."""
    request = await town.ask(method)
    town.clock.move(1)
    await town.settle()
    return request


async def seen(town: Town, request: UUID) -> dict[str, Any]:
    view: dict[str, Any] = await run_as(town.tools, town.customer, request_seen, request)
    return view


async def prices(town: Town, request: UUID) -> list[Payment]:
    async with town.tools.sessions() as db:
        found = select(Payment).where(Payment.request_id == request).order_by(Payment.id)
        return list((await db.execute(found)).scalars())


async def told(town: Town, actor: Actor, type_: str) -> list[dict[str, Any]]:
    async with town.tools.sessions() as db:
        found = select(EventRow).where(EventRow.account_id == actor.id, EventRow.type == type_)
        return [row.data for row in (await db.execute(found.order_by(EventRow.seq))).scalars()]


@pytest.mark.parametrize("method", ["card_timeout_declined", "card_late_declined"])
async def test_the_customer_hears_at_once_that_payment_is_missing_and_why(town: Town, method: str) -> None:
    request = await town.ask(method)
    before = await seen(town, request)
    assert (before["payment"]["state"], before["payment_needed"]) == ("pending", False)
    town.clock.move(1)
    await town.settle()
    (event,) = await told(town, town.customer, "payment.failed")
    assert event["reason"] == "insufficient funds"
    assert (event["payment_needed"], event["request_id"]) == (True, str(request))
    view = await seen(town, request)
    assert view["state"] == "open"
    assert (view["payment_needed"], view["payment"]["state"]) == (True, "failed")
    assert view["payment"]["reason"] == "insufficient funds"
    assert event["pay_by"] == view["expires_at"]


async def test_nobody_is_asked_for_a_request_that_is_not_paid(town: Town) -> None:
    await unpaid(town)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    assert await the_offers_of(town.tools, town.driver) == []


async def test_paying_with_another_card_puts_the_request_on_its_way_with_its_whole_patience(
    town: Town,
) -> None:
    request = await unpaid(town)
    town.clock.move(500)
    await town.settle()
    view = await run_as(town.tools, town.customer, pay, request, "card")
    assert (view["payment"]["state"], view["payment_needed"]) == ("authorised", False)
    async with town.tools.sessions() as db:
        row = await db.get_one(Request, request)
    assert (row.due_at, row.expires_at) == (town.clock.at, town.clock.at + timedelta(seconds=180))
    engagement = await town.accept()
    await town.drive_to(engagement, "completed")
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["failed", "captured"]
    assert (await town.seen(town.customer, engagement))["payment"]["state"] == "captured"


async def test_nobody_who_pays_has_less_time_to_find_another_card_than_ten_minutes(town: Town) -> None:
    request = await unpaid(town)
    town.clock.move(590)
    await town.settle()
    assert (await seen(town, request))["state"] == "open"
    town.clock.move(20)
    await town.settle()
    view = await seen(town, request)
    assert (view["state"], view["outcome"]["reason"]) == ("expired", "payment")
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, pay, request, "card")


async def test_a_second_card_that_is_refused_at_once_changes_nothing(town: Town) -> None:
    request = await unpaid(town)
    with pytest.raises(PaymentDeclined):
        await run_as(town.tools, town.customer, pay, request, "card_declined")
    assert [p.state for p in await prices(town, request)] == ["failed"]
    assert (await seen(town, request))["payment_needed"] is True


async def test_paying_twice_is_paying_once(town: Town) -> None:
    request = await unpaid(town)
    for _ in range(3):
        await run_as(town.tools, town.customer, pay, request, "card")
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]
    await run_as(town.tools, town.customer, pay, request, "card_late")  # another card does not replace it
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]


async def test_the_same_means_asked_for_again_while_undecided_is_one_payment(town: Town) -> None:
    request = await town.ask("card_late")
    view = await run_as(town.tools, town.customer, pay, request, "card_late")
    assert view["payment"]["state"] == "pending"
    assert len(await prices(town, request)) == 1


async def test_a_late_yes_to_the_first_card_is_let_go_when_a_second_one_pays(town: Town) -> None:
    request = await town.ask("card_late")
    await run_as(town.tools, town.customer, pay, request, "card")
    first, second = await prices(town, request)
    assert (first.state, first.want, first.reason) == ("pending", "release", "replaced")
    assert (second.state, second.want) == ("authorised", "hold")
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["released", "authorised"]
    assert ("release", f"{first.id}:release") in town.psp.calls
    assert await told(town, town.customer, "payment.failed") == []


async def test_a_late_no_to_a_card_that_was_replaced_alarms_nobody(town: Town) -> None:
    request = await town.ask("card_late_declined")
    await run_as(town.tools, town.customer, pay, request, "card")
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["failed", "authorised"]
    assert await told(town, town.customer, "payment.failed") == []
    assert (await seen(town, request))["payment_needed"] is False


async def test_only_the_customer_pays_for_a_request(town: Town) -> None:
    request = await unpaid(town)
    for stranger in (town.driver, await an_account(town.tools)):
        with pytest.raises(NotFound):
            await run_as(town.tools, stranger, pay, request, "card")
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.staff, pay, request, "card")


async def test_there_is_nothing_to_pay_for_a_posted_job_before_it_is_awarded(town: Town) -> None:
    job = await a_posted_job(town.tools, town.customer)
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, pay, job, "card")


async def test_awarded_work_whose_payment_fails_starts_once_it_is_paid_again(town: Town) -> None:
    job = await town.job("card_late_declined")
    await town.drive_to(job, "arrived")
    await town.settle()
    (customer_heard,) = await told(town, town.customer, "payment.failed")
    (provider_heard,) = await told(town, town.driver, "payment.failed")
    assert (customer_heard["role"], customer_heard["payment_needed"]) == ("customer", True)
    assert provider_heard["role"] == "provider"
    assert not {"method", "reason"} & provider_heard.keys()
    with pytest.raises(PaymentDeclined):
        await town.do(town.driver, job, "start")
    request = (await town.row(job)).request_id
    await run_as(town.tools, town.customer, pay, request, "card_late")
    with pytest.raises(PaymentPending):
        await town.do(town.driver, job, "start")
    town.clock.move(2)
    await town.settle()
    assert len(await told(town, town.driver, "payment.authorised")) == 1
    await town.drive_to(job, "completed")
    await town.do(town.customer, job, "confirm")
    await town.settle()
    assert [(p.state, p.provider_id) for p in await town.payments(job)] == [
        ("failed", town.driver.id),
        ("captured", town.driver.id),
    ]


async def test_work_does_not_start_on_money_that_is_being_let_go(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "arrived")
    async with town.tools.sessions() as db:
        await db.execute(update(Payment).values(want="release"))
        await db.commit()
    with pytest.raises(PaymentDeclined):
        await town.do(town.driver, job, "start")


async def test_an_offer_that_is_out_cannot_be_accepted_while_the_money_is_not_there(town: Town) -> None:
    request = await town.ask()
    town.clock.move(1)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    (offer,) = await the_offers_of(town.tools, town.driver)
    for state, want in (("pending", "hold"), ("failed", "hold"), ("authorised", "release")):
        async with town.tools.sessions() as db:
            await db.execute(update(Payment).values(state=state, want=want))
            await db.commit()
        with pytest.raises(PaymentPending):
            await run_as(town.tools, town.driver, accept_offer, UUID(offer["id"]))
        assert (await seen(town, request))["state"] == "open"
    async with town.tools.sessions() as db:
        await db.execute(update(Payment).values(state="authorised", want="hold"))
        await db.commit()
    await run_as(town.tools, town.driver, accept_offer, UUID(offer["id"]))


async def test_a_service_that_calls_back_about_a_payment_it_refused_is_made_to_free_it(town: Town) -> None:
    request = await unpaid(town)
    (first,) = await prices(town, request)
    await run_as(town.tools, NOBODY, hear, *town.psp.webhook(first.psp_ref or ""))
    await town.settle()
    assert ("release", f"{first.id}:release") in town.psp.calls
    assert [p.state for p in await prices(town, request)] == ["failed"]


async def test_money_on_its_way_out_stays_with_the_work_it_was_for(town: Town) -> None:
    job = await town.job()
    request = (await town.row(job)).request_id
    await town.do(town.driver, job, "cancel", reason="ill")  # what it held is wanted back, and not yet let go
    town.clock.move(60)
    bid = Bid(price_cents=7_000, currency="EUR", start_at=town.clock.at + timedelta(hours=3))
    other = await a_provider(town.tools, ("odd-job",), name="Other")
    offer = await run_as(town.tools, other, propose, request, bid)
    again = (await run_as(town.tools, town.customer, accept_offer, offer.id)).engagement
    first, second = await prices(town, request)
    assert (first.engagement_id, first.provider_id) == (job, town.driver.id)
    assert (second.engagement_id, second.provider_id) == (again.id, other.id)


async def test_a_request_cancelled_unpaid_leaves_no_money_behind(town: Town) -> None:
    request = await town.ask("card_late")
    await run_as(town.tools, town.customer, cancel_request, request)
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await prices(town, request)] == ["released"]
