"""What goes wrong when: a schedule drawn from a seed, the same for the same seed."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """One thing that goes wrong. To the house, each until it is mended; to phones, a few of them at a time."""

    KILL_API = "kill -9 an api"
    KILL_DISPATCH = "kill -9 the dispatcher"
    KILL_RELAY = "kill -9 the relay"
    FREEZE_API = "freeze an api"
    FREEZE_DISPATCH = "freeze the dispatcher"
    FREEZE_RELAY = "freeze the relay"
    RESTART_POSTGRES = "stop PostgreSQL at once, start it again"
    FREEZE_POSTGRES = "freeze PostgreSQL"
    RESTART_NATS = "kill -9 NATS, start it again"
    FREEZE_NATS = "freeze NATS"
    DROP_LINES = "cut phones off"
    SLOW_LINES = "phones whose lines stand still"
    FILL_BUFFERS = "phones that ask and do not read"
    SKEW_CLOCKS = "phones with wrong clocks"
    REPLAY = "phones that say old things again"


ON_PHONES: Final = frozenset(
    {Fault.DROP_LINES, Fault.SLOW_LINES, Fault.FILL_BUFFERS, Fault.SKEW_CLOCKS, Fault.REPLAY}
)


@dataclass(frozen=True, slots=True)
class Event:
    """A fault at `at` seconds from the start that lasts `lasts` seconds. `chance` in [0, 1) picks whom it hits."""

    at: float
    fault: Fault
    lasts: float
    chance: float


def schedule(seed: int, *, cycles: int, every: float, longest: float) -> tuple[Event, ...]:
    """Every fault once a cycle, in an order of its own each time, about `every` seconds apart, none over `longest`."""
    dice = random.Random(seed)
    drawn = []
    for cycle in range(cycles):
        order = sorted(Fault)
        dice.shuffle(order)
        for place, fault in enumerate(order):
            at = (cycle * len(order) + place + dice.random() / 2) * every
            drawn.append(Event(at, fault, dice.uniform(0.3, 1.0) * longest, dice.random()))
    return tuple(drawn)


def told(events: tuple[Event, ...]) -> list[str]:
    """The schedule in words, a line each."""
    return [f"{event.at:7.2f} s  {event.fault} ({event.lasts:.2f} s)" for event in events]
