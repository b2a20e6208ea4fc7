"""The real clock and real chance: the only place that asks the machine for either."""

import asyncio
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from domain.rules.ids import uuid7


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for a loop's next turn; whether it was told to stop meanwhile."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
