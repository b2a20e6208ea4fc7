"""A listener that remembers."""

import asyncio
from typing import Final

WITHIN: Final = 10.0  # s: a message takes under a millisecond; a busy machine may pause


class Ear:
    """Hears, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._rang = asyncio.Event()

    def __call__(self, subject: str, payload: bytes) -> None:
        self.heard.append((subject, payload))
        self._rang.set()

    async def until(self, count: int) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(WITHIN):
            while len(self.heard) < count:
                self._rang.clear()
                await self._rang.wait()
        return self.heard
