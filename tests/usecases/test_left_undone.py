"""What an engine at rest has left undone is counted: nothing in a sound world, each breach where it is made."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.store.invariants import LEFT_UNDONE, left_undone
from tests.factories import PORT, a_round, put_at
from tests.usecases.engaged import Town

AT_REST = ("UPDATE events SET sent = true", "DELETE FROM timers WHERE kind NOT LIKE '%_expires'")

A_PUSH = """INSERT INTO pushes (id, account_id, device_id, seq, type, topic, data, not_after, next_at, state)
            SELECT gen_random_uuid(), account_id, 'd', seq, type, '', '{{}}', {not_after}, at, '{state}'
            FROM events ORDER BY account_id, seq LIMIT 1"""

BREACHES = {
    "a timer overdue": ["UPDATE timers SET due_at = '2000-01-01' WHERE kind = 'offer_expires'"],
    "an event nobody was told of": [
        "UPDATE events SET sent = false WHERE (account_id, seq) = (SELECT min(account_id::text)::uuid, 1 FROM events)"
    ],
    "a push kept waiting past its time": [A_PUSH.format(not_after="at", state="waiting")],
    "a pending offer that nothing will end": ["DELETE FROM timers WHERE kind = 'offer_expires'"],
    "an open request that nothing will end": ["DELETE FROM timers WHERE kind = 'request_expires'"],
    "a step of an engagement that its two parties did not hear of exactly once": [
        """DELETE FROM events WHERE (account_id, seq) IN (
             SELECT account_id, seq FROM events WHERE type = 'engagement.arrived' LIMIT 1)"""
    ],
    "a push sent after its time": [
        "UPDATE accounts SET phone = id::text",
        A_PUSH.format(not_after="at", state="sent"),
        """INSERT INTO sent_messages (id, "to", kind, body, data, at)
           SELECT gen_random_uuid(), a.phone, 'push', '', jsonb_build_object('seq', p.seq::text),
                  p.not_after + interval '1 second'
           FROM pushes p JOIN accounts a ON a.id = p.account_id""",
    ],
}


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    """A finished ride, and an open request whose offer is pending; everything due is done."""
    town = await Town.founded(engine)
    await town.drive_to(await town.ride(), "completed")
    await town.ask()
    town.clock.move(1)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    await done(town, *AT_REST)
    return town


async def done(town: Town, *statements: str) -> None:
    async with town.tools.sessions.begin() as db:
        for statement in statements:
            await db.execute(text(statement))


async def undone(town: Town) -> dict[str, int]:
    async with town.tools.sessions() as db:
        found = await left_undone(db, town.clock.at)
    return {name: count for name, count in found.items() if count}


async def test_a_house_at_rest_has_left_nothing_undone(town: Town):
    assert await undone(town) == {}
    assert BREACHES.keys() == LEFT_UNDONE.keys()


@pytest.mark.parametrize("name", BREACHES)
async def test_each_thing_left_undone_is_counted(town: Town, name: str):
    await done(town, *BREACHES[name])
    assert await undone(town) == {name: 1}
