"""A round as columns: what `problem` says in records, as parallel arrays that a whole market is judged by.

Services, tags, customers and zones become codes of this round; sets of services and tags become bit masks. A
`Problem` is turned into a `Field` once a round. A caller with arrays at hand (a benchmark, a replay, a market
too large for a record each) builds the columns itself and skips the records.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.policy import Policy
from matching.problem import Ask, Pairs, Problem, Supply
from matching.reasons import BARRING, Reason

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
Masks: TypeAlias = NDArray[np.uint64]
"""A set of codes per row, as bits: of shape (rows, words of 64)."""

NOWHERE = -1  # the code of no zone
WORD = 64  # bits
WORD_FULL = (1 << WORD) - 1


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """Pairs of two codes, to be looked up by the array: a relation with few members."""

    keys: Whole
    """`first * width + second`, sorted."""
    width: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]], width: int) -> "PairSet":
        """The relation of these pairs; `second` is below `width`."""
        keys = np.array([first * width + second for first, second in pairs], dtype=np.int64)
        return cls(np.unique(keys), width)

    def holds(self, first: Rows | Whole, second: Rows | Whole) -> Flags:
        """Which of these pairs are in it."""
        if not len(self.keys):
            return np.zeros(len(first), dtype=np.bool_)
        wanted = first.astype(np.int64) * self.width + second
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found: Flags = self.keys[place] == wanted
        return found


@dataclass(frozen=True, slots=True, eq=False)
class PairValues:
    """A number for each of a few pairs of an ask and a provider, by row."""

    keys: Whole
    """`ask * width + supply`, sorted."""
    values: Floats
    width: int

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, int, float]], width: int) -> "PairValues":
        """From rows of ask, supply and number; no pair twice."""
        table = sorted(rows)
        keys = np.array([ask * width + supply for ask, supply, _ in table], dtype=np.int64)
        return cls(keys, _floats(value for _, _, value in table), width)

    def of(self, ask: Rows, supply: Rows) -> Floats:
        """The numbers of these pairs, NaN where there is none."""
        if not len(self.keys):
            return np.full(len(ask), np.nan)
        wanted = pair_keys(ask, supply, self.width)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.values[place], np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AskColumns:
    """Open requests, a row each, in order of id. What a column means is said in `problem.Ask`."""

    ids: Sequence[str]
    service: Masks
    """One bit."""
    needs: Masks
    age_s: Floats
    wave: Whole
    max_approach_s: Floats
    wanted: Whole
    duration_s: Floats
    starts_in_s: Floats
    customer: Whole
    zone: Whole
    """`NOWHERE`: not in a station queue's zone."""
    already_asked: PairSet
    """Of ask and supply, by row."""
    onward_s: PairValues
    barred: Mapping[Reason, PairSet]
    """For each of `BARRING`, of ask and supply, by row."""
    brings_s: Floats
    """NaN: nothing is anticipated of it."""
    after_s: Floats
    spared: Flags

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SupplyColumns:
    """Providers, a row each, in order of id. What a column means is said in `problem.Supply`."""

    ids: Sequence[str]
    services: Masks
    tags: Masks
    stale: Flags
    on_duty: Flags
    busy: Flags
    pending_offer: Flags
    suspended: Flags
    max_travel_s: Floats
    """Infinite: no limit of their own."""
    free_until_s: Floats
    """Infinite: free."""
    next_start_s: Floats
    """Infinite: free."""
    income_per_hour: Floats
    """NaN: not known."""
    queue_zone: Whole
    """`NOWHERE`: in no queue."""
    queue_rank: Whole
    blocked: PairSet
    """Of customer and supply, by code and row."""
    capacity: Whole
    free_in_s: Floats
    place_s: Floats
    """NaN: nothing is anticipated."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def available(self) -> Flags:
        """As `problem.Supply.available`."""
        return self.on_duty & ~(self.stale | self.busy | self.pending_offer | self.suspended)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A round's whole input as columns. `pairs` points at the rows of `asks` and `supply`; its times are `arrivals`:
    what a customer would wait.

    Raises `ValueError` for a pair given twice.
    """

    asks: AskColumns
    supply: SupplyColumns
    pairs: Pairs
    policy: Policy
    seed: int

    def __post_init__(self) -> None:
        keys = np.sort(pair_keys(self.pairs.ask, self.pairs.supply, len(self.supply)))
        if bool(np.any(keys[1:] == keys[:-1])):
            raise ValueError("pairs: an ask and a provider are paired twice")


def field_of(problem: Problem) -> Field:
    """The columns of a problem."""
    asks, supply = columns(problem.asks, problem.supply)
    return Field(asks, supply, arrivals(problem.pairs, supply), problem.policy, problem.seed)


def arrivals(ways: Pairs, supply: SupplyColumns) -> Pairs:
    """The ways of a problem as times until the provider is there: whoever finishes a trip first does so before."""
    if not supply.free_in_s.any():
        return ways
    return Pairs(ways.ask, ways.supply, ways.eta_s + supply.free_in_s[ways.supply], ways.meters, ways.source)


def columns(asks: Sequence[Ask], supply: Sequence[Supply]) -> tuple[AskColumns, SupplyColumns]:
    """Records as columns. Only services and tags that some ask wants have a code: no other is ever looked
    at."""
    services = _codes(ask.service for ask in asks)
    tags = _codes(tag for ask in asks for tag in ask.needs)
    customers = _codes(ask.customer for ask in asks)
    zones = _codes(zone for zone in (ask.zone for ask in asks) if zone is not None)
    rows = {provider.id: j for j, provider in enumerate(supply)}
    asked = ((i, rows[name]) for i, ask in enumerate(asks) for name in ask.already_asked if name in rows)
    onward = (
        (i, rows[name], way_s) for i, ask in enumerate(asks) for name, way_s in ask.onward_s if name in rows
    )
    barred: dict[Reason, list[tuple[int, int]]] = {reason: [] for reason in sorted(BARRING)}
    for i, ask in enumerate(asks):
        for name, reason in ask.barred:
            if name in rows:
                barred[reason].append((i, rows[name]))
    blocked = (
        (customers[name], j)
        for j, provider in enumerate(supply)
        for name in provider.blocked_customers
        if name in customers
    )
    return AskColumns(
        ids=[ask.id for ask in asks],
        service=masks((frozenset((ask.service,)) for ask in asks), services, len(asks)),
        needs=masks((ask.needs for ask in asks), tags, len(asks)),
        age_s=_floats(ask.age_s for ask in asks),
        wave=_whole(ask.wave for ask in asks),
        max_approach_s=_floats(ask.max_approach_s for ask in asks),
        wanted=_whole(ask.wanted for ask in asks),
        duration_s=_floats(ask.duration_s for ask in asks),
        starts_in_s=_floats(ask.starts_in_s for ask in asks),
        customer=_whole(customers[ask.customer] for ask in asks),
        zone=_whole(_code_of(ask.zone, zones) for ask in asks),
        already_asked=PairSet.of(asked, len(supply)),
        onward_s=PairValues.of_rows(onward, len(supply)),
        barred={reason: PairSet.of(pairs, len(supply)) for reason, pairs in barred.items()},
        brings_s=_floats(_or(ask.brings_s, np.nan) for ask in asks),
        after_s=_floats(_or(ask.after_s, np.nan) for ask in asks),
        spared=_flags(ask.spared for ask in asks),
    ), SupplyColumns(
        ids=[provider.id for provider in supply],
        services=masks((provider.services for provider in supply), services, len(supply)),
        tags=masks((provider.tags for provider in supply), tags, len(supply)),
        stale=_flags(provider.stale for provider in supply),
        on_duty=_flags(provider.on_duty for provider in supply),
        busy=_flags(provider.busy for provider in supply),
        pending_offer=_flags(provider.pending_offer for provider in supply),
        suspended=_flags(provider.suspended for provider in supply),
        max_travel_s=_floats(_or(provider.max_travel_s, np.inf) for provider in supply),
        free_until_s=_floats(_or(provider.free_until_s, np.inf) for provider in supply),
        next_start_s=_floats(_or(provider.next_start_s, np.inf) for provider in supply),
        income_per_hour=_floats(_or(provider.income_per_hour, np.nan) for provider in supply),
        queue_zone=_whole(_code_of(provider.queue_zone, zones) for provider in supply),
        queue_rank=_whole(provider.queue_rank or 0 for provider in supply),
        blocked=PairSet.of(blocked, len(supply)),
        capacity=_whole(provider.capacity for provider in supply),
        free_in_s=_floats(provider.free_in_s for provider in supply),
        place_s=_floats(_or(provider.place_s, np.nan) for provider in supply),
    )


def masks(sets: Iterable[frozenset[str]], codes: Mapping[str, int], rows: int) -> Masks:
    """Each row's set as bits; what has no code is left out. Thousands of providers have a few sets between them."""
    known: dict[frozenset[str], int] = {}
    bits = np.empty((rows, -(-len(codes) // WORD)), dtype=np.uint64)
    whole = [_bits(names, codes, known) for names in sets]
    for word in range(bits.shape[1]):
        bits[:, word] = [one >> WORD * word & WORD_FULL for one in whole]
    return bits


def _bits(names: frozenset[str], codes: Mapping[str, int], known: dict[frozenset[str], int]) -> int:
    found = known.get(names)
    if found is None:
        found = known[names] = sum(1 << codes[name] for name in names if name in codes)
    return found


def lacking(wanted: Masks, held: Masks) -> Flags:
    """Row by row: is a bit of `wanted` missing in `held`?"""
    missing = wanted & ~held
    if missing.shape[1] == 1:  # the usual case: no reduction
        missing = missing[:, 0]
        return np.asarray(missing != 0, dtype=np.bool_)
    return np.asarray(missing.any(axis=1), dtype=np.bool_)


def pair_keys(ask: Rows, supply: Rows, width: int) -> Whole:
    """One number per pair, in order of ask and supply."""
    return ask.astype(np.int64) * width + supply


def _codes(names: Iterable[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(dict.fromkeys(names))}


def _code_of(name: Hashable, codes: Mapping[str, int]) -> int:
    return codes.get(name, NOWHERE) if isinstance(name, str) else NOWHERE


def _or(value: float | None, missing: float) -> float:
    return missing if value is None else value


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


def _whole(values: Iterable[int]) -> Whole:
    return np.fromiter(values, dtype=np.int64)


def _flags(values: Iterable[bool]) -> Flags:
    return np.fromiter(values, dtype=np.bool_)
