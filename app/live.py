"""The live indexes of this process, one a market, and the bits that stand for services in them."""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from geo.live import FASTEST_MPS, LiveIndex

BITS: Final = 62  # of a signed 64-bit mask


class Markets:
    """Implements `LiveMarkets`. Owned by one event loop."""

    def __init__(self, *, fastest_mps: float = FASTEST_MPS) -> None:
        """`fastest_mps`: a leap that implies more is refused; a town in fast motion needs more."""
        self._fastest_mps = fastest_mps
        self._indexes: dict[str, LiveIndex] = {}

    def of(self, market: str) -> LiveIndex:
        """The index of one market; made on first use."""
        index = self._indexes.get(market)
        if index is None:
            index = self._indexes[market] = LiveIndex(fastest_mps=self._fastest_mps)
        return index

    def mask_of(self, services: Iterable[str]) -> int:
        """A bit per slug, the same in every market, process and year.

        Two slugs may share a bit: a mask finds who might do a service, the database knows who does.
        """
        mask = 0
        for slug in services:
            mask |= 1 << crc32(slug.encode()) % BITS
        return mask
