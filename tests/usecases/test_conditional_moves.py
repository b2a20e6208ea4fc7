"""A row moves only from a state its table allows: the update itself says so, whatever was read before."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from domain.rules.states import OFFER_MOVES, REQUEST_MOVES, sources
from domain.store import offers, requests
from tests.factories import PORT, a_round, put_at, the_offers_of
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def offered(town: Town) -> tuple[UUID, UUID]:
    """An open request and its pending offer."""
    request = await town.ask()
    town.clock.move(1)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    (offer,) = await the_offers_of(town.tools, town.driver)
    return request, UUID(offer["id"])


async def from_every_state(
    db: AsyncSession, table: str, row: UUID, moves: Mapping[Any, Mapping[Any, Any]], move: Any
) -> None:
    """Each verb from each state: done where the table has the pair, else refused with nothing changed."""
    for verb in {verb for allowed in moves.values() for verb in allowed}:
        for state in moves:
            await db.execute(
                text(f"UPDATE {table} SET state = :state WHERE id = :id"), {"state": state.value, "id": row}
            )
            moved = await move(db, row, verb)
            assert (moved is not None) == (state in sources(moves, verb)), (state, verb)
            now = await db.execute(text(f"SELECT state FROM {table} WHERE id = :id"), {"id": row})
            assert now.scalar_one() == (moves[state][verb] if moved is not None else state)


async def test_a_request_and_an_offer_move_only_along_their_tables(town: Town):
    request, offer = await offered(town)
    async with town.tools.sessions() as db:
        await from_every_state(db, "requests", request, REQUEST_MOVES, requests.move)
        await from_every_state(db, "offers", offer, OFFER_MOVES, offers.move)
        await db.rollback()
