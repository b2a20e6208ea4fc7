"""Whether what the engine depends on answers, now."""

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domain.rules.errors import Unavailable
from domain.usecases.work import Tools

WITHIN = 2.0  # s; a balancer asks every few seconds, and a slower database serves nobody


async def check_readiness(tools: Tools) -> None:
    """Ask the database and the bus; `Unavailable` names the one that does not answer."""
    try:
        async with asyncio.timeout(WITHIN), tools.sessions() as db:
            await db.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        raise Unavailable("the database does not answer", retry_after_s=5) from None
    try:
        async with asyncio.timeout(WITHIN):
            carries = await tools.bus.ready()
    except TimeoutError:
        carries = False
    if not carries:
        raise Unavailable("the bus does not carry", retry_after_s=5)
