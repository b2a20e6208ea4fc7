"""What each fault does where it bites, seen from outside; and which faults of a run did not bite. Pure.

A promise that holds while nothing happens is worth nothing: a fault of which a sign is missing makes a run unsound.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final

from bench.schedule import Event, Fault


class Sign(StrEnum):
    """One thing that is seen where a fault bites."""

    SIGKILLED = "its process ended by SIGKILL"
    SUCCEEDED = "another process is ready in its place"
    STOOD_STILL = "all its processes stood still to the end"
    LINE_DIED = "a connection from before is dead"
    KEPT_WAITING = "what was asked of it itself was answered after the end"
    FELT = "what a phone asked a gateway was answered after the end"
    CAME_BACK = "every part of the house connected to the new server"
    CUT = "each phone's line ended without a goodbye"
    LATE = "each phone heard the answer to its ping after the end, on the same line"
    TOO_SLOW = "each phone's socket was closed as too slow (4002)"
    WELCOMED = "each phone was welcomed on another socket"
    CLOCK_REFUSED = "a fix of each phone was refused for its moment, with the reason for such a clock"
    OLD_REFUSED = "each old fix was refused as old"
    GIVEN_AGAIN = "each deed done was answered as it was, and marked as replayed"


_KILLED: Final = frozenset({Sign.SIGKILLED, Sign.SUCCEEDED})
_FROZEN: Final = frozenset({Sign.STOOD_STILL, Sign.KEPT_WAITING})

SIGNS: Final[Mapping[Fault, frozenset[Sign]]] = {
    Fault.KILL_API: _KILLED,
    Fault.KILL_DISPATCH: _KILLED,
    Fault.KILL_RELAY: _KILLED,
    Fault.FREEZE_API: _FROZEN,
    Fault.FREEZE_DISPATCH: _FROZEN,
    Fault.FREEZE_RELAY: _FROZEN,
    Fault.RESTART_POSTGRES: frozenset({Sign.LINE_DIED, Sign.FELT, Sign.SUCCEEDED}),
    Fault.FREEZE_POSTGRES: _FROZEN | {Sign.FELT},
    Fault.RESTART_NATS: frozenset({Sign.SIGKILLED, Sign.CAME_BACK}),
    Fault.FREEZE_NATS: _FROZEN,
    Fault.DROP_LINES: frozenset({Sign.CUT, Sign.WELCOMED}),
    Fault.SLOW_LINES: frozenset({Sign.LATE}),
    Fault.FILL_BUFFERS: frozenset({Sign.TOO_SLOW, Sign.WELCOMED}),
    Fault.SKEW_CLOCKS: frozenset({Sign.CLOCK_REFUSED}),
    Fault.REPLAY: frozenset({Sign.OLD_REFUSED, Sign.GIVEN_AGAIN}),
}


class Seen:
    """The signs of each event, as they are seen."""

    def __init__(self) -> None:
        self._signs: defaultdict[Event, set[Sign]] = defaultdict(set)

    def note(self, event: Event, sign: Sign, there: bool) -> None:
        """A look for a sign: it was there, or not."""
        if there:
            self._signs[event].add(sign)

    def of(self, event: Event) -> AbstractSet[Sign]:
        """What was seen of it."""
        return self._signs.get(event, set())


def bit(event: Event, signs: AbstractSet[Sign]) -> bool:
    """Whether all that this fault does was seen."""
    return signs >= SIGNS[event.fault]


def toothless(plan: Sequence[Event], seen: Seen) -> list[str]:
    """The faults that did not bite, in words: which, when, and what was not seen."""
    return [
        f"{event.fault}, at {event.at:.2f} s, did not bite; not seen: "
        + "; ".join(sorted(SIGNS[event.fault] - seen.of(event)))
        for event in plan
        if not bit(event, seen.of(event))
    ]


def tallied(plan: Sequence[Event], seen: Seen) -> dict[str, dict[str, int]]:
    """How often each fault was injected, and how often it bit."""
    return {
        fault.name.lower(): {
            "injected": sum(event.fault is fault for event in plan),
            "bit": sum(event.fault is fault and bit(event, seen.of(event)) for event in plan),
        }
        for fault in Fault
    }
