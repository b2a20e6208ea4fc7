"""What the socket and the edges may rely on of identity."""

import asyncio
import dataclasses

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Suspended, TokenExpired, TokenInvalid
from domain.store.tables import Account, Challenge, IdempotencyKey, SentMessage, TokenFamily, WsTicket
from domain.usecases import identity, suspension
from domain.usecases.development import outbox
from domain.usecases.idempotency import once
from domain.usecases.identity import Session
from domain.usecases.leftovers import forget_leftovers
from domain.usecases.work import NOBODY, Actor, Tools, working
from tests.factories import FakeClock, an_account, make_tools, run_as

PHONE = "+33612345678"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    return make_tools(engine, clock=clock)


async def signed_in(tools: Tools, phone: str = PHONE) -> Session:
    """One whole sign-in, by its two transactions."""
    async with working(tools, NOBODY) as work:
        sent = await identity.send_code(work, phone)
    async with tools.sessions() as db:
        rows = (await db.execute(select(SentMessage))).scalars()
        [code] = [row.data["code"] for row in rows if row.data["challenge_id"] == str(sent.id)]
    async with working(tools, NOBODY) as work:
        challenge = await identity.take_a_try(work, sent.id)
    async with working(tools, NOBODY) as work:
        return await identity.sign_in_with_code(work, challenge, code)


async def test_two_first_sign_ins_at_once_make_one_account(tools: Tools) -> None:
    sessions = await asyncio.gather(*(signed_in(tools) for _ in range(5)))
    assert len({session.account_id for session in sessions}) == 1
    async with tools.sessions() as db:
        assert (await db.execute(select(func.count()).select_from(Account))).scalar_one() == 1
        assert (await db.execute(select(func.count()).select_from(TokenFamily))).scalar_one() == 5


async def test_the_store_keeps_no_code_and_no_token(tools: Tools) -> None:
    session = await signed_in(tools)
    async with tools.sessions() as db:
        family = (await db.execute(select(TokenFamily))).scalar_one()
    assert family.current_hash not in session.refresh_token
    assert session.refresh_token.partition(".")[2] not in family.current_hash


async def test_a_socket_learns_who_speaks_until_the_sign_in_ends(tools: Tools, clock: FakeClock) -> None:
    session = await signed_in(tools)
    actor: Actor = await run_as(tools, NOBODY, identity.authenticate, session.access_token)
    assert (actor.id, actor.is_ops) == (session.account_id, False)
    ticket = await run_as(tools, actor, identity.issue_ticket)
    await run_as(tools, actor, identity.sign_out)
    with pytest.raises(TokenInvalid):
        await run_as(tools, NOBODY, identity.authenticate, session.access_token)
    with pytest.raises(TokenInvalid):
        await run_as(tools, NOBODY, identity.redeem_ticket, ticket.ticket)
    other = await signed_in(tools)
    clock.move(901)
    with pytest.raises(TokenExpired):
        await run_as(tools, NOBODY, identity.authenticate, other.access_token)


async def test_a_suspended_account_is_nobody_by_any_door(tools: Tools) -> None:
    session = await signed_in(tools)
    ops = await an_account(tools, is_ops=True)
    await run_as(tools, ops, suspension.suspend, session.account_id, "Forged licence")
    with pytest.raises(Suspended):
        await run_as(tools, NOBODY, identity.authenticate, session.access_token)
    with pytest.raises(TokenInvalid):
        await run_as(tools, NOBODY, identity.refresh, session.refresh_token)
    with pytest.raises(Suspended):
        await signed_in(tools)
    await run_as(tools, ops, suspension.unsuspend, session.account_id)
    assert (await signed_in(tools)).account_id == session.account_id


async def test_a_refresh_token_rests_thirty_days_at_most(tools: Tools, clock: FakeClock) -> None:
    session = await signed_in(tools)
    clock.move(29 * 86_400)
    session = await run_as(tools, NOBODY, identity.refresh, session.refresh_token)
    clock.move(29 * 86_400)
    session = await run_as(tools, NOBODY, identity.refresh, session.refresh_token)
    clock.move(30 * 86_400)
    with pytest.raises(TokenExpired):
        await run_as(tools, NOBODY, identity.refresh, session.refresh_token)


async def test_of_two_refreshes_with_one_token_one_wins(tools: Tools) -> None:
    session = await signed_in(tools)
    asked = [run_as(tools, NOBODY, identity.refresh, session.refresh_token) for _ in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, Session) for answer in answers) == 1


async def test_outside_development_a_code_goes_to_no_outbox(
    tools: Tools, caplog: pytest.LogCaptureFixture
) -> None:
    strict = dataclasses.replace(tools, development=False)
    await run_as(strict, NOBODY, identity.send_code, PHONE)
    assert await run_as(tools, NOBODY, outbox, PHONE) == []
    assert "no SMS carrier" in caplog.text


async def test_the_outbox_forgets_what_is_an_hour_old(tools: Tools, clock: FakeClock) -> None:
    await run_as(tools, NOBODY, identity.send_code, PHONE)
    clock.move(3_601)
    await run_as(tools, NOBODY, identity.send_code, PHONE)
    assert len(await run_as(tools, NOBODY, outbox, PHONE)) == 1
    assert await run_as(tools, NOBODY, outbox, "nobody") == []


async def test_what_has_served_is_let_go_and_what_lives_is_kept(tools: Tools, clock: FakeClock) -> None:
    async def done() -> tuple[int, str]:
        return 200, "{}"

    session = await signed_in(tools)
    actor = await run_as(tools, NOBODY, identity.authenticate, session.access_token)
    tables = (Challenge, IdempotencyKey, TokenFamily, WsTicket)

    async def left() -> list[int]:
        await run_as(tools, NOBODY, forget_leftovers)
        async with tools.sessions() as db:
            counts = [await db.execute(select(func.count()).select_from(table)) for table in tables]
        return [count.scalar_one() for count in counts]

    await run_as(tools, actor, identity.issue_ticket)
    await run_as(tools, actor, once, "op", "key", "print", done)
    assert await left() == [1, 1, 1, 1]
    clock.move(2 * 86_400)
    assert await left() == [0, 0, 1, 0]
    clock.move(61 * 86_400)
    assert await left() == [0, 0, 0, 0]
