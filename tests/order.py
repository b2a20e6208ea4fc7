"""The order of a run on two processes: a half of the tests each, the long ones first.

What starts engines and browsers is begun at once, on both sides, so that no process is left alone with it at the end.
What is quick comes last: who is done takes from the end of the other's half, and has to start nothing for that.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

LONG: Final = (("chaos", "bench", "app", "docs"), ("web", "stranger"))  # about as long, side by side


def in_halves(tests: Sequence[T], room_of: Callable[[T], str]) -> list[T]:
    """The tests so that each half of them begins with its long rooms; within a room their order stays."""
    rooms: dict[str, list[T]] = {}
    for test in tests:
        rooms.setdefault(room_of(test), []).append(test)
    one, other = ([test for room in half for test in rooms.pop(room, [])] for half in LONG)
    quick = [test for room in rooms.values() for test in room]
    after_one = max(0, len(tests) // 2 - len(one))
    return [*one, *quick[:after_one], *other, *quick[after_one:]]
