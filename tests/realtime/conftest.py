"""A house with a socket, for the tests that want one."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.realtime.house import House


@pytest.fixture
async def house(engine: AsyncEngine) -> AsyncIterator[House]:
    async with House.open(engine) as house:
        yield house
