"""New work is turned away while work in hand has to wait: whoever was promised something comes first.

Beyond what a process can take, somebody waits. Were everybody let in, offers would go out that nobody's acceptance is
heard of in time, and in the end nothing would be finished. So a quote or a request is refused before anything is read
for it, with the moment to come back; answers to offers, steps of an engagement and reading wait their turn.
"""

from typing import Final

from fastapi import Depends

from api.context import ToolsOf
from domain.rules.errors import Unavailable

WAITED_S: Final = (
    2.0  # s that somebody has waited for the database; a burst that is through sooner turns nobody away
)
COME_BACK_S: Final = 5.0  # and this much again, at random: not all at once


async def _room(tools: ToolsOf) -> None:
    if tools.pressed() > WAITED_S:
        later = COME_BACK_S * (1 + int.from_bytes(tools.entropy(2)) / 0xFFFF)
        raise Unavailable(
            "more is asked than can be served at this moment",
            french="on nous demande plus, en ce moment, que nous ne pouvons servir",
            retry_after_s=round(later, 1),
        )


RoomForMore: Final = Depends(_room)
"""For a route that begins something new."""
