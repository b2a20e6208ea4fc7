"""One round's question: open requests, the providers looked at, the time between them, and the policy.

A `Problem` is canonical. It is put in order of ids when it is built, and its times are rounded to the
millisecond at the door, so that problems given in another order are equal, and a problem read back from JSON
is the one that was stored.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.policy import Policy
from matching.reasons import BARRING, Reason

JsonObject: TypeAlias = dict[str, Any]

DECIMALS = 3  # of a second, of a metre: finer than any travel time is known
SOURCES = (
    "streets",
    "osrm",
    "crow",
)  # where a travel time comes from: the street graph, OSRM, a straight line
FORMAT = 1  # of the stored JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An open request in this round. Times in seconds from the round's moment."""

    id: str
    service: str
    age_s: float
    wave: int
    max_approach_s: float
    wanted: int
    """How many providers to offer it to in this round, at least 1."""
    needs: frozenset[str]
    """Tags of vehicle, skill or language that the provider must have."""
    duration_s: float
    pay: int
    """The provider's net, in cents."""
    starts_in_s: float
    """0 or less: now."""
    customer: str
    destination_cell: str | None
    already_asked: frozenset[str]
    """Providers who have answered this request or let it pass: not asked again. A constraint of this request
    alone."""
    zone: str | None = None
    """The station queue's zone that the pickup lies in."""
    onward_s: tuple[tuple[str, float], ...] = ()
    """By provider, the seconds from where this request ends to the place of their next booked job."""
    barred: tuple[tuple[str, Reason], ...] = ()
    """By provider, what keeps them from this request and shows in nothing else here: `BARRING`."""
    posted: bool = False
    """Told to those it concerns, who may propose (`call`), and not offered."""
    passing: frozenset[str] = frozenset()
    """Providers who pass there anyway: the time of their pair is what it takes out of their way."""
    brings_s: float | None = None
    """Seconds of earning that its pay counts for in anticipation. None: nothing is anticipated of it."""
    after_s: float | None = None
    """Seconds of earning that being free where and when it ends is worth."""
    spared: bool = False
    """Trips of its kind are served too seldom: anticipation does not count against it."""

    def __post_init__(self) -> None:
        _round(self, "age_s", "max_approach_s", "duration_s", at_least=0.0)
        _round(self, "starts_in_s", "brings_s", "after_s")
        onward = sorted((provider, round(float(s), DECIMALS)) for provider, s in self.onward_s)
        barred = sorted((provider, Reason(reason)) for provider, reason in self.barred)
        object.__setattr__(self, "onward_s", tuple(onward))
        object.__setattr__(self, "barred", tuple(barred))
        if not all(math.isfinite(s) and s >= 0 for _, s in onward):
            raise ValueError(f"ask {self.id}: a way onward is not a finite number of at least 0")
        if not {reason for _, reason in barred} <= BARRING:
            raise ValueError(f"ask {self.id}: barred for a reason that bars nobody")
        if self.wanted < 1:
            raise ValueError(f"ask {self.id} wants {self.wanted} providers: at least 1")
        if self.wave < 0 or self.pay < 0:
            raise ValueError(f"ask {self.id} has a negative wave {self.wave} or pay {self.pay}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """A candidate provider. Nothing about earlier answers: there is no place for it here."""

    id: str
    services: frozenset[str]
    tags: frozenset[str]
    fix_age_s: float
    stale: bool
    on_duty: bool
    busy: bool
    pending_offer: bool
    max_travel_s: float | None
    """The provider's own limit; None: none."""
    free_until_s: float | None
    """Seconds until the next booked job; None: free."""
    income_per_hour: float | None
    """Cents per active hour, where known."""
    queue_rank: int | None
    """Place in the station queue of `queue_zone`, the lowest first."""
    blocked_customers: frozenset[str]
    suspended: bool
    queue_zone: str | None = None
    next_start_s: float | None = None
    """Seconds until the next booked job begins, the way there not counted (`free_until_s` is less that way)."""
    capacity: int = 1
    """How many requests of one round the provider may be offered at once: parcels that still fit, say."""
    free_in_s: float = 0.0
    """Seconds until the trip they are about to finish ends; the ways of their pairs begin where it ends. 0: free."""
    place_s: float | None = None
    """Seconds of earning that being free where they are is worth. None: nothing is anticipated."""

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"provider {self.id} has a capacity of {self.capacity}: at least 1")
        _round(self, "max_travel_s", "free_in_s", at_least=0.0)
        _round(self, "fix_age_s", "free_until_s", "income_per_hour", "next_start_s", "place_s")
        if (self.queue_rank is None) != (self.queue_zone is None):
            raise ValueError(f"provider {self.id}: queue_rank and queue_zone come together")

    @property
    def available(self) -> bool:
        """On duty, heard of lately, without an offer to answer, not suspended, and not at work or about to finish."""
        return self.on_duty and not (self.stale or self.busy or self.pending_offer or self.suspended)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Travel times between asks and supply, as parallel arrays; an infinite time means no way there."""

    ask: NDArray[np.intp]
    supply: NDArray[np.intp]
    eta_s: NDArray[np.float64]
    meters: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"travel times come from {', '.join(SOURCES)}, not {self.source}")
        columns = {
            "ask": np.array(self.ask, dtype=np.intp),
            "supply": np.array(self.supply, dtype=np.intp),
            "eta_s": np.round(np.array(self.eta_s, dtype=np.float64), DECIMALS) + 0.0,
            "meters": np.round(np.array(self.meters, dtype=np.float64), DECIMALS) + 0.0,  # -0.0 + 0.0 is 0.0
        }
        for name, column in columns.items():
            if column.shape != (len(self.ask),):
                raise ValueError(f"pairs: {name} has shape {column.shape}, not ({len(self.ask)},)")
            if not bool(np.all(column >= 0)):  # NaN fails too
                raise ValueError(f"pairs: {name} holds a number that is negative or not one")
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pairs) and _pairs_to_json(self) == _pairs_to_json(other)

    def __hash__(self) -> int:
        return hash((self.ask.tobytes(), self.supply.tobytes(), self.eta_s.tobytes(), self.source))

    def __len__(self) -> int:
        return len(self.ask)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, float, float]], source: str) -> "Pairs":
        """Pairs from rows of (ask index, supply index, seconds, metres)."""
        table = list(rows)
        ask, supply, eta_s, meters = zip(*table, strict=True) if table else ((), (), (), ())
        return cls(np.array(ask), np.array(supply), np.array(eta_s), np.array(meters), source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A round's whole input. `asks` and `supply` are in order of id whatever order they came in, and `pairs`
    points at them; a pair's indexes given to the constructor are those of the sequences given with it.

    Raises `ValueError` for an id used twice, a pair given twice and an index out of range.
    """

    asks: tuple[Ask, ...]
    supply: tuple[Supply, ...]
    pairs: Pairs
    policy: Policy
    seed: int
    left_out: int = 0
    """How many more were on duty and are not in `supply`: for each ask enough others could come, and were nearer."""

    def __post_init__(self) -> None:
        asks, ask_at = _in_order("ask", [ask.id for ask in self.asks])
        supply, supply_at = _in_order("provider", [provider.id for provider in self.supply])
        if len(self.pairs) and (self.pairs.ask.max() >= len(asks) or self.pairs.supply.max() >= len(supply)):
            raise ValueError("pairs: an index points past the asks or the supply")
        rows, columns = ask_at[self.pairs.ask], supply_at[self.pairs.supply]
        order = np.lexsort((columns, rows))
        rows, columns = rows[order], columns[order]
        if bool(np.any((np.diff(rows) == 0) & (np.diff(columns) == 0))):
            raise ValueError("pairs: an ask and a provider are paired twice")
        pairs = Pairs(rows, columns, self.pairs.eta_s[order], self.pairs.meters[order], self.pairs.source)
        object.__setattr__(self, "asks", tuple(self.asks[i] for i in asks))
        object.__setattr__(self, "supply", tuple(self.supply[i] for i in supply))
        object.__setattr__(self, "pairs", pairs)


def only(problem: Problem, looked_at: Iterable[int]) -> Problem:
    """The problem without those of its supply that were not looked at: none of its pairs is theirs."""
    wanted = sorted(set(looked_at))
    row_of = np.full(len(problem.supply), -1, dtype=np.intp)
    row_of[wanted] = np.arange(len(wanted))
    supply = tuple(problem.supply[j] for j in wanted)
    names = {one.id for one in supply}
    return replace(
        problem,
        asks=tuple(
            replace(ask, barred=tuple((who, why) for who, why in ask.barred if who in names))
            for ask in problem.asks
        ),
        supply=supply,
        pairs=replace(problem.pairs, supply=row_of[problem.pairs.supply]),
        left_out=problem.left_out + len(problem.supply) - len(wanted),
    )


def to_json(problem: Problem) -> JsonObject:
    """The problem as plain JSON values: objects, lists, numbers, strings; no infinity (null is an infinite
    time)."""
    return {
        "format": FORMAT,
        "asks": [_to_json(ask, _ASK) for ask in problem.asks],
        "supply": [_to_json(provider, _SUPPLY) for provider in problem.supply],
        "pairs": _pairs_to_json(problem.pairs),
        "policy": _to_json(problem.policy, _POLICY),
        "seed": problem.seed,
        "left_out": problem.left_out,
    }


def from_json(stored: JsonObject) -> Problem:
    """The problem that `to_json` was given. Raises `ValueError` for another format."""
    if stored["format"] != FORMAT:
        raise ValueError(f"a stored problem of format {stored['format']} is not {FORMAT}")
    pairs = stored["pairs"]
    return Problem(
        asks=tuple(
            Ask(
                **_with_pairs(
                    _with_sets({"passing": (), **ask}, "needs", "already_asked", "passing"),
                    "onward_s",
                    "barred",
                )
            )
            for ask in stored["asks"]
        ),
        supply=tuple(
            Supply(**_with_sets(provider, "services", "tags", "blocked_customers"))
            for provider in stored["supply"]
        ),
        pairs=Pairs(
            np.array(pairs["ask"]),
            np.array(pairs["supply"]),
            np.array([math.inf if eta is None else eta for eta in pairs["eta_s"]]),
            np.array([math.inf if length is None else length for length in pairs["meters"]]),
            pairs["source"],
        ),
        policy=Policy(**{**stored["policy"], "wave_reach_s": tuple(stored["policy"]["wave_reach_s"])}),
        seed=stored["seed"],
        left_out=stored.get("left_out", 0),
    )


def _round(record: Ask | Supply, *names: str, at_least: float = -math.inf) -> None:
    for name in names:
        value = getattr(record, name)
        if value is None:
            continue
        if not (math.isfinite(value) and value >= at_least):
            raise ValueError(f"{record.id}: {name} {value} is not a finite number of at least {at_least}")
        object.__setattr__(record, name, round(float(value), DECIMALS) + 0.0)


def _in_order(noun: str, ids: list[str]) -> tuple[list[int], NDArray[np.intp]]:
    """The indexes in order of id, and where each index went."""
    if len(set(ids)) < len(ids):
        raise ValueError(f"an {noun} id is used twice" if noun == "ask" else f"a {noun} id is used twice")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    place = np.empty(len(ids), dtype=np.intp)
    place[order] = np.arange(len(ids))
    return order, place


_ASK, _SUPPLY, _POLICY = (tuple(field.name for field in fields(kind)) for kind in (Ask, Supply, Policy))


def _to_json(record: Ask | Supply | Policy, names: tuple[str, ...]) -> JsonObject:
    return {name: _plain(getattr(record, name)) for name in names}


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is frozenset:
        return sorted(value)
    if kind is tuple:
        return [list(one) if type(one) is tuple else one for one in value]
    return value


def _with_sets(stored: JsonObject, *names: str) -> JsonObject:
    return {**stored, **{name: frozenset(stored[name]) for name in names}}


def _with_pairs(stored: JsonObject, *names: str) -> JsonObject:
    """A problem stored before there were such pairs has none."""
    return {**stored, **{name: tuple((who, what) for who, what in stored.get(name, ())) for name in names}}


def _pairs_to_json(pairs: Pairs) -> JsonObject:
    return {
        "ask": pairs.ask.tolist(),
        "supply": pairs.supply.tolist(),
        "eta_s": [eta if math.isfinite(eta) else None for eta in pairs.eta_s.tolist()],
        "meters": [length if math.isfinite(length) else None for length in pairs.meters.tolist()],
        "source": pairs.source,
    }
