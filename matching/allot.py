"""Passes over a surveyed field: who is offered what.

Each pass gives the station queues their turn, then solves one global assignment over the rest. Asks that want
more than one provider go into further passes over those with room left, until they have enough or nobody is
cheaper.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matching.assign import Assignment, assign
from matching.field import Flags, Floats, Rows, Whole
from matching.survey import Survey

if TYPE_CHECKING:
    from matching import compiled

TURN_S = 1e6
"""s; one place in a station queue. More than all the approaches of a round could save by breaking the order:
a million seconds is 500 requests at half an hour. Small enough that 1,000 places leave a double a tenth of a
microsecond."""

COMPILED_FROM = (
    2_000  # edges; below, scipy needs under a millisecond, and a small town never loads a compiler
)

NOT_GIVEN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Allotment:
    """What the passes gave."""

    given: Whole
    """By candidate: in which pass it was given, from 0, or `NOT_GIVEN`."""
    room: Whole
    """By provider: how many more could be offered to them."""
    passes: int


def by_size(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    costs: NDArray[np.float64],
    nobody: NDArray[np.float64],
    room: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """The exact assignment, by whichever way is faster at this size: `assign.assign` or `compiled.assign`."""
    return Resuming()(rows, columns, costs, nobody, room)


class Resuming:
    """`by_size`, for questions of which each is nearly the one before: the compiled way begins where it ended."""

    def __init__(self) -> None:
        self._compiled: compiled.Resuming | None = None

    def __call__(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        costs: NDArray[np.float64],
        nobody: NDArray[np.float64],
        room: NDArray[np.int64] | None = None,
    ) -> NDArray[np.intp]:
        """As `by_size`."""
        if len(rows) < COMPILED_FROM:
            return assign(rows, columns, costs, nobody, room)
        if self._compiled is None:
            from matching import compiled  # noqa: PLC0415  # no cycle: a small town's start shall not pay for numba

            self._compiled = compiled.Resuming()
        return self._compiled(rows, columns, costs, nobody, room)


def allot(
    seen: Survey, wanted: Whole, capacity: Whole, nobody: Floats, assignment: Assignment = by_size
) -> Allotment:
    """At most one pass for each offer wanted by the ask that wants the most.

    An ask that got nobody in one pass gets nobody in the next: anybody left for it would have made that pass
    cheaper.
    """
    given: Whole = np.full(len(seen), NOT_GIVEN, dtype=np.int64)
    room, wanted = capacity.copy(), wanted.copy()
    more = np.ones(len(nobody), dtype=np.bool_)
    turn = 0
    while True:
        still = np.flatnonzero(more[seen.ask] & (given == NOT_GIVEN) & (room[seen.supply] > 0))
        turns = _queue_turns(seen, still, room, nobody, assignment)
        _give(seen, turns, given, room, turn)
        served = _asks_of(seen, turns, len(nobody))
        rest = still[~served[seen.ask[still]] & (room[seen.supply[still]] > 0)]
        others = _matched(seen, rest, seen.cost[rest] + seen.lot[rest], nobody, room, assignment)
        _give(seen, others, given, room, turn)
        served |= _asks_of(seen, others, len(nobody))
        if not served.any():
            return Allotment(given, room, turn)
        wanted -= served
        more = served & (wanted > 0)
        turn += 1
        if not more.any():
            return Allotment(given, room, turn)


def _give(seen: Survey, won: Rows, given: Whole, room: Whole, turn: int) -> None:
    given[won] = turn
    np.subtract.at(room, seen.supply[won], 1)


def _asks_of(seen: Survey, won: Rows, n: int) -> Flags:
    served = np.zeros(n, dtype=np.bool_)
    served[seen.ask[won]] = True
    return served


def _queue_turns(seen: Survey, still: Rows, room: Whole, nobody: Floats, assignment: Assignment) -> Rows:
    """First come, first served at the station queues: as many turns as can be given, to the earliest places.

    A place costs more than any approach, so the least total is the matching whose places come first one by
    one (places are the weights of a transversal matroid, where the least sum is also the greedy choice).
    Approach and age only decide who of those served goes to whom.
    """
    queued = still[np.isfinite(seen.place[still])]
    if not len(queued):
        return queued
    places = seen.place[queued]
    costs = seen.cost[queued] + seen.lot[queued] + places * TURN_S
    return _matched(seen, queued, costs, nobody + (places.max() + 1.0) * TURN_S, room, assignment)


def _matched(
    seen: Survey, among: Rows, costs: Floats, nobody: Floats, room: Whole, assignment: Assignment
) -> Rows:
    """Those of these candidates that the least total of costs and prices of nobody takes."""
    if not len(among):
        return among
    rows, columns = seen.ask[among], seen.supply[among]
    won: Rows = among[assignment(rows, columns, costs, nobody, room)[rows] == columns]
    return won
