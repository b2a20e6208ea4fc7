"""Whatever happens to money, in whatever order: the books sum to zero, and nothing exceeds what it came from."""

import random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Refusal
from domain.rules.states import Verb
from domain.store.tables import LedgerEntry, Payment
from domain.usecases.actions import Tip, give_tip
from domain.usecases.ops import ledger_check, refund
from tests.factories import run_as
from tests.usecases.engaged import Town

STEPS = 25
METHODS = ("card", "card_capture_fails_once", "card_late", "card_timeout")


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def one_step(town: Town, engagement: Any, chance: random.Random) -> None:
    """Somebody does something, sensible or not."""
    amount = chance.randint(0, 3_000)
    match chance.choice(("verb", "verb", "verb", "tip", "refund", "settle", "settle", "time")):
        case "verb":
            actor = chance.choice((town.customer, town.driver, town.staff))
            forward = [Verb.SET_OFF, Verb.ARRIVE, Verb.START, Verb.FINISH, Verb.CONFIRM]
            verb = chance.choice([*forward * 3, Verb.CANCEL, Verb.NO_SHOW, Verb.DISPUTE])
            pin = (await town.row(engagement)).pin
            await town.do(actor, engagement, verb, pin=pin, tip=Tip(amount) if verb is Verb.CONFIRM else None)
        case "tip":
            await run_as(town.tools, town.customer, give_tip, engagement, Tip(amount))
        case "refund":
            await run_as(town.tools, town.staff, refund, engagement, amount, "chance")
        case "settle":
            await town.settle()
        case _:
            town.clock.move(chance.randint(1, 400))


async def check(town: Town) -> None:
    sums = await run_as(town.tools, town.staff, ledger_check)
    assert (sums["nonzero"], sums["total"]) == (0, 0)
    async with town.tools.sessions() as db:
        payments = (await db.execute(select(Payment))).scalars().all()
        entries = (await db.execute(select(LedgerEntry))).scalars().all()
    for payment in payments:
        assert 0 <= payment.refunded_cents <= payment.captured_cents <= payment.amount_cents
        psp = sum(e.amount_cents for e in entries if e.payment_id == payment.id and e.account == "psp")
        assert psp == payment.refunded_cents - payment.captured_cents, (
            "what the service holds is what is booked"
        )
        owed = [e for e in entries if e.payment_id == payment.id and e.account != "psp"]
        assert sum(e.amount_cents for e in owed) == payment.captured_cents - payment.refunded_cents


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_deeds_leaves_the_books_at_zero(town: Town, seed: int) -> None:
    chance = random.Random(seed)
    method = chance.choice(METHODS)
    engagement = await (town.job(method) if seed % 2 else town.ride("card"))
    for _ in range(STEPS):
        try:
            await one_step(town, engagement, chance)
        except Refusal:
            continue
    for _ in range(4):
        town.clock.move(10)
        await town.settle()
    await check(town)
