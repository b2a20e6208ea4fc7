"""Money that cannot leak: authorised before anything begins, taken once, given back in proportion."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    Forbidden,
    IllegalMove,
    Invalid,
    NotFound,
    PaymentDeclined,
    PaymentPending,
)
from domain.rules.ledger import Leg
from domain.store import money as store
from domain.store.tables import LedgerEntry, Payment, Request
from domain.usecases import money
from domain.usecases.actions import Tip, give_tip
from domain.usecases.call import Bid, propose
from domain.usecases.earnings import my_earnings, my_payments
from domain.usecases.offers import accept_offer
from domain.usecases.ops import ledger_check, ledger_of, refund
from domain.usecases.psp_webhook import hear
from domain.usecases.work import ENGINE, NOBODY, Work, working
from tests.factories import a_provider, run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def balance(town: Town, account: str) -> int:
    async with town.tools.sessions() as db:
        found = select(LedgerEntry.amount_cents).where(LedgerEntry.account == account)
        return sum((await db.execute(found)).scalars())


async def test_a_declined_card_asks_for_nothing(town: Town) -> None:
    with pytest.raises(PaymentDeclined):
        await town.ask("card_declined")
    async with town.tools.sessions() as db:
        assert (await db.execute(select(Request))).all() == []
        assert (await db.execute(select(Payment))).all() == []


async def test_a_service_that_does_not_answer_is_asked_again_with_the_same_key(town: Town) -> None:
    request = await town.ask("card_timeout")
    async with town.tools.sessions() as db:
        assert (await db.execute(select(Payment.state))).scalars().all() == ["pending"]
    town.clock.move(1)
    await town.settle()
    async with town.tools.sessions() as db:
        payment = (await db.execute(select(Payment))).scalar_one()
    assert payment.state == "authorised"
    assert payment.request_id == request
    assert len({key for operation, key in town.psp.calls if operation == "authorise"}) == 1
    assert await town.heard(town.customer) == ["payment.authorised"]


async def test_a_late_answer_arrives_by_a_signed_webhook(town: Town) -> None:
    await town.ask("card_late")
    async with town.tools.sessions() as db:
        payment = (await db.execute(select(Payment))).scalar_one()
    assert payment.state == "pending"
    body, signature = town.psp.webhook(payment.psp_ref or "")
    for forged in ("", "0" * 64, "é"):
        with pytest.raises(NotFound):
            await run_as(town.tools, NOBODY, hear, body, forged)
    with pytest.raises(NotFound):
        await run_as(town.tools, NOBODY, hear, *town.psp.webhook("sandbox:card:unknown"))
    await run_as(town.tools, NOBODY, hear, body, signature)
    await town.settle()
    async with town.tools.sessions() as db:
        assert (await db.get_one(Payment, payment.id)).state == "authorised"


async def test_nothing_starts_before_the_money_is_authorised(town: Town) -> None:
    job = await town.job("card_late")
    await town.drive_to(job, "arrived")
    with pytest.raises(PaymentPending):
        await town.do(town.driver, job, "start")
    await town.settle()
    assert (await town.do(town.driver, job, "start"))["state"] == "in_progress"


async def test_a_payment_that_fails_later_keeps_the_work_from_starting(town: Town) -> None:
    job = await town.job("card_timeout")
    async with town.tools.sessions() as db:
        payment = (await db.execute(select(Payment))).scalar_one()
        payment.method = "card_declined"  # the bank has changed its mind meanwhile
        await db.commit()
    await town.drive_to(job, "arrived")
    await town.settle()
    with pytest.raises(PaymentDeclined):
        await town.do(town.driver, job, "start")
    assert "payment.failed" in await town.heard(town.customer)


async def test_a_capture_that_is_refused_once_is_made_again_and_booked_once(town: Town) -> None:
    ride = await town.ride("card_capture_fails_once")
    await town.drive_to(ride, "completed")
    await town.settle()
    assert [p.state for p in await town.payments(ride)] == ["authorised"]
    town.clock.move(2)
    await town.settle()
    assert [p.state for p in await town.payments(ride)] == ["captured"]
    sums = await run_as(town.tools, town.staff, ledger_check)
    assert sums == {"sound": True, "transactions": 1, "nonzero": 0, "total": 0}


async def test_a_capture_divides_the_price_between_the_provider_and_the_platform(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await town.settle()
    row = await town.row(ride)
    assert await balance(town, "psp") == -row.price_cents
    assert await balance(town, "platform:commission") == row.fee_cents > 0
    assert await balance(town, f"provider:{town.driver.id}") == row.price_cents - row.fee_cents
    told = await run_as(town.tools, town.staff, ledger_of, ride)
    assert told["sum"]["amount"] == 0
    assert len(told["items"]) == 3


async def test_a_settlement_that_comes_twice_books_once(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    (price,) = await town.payments(ride)

    async def settle() -> None:
        async with working(town.tools, ENGINE) as work:
            await money.settle(work, price.id)

    await asyncio.gather(*(settle() for _ in range(5)), return_exceptions=True)
    await town.settle()
    assert (await run_as(town.tools, town.staff, ledger_check))["transactions"] == 1
    assert (await town.heard(town.driver)).count("payment.captured") == 1


async def test_refunds_give_back_in_proportion_and_never_more_than_was_taken(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await town.settle()
    row = await town.row(ride)
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.customer, refund, ride, 100, "please")
    await run_as(town.tools, town.staff, refund, ride, 333, "a detour")
    with pytest.raises(IllegalMove):  # one at a time
        await run_as(town.tools, town.staff, refund, ride, 1, "again")
    await town.settle()
    (price,) = await town.payments(ride)
    assert (price.state, price.refunded_cents) == ("captured", 333)
    with pytest.raises(Invalid):
        await run_as(town.tools, town.staff, refund, ride, row.price_cents, "all of it")
    await run_as(town.tools, town.staff, refund, ride, row.price_cents - 333, "the rest")
    await town.settle()
    (price,) = await town.payments(ride)
    assert (price.state, price.refunded_cents) == ("refunded", row.price_cents)
    for account in ("psp", "platform:commission", f"provider:{town.driver.id}"):
        assert await balance(town, account) == 0
    assert (await town.heard(town.customer)).count("payment.refunded") == 2


async def test_a_dispute_is_resolved_by_taking_less(town: Town) -> None:
    job = await town.job()
    await town.drive_to(job, "completed")
    await town.do(town.customer, job, "dispute", reason="half of it")
    await run_as(town.tools, town.staff, refund, job, 2_000, "half is fair")
    await town.settle()
    (price,) = await town.payments(job)
    assert (price.state, price.captured_cents) == ("captured", price.amount_cents - 2_000)


async def test_a_tip_is_all_the_providers_and_given_once(town: Town) -> None:
    ride = await town.ride()
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, give_tip, ride, Tip(200))
    await town.drive_to(ride, "completed")
    await town.settle()
    before = await balance(town, f"provider:{town.driver.id}")
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.driver, give_tip, ride, Tip(200))
    with pytest.raises(Invalid):
        await run_as(town.tools, town.customer, give_tip, ride, Tip(0))
    tips = await asyncio.gather(
        *(run_as(town.tools, town.customer, give_tip, ride, Tip(200)) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(tip, dict) for tip in tips) == 1, tips
    await town.settle()
    assert await balance(town, f"provider:{town.driver.id}") == before + 200


async def test_the_database_refuses_a_transaction_that_does_not_sum_to_zero(town: Town) -> None:
    ride = await town.ride()
    (price,) = await town.payments(ride)

    async def leak(work: Work) -> None:
        legs = (Leg("psp", -100), Leg("platform:commission", 99))
        ids = [work.new_id(), work.new_id()]
        await store.write(
            work.db, legs, txn_id=work.new_id(), ids=ids, kind="capture", payment=price, at=work.now
        )

    with pytest.raises(DBAPIError, match="does not sum to zero"):
        await run_as(town.tools, ENGINE, leak)


async def test_earnings_add_up_and_divide_by_the_hours(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await town.settle()
    await run_as(town.tools, town.customer, give_tip, ride, Tip(150))
    await town.settle()
    town.clock.move(60)
    row = await town.row(ride)
    earned = await run_as(town.tools, town.driver, my_earnings, None, None)
    net = row.price_cents - row.fee_cents + 150
    assert earned["gross"]["amount"] == row.price_cents + 150
    assert earned["fees"]["amount"] == row.fee_cents
    assert (earned["tips"]["amount"], earned["net"]["amount"]) == (150, net)
    assert earned["gross"]["amount"] - earned["fees"]["amount"] == earned["net"]["amount"]
    assert (earned["engagements"], earned["activity_s"], earned["connected_s"]) == (1, 180, 301)
    assert earned["net_per_connected_hour"]["amount"] == round(net * 3_600 / 301)
    assert [day["net"]["amount"] for day in earned["days"]] == [net]
    with pytest.raises(Invalid):
        await run_as(town.tools, town.driver, my_earnings, town.clock.at, town.clock.at)


async def test_a_customer_lists_what_they_paid_newest_first(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await run_as(town.tools, town.customer, give_tip, ride, Tip(150))
    await town.settle()
    paid = await run_as(town.tools, town.customer, my_payments, before=None, limit=10)
    assert [(row["kind"], row["state"]) for row in paid] == [("tip", "captured"), ("price", "captured")]
    older = await run_as(town.tools, town.customer, my_payments, before=UUID(paid[0]["id"]), limit=10)
    assert [row["kind"] for row in older] == ["price"]
    assert await run_as(town.tools, town.driver, my_payments, before=None, limit=10) == []


async def test_a_jobber_who_drops_out_frees_the_money_and_the_next_award_blocks_its_own(town: Town) -> None:
    job = await town.job()
    await town.do(town.driver, job, "cancel", reason="ill")
    await town.settle()
    assert [p.state for p in await town.payments(job)] == ["released"]
    row = await town.row(job)
    other = await a_provider(town.tools, ("odd-job",), name="Other")
    bid = Bid(price_cents=7_000, currency="EUR", start_at=town.clock.at + timedelta(hours=3))
    offer = await run_as(town.tools, other, propose, row.request_id, bid)
    again = (await run_as(town.tools, town.customer, accept_offer, offer.id)).engagement
    (price,) = await town.payments(again.id)
    assert (price.state, price.amount_cents, price.provider_id) == ("authorised", 7_000, other.id)
