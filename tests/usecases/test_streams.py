"""The numbered log: gapless, and in the order in which a use case told it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.events import EventType
from domain.store.tables import EventRow
from domain.usecases.work import ENGINE, Actor, Tools, working
from tests.factories import an_account, make_tools

TOLD = (EventType.REQUEST_MATCHED, EventType.ENGAGEMENT_CONFIRMED, EventType.PAYMENT_AUTHORISED)


async def log_of(tools: Tools, actor: Actor) -> list[tuple[int, str, int]]:
    async with tools.sessions() as db:
        rows = await db.scalars(
            select(EventRow).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
        )
        return [(row.seq, row.type, row.data["n"]) for row in rows]


async def test_events_are_numbered_in_the_order_they_were_told_whoever_else_is_told_between(
    engine: AsyncEngine, database_url: str
):
    tools = make_tools(engine)
    one, other = await an_account(tools), await an_account(tools)
    for turn in range(2):
        async with working(tools, ENGINE) as work:
            for place, type_ in enumerate(TOLD):
                work.emit(one.id, type_, {"n": 3 * turn + place})
                if place == 1:
                    work.emit(other.id, type_, {"n": turn})
    assert await log_of(tools, one) == [(n + 1, TOLD[n % 3].value, n) for n in range(6)]
    assert await log_of(tools, other) == [(n + 1, TOLD[1].value, n) for n in range(2)]
