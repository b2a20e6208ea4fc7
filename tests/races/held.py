"""One deed held open just before its commit while another is tried: a race with a known winner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text

from domain.rules.errors import Refusal
from domain.usecases.work import Actor, Tools, Work, working

LOOKS = 2_000  # at the database, before a deed that should wait is given up on


async def outcome(deed: Awaitable[Any]) -> str:
    """`won`, or the code of the refusal; anything else fails the test."""
    try:
        await deed
    except Refusal as refusal:
        return refusal.code
    return "won"


@asynccontextmanager
async def unfinished(
    tools: Tools, actor: Actor, use_case: Callable[..., Awaitable[Any]], *args: Any
) -> AsyncIterator[Work]:
    """A deed that is done and commits at the end of the block."""
    async with working(tools, actor) as work:
        await use_case(work, *args)
        yield work


async def until_it_waits(tools: Tools, deed: asyncio.Task[str]) -> None:
    """Look at the database until the deed waits for another's lock there."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(LOOKS):
        async with tools.sessions() as db:  # within one transaction the view never changes
            if (await db.execute(waiting)).scalar_one():
                return
        assert not deed.done(), f"it did not wait: {deed.result()}"
    raise AssertionError("it waits for no lock, and does not end")
