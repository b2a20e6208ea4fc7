"""Who has which row of the live index: a dictionary for one id, a compiled table for many ids of a large crowd."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import attrgetter
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo import nearby

Rows = NDArray[np.int64]

_MANY = 256  # ids: fewer are looked up as fast one by one
_SPARSE = 4  # places of a new table a row; with half of them taken it is made anew
# Odd, of random bits: 2^64 by the golden ratio (Knuth 6.4 on multiplicative hashing), and SplitMix64's first factor.
_SPREAD_HIGH, _SPREAD_LOW = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x9E3779B97F4A7C15)


class Register:
    """A row for each provider on duty; `len` counts them."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}  # by the id's number: hashed in a third of a UUID's time
        self._free: list[int] = []
        self.ids = np.empty(
            (0, 2), np.uint64
        )  # high and low half, as `numbers_of` says; a free row's are its last
        self._held = np.empty(0, np.bool_)
        self._who = np.empty(0, np.object_)
        self._table: NDArray[np.int32] | None = None
        self._taken = 0  # places of the table
        self._newcomers: list[int] = []  # rows the table has not been told of

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def is_full(self) -> bool:
        """Whether it must grow before somebody new enters."""
        return not self._free

    def grow(self, capacity: int) -> None:
        """Make room for rows up to `capacity`."""
        old = len(self.ids)
        self.ids = np.concatenate((self.ids, np.zeros((capacity - old, 2), np.uint64)))
        self._held = np.concatenate((self._held, np.zeros(capacity - old, np.bool_)))
        self._who = np.concatenate((self._who, np.full(capacity - old, None, np.object_)))
        self._free.extend(range(capacity - 1, old - 1, -1))

    def row(self, provider: UUID) -> int | None:
        """Theirs now."""
        return self._row_of.get(provider.int)

    def enter(self, provider: UUID) -> int:
        """A row for somebody who has none."""
        row = self._row_of[provider.int] = self._free.pop()
        self._who[row], self._held[row] = provider, True
        self.ids[row] = divmod(provider.int, 2**64)
        if self._table is not None:
            self._newcomers.append(row)
            if len(self._newcomers) > len(self.ids):  # nobody has asked for many in a long time
                self._table, self._newcomers = None, []
        return row

    def leave(self, provider: UUID) -> int | None:
        """The row they had, free from now on."""
        row = self._row_of.pop(provider.int, None)
        if row is not None:
            self._who[row], self._held[row] = None, False
            self._free.append(row)
        return row

    def all_of(self, rows: Rows) -> tuple[UUID, ...]:
        """Whose each of these rows is, none of them free."""
        return tuple(self._who[rows].tolist())

    def who(self, row: int) -> UUID:
        """Whose a row is that is not free."""
        provider: UUID = self._who[row]
        return provider

    def providers_of(self, rows: Rows) -> list[UUID | None]:
        """Whose each row is, now; None for -1 and for a free one."""
        return [self._who[row] if row >= 0 else None for row in rows.tolist()]

    def rows_of(self, providers: Sequence[UUID]) -> Rows:
        """The row of each, now; -1 for who is off duty."""
        if len(providers) < _MANY or len(self.ids) <= nearby.GRID_FROM:
            found = map(self._row_of.get, map(attrgetter("int"), providers), repeat(-1))
            return np.fromiter(found, np.int64, len(providers))
        return self._rows_of_many(numbers_of(providers))

    def _rows_of_many(self, sought: NDArray[np.uint64]) -> Rows:
        from geo import rowtable  # noqa: PLC0415  numba, which a small town never pays for

        rows = np.array(self._newcomers, np.int64)
        if self._table is None or 2 * (self._taken + len(rows)) > len(self._table):
            rows = np.flatnonzero(self._held)
            size = 1 << (_SPARSE * len(rows)).bit_length()
            self._table, self._taken = np.full(size, rowtable.OPEN, np.int32), 0
        self._newcomers = []
        self._taken += rowtable.enter(self._table, _begins(self.ids[rows], len(self._table)), rows)
        return rowtable.find(self._table, _begins(sought, len(self._table)), sought, self.ids, self._held)


def numbers_of(providers: Iterable[UUID]) -> NDArray[np.uint64]:
    """(n, 2): the high and the low half of each id."""
    words = b"".join([provider.int.to_bytes(16, "big") for provider in providers])
    return np.frombuffer(words, ">u8").reshape(-1, 2).astype(np.uint64)


def _begins(ids: NDArray[np.uint64], size: int) -> Rows:
    """Where in a table of `size`, a power of two, the search for each id begins."""
    mixed = ids[:, 0] * _SPREAD_HIGH + ids[:, 1] * _SPREAD_LOW
    mixed ^= mixed >> np.uint64(32)
    mixed *= _SPREAD_LOW
    return np.asarray(mixed >> np.uint64(65 - size.bit_length()), np.int64)


def prepare_table() -> None:
    """Compile the table's loops, or load them compiled."""
    from geo import rowtable  # noqa: PLC0415  as above

    table, nobody = np.full(2, rowtable.OPEN, np.int32), np.empty((0, 2), np.uint64)
    rowtable.enter(table, _begins(nobody, 2), np.empty(0, np.int64))
    rowtable.find(table, _begins(nobody, 2), nobody, nobody, np.empty(0, np.bool_))
