"""One look at the log for all sockets: what the bus lost last of all is found here.

A session wants to know from time to time where its stream stands. Asked one by one that is a transaction a socket;
here it is one statement for all that are due, and only those that have missed something read on by themselves.
"""

import logging
from typing import Final

from domain.usecases import stream
from domain.usecases.outages import unavailable_for
from domain.usecases.stream import StreamStanding
from domain.usecases.work import NOBODY, Tools, working
from realtime.connection import Connection
from realtime.effects import LOOK, Effect, Standing

log = logging.getLogger(__name__)

AT_ONCE: Final = 2_000  # sockets a look; a crowd that came together is spread over several, a second apart


def standing_of(stands: StreamStanding) -> Standing:
    """The same, as sessions have it."""
    return Standing(stands.epoch, stands.seq, stands.kept_from)


class Lookout:
    """Those who are due, until they have been looked for. Owned by one event loop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._due: dict[Connection, None] = {}  # in order; a set has none

    def sift(self, connection: Connection, effects: list[Effect]) -> list[Effect]:
        """Remember who wants a look; the effects without it."""
        if LOOK not in effects:
            return effects
        self._due[connection] = None
        return [effect for effect in effects if effect is not LOOK]

    async def step(self) -> None:
        """Look for the first of those who are due. If that fails they stay due, and the next step tries again."""
        asked = [one for one in self._due if one.closing is None][:AT_ONCE]
        if asked:
            try:
                async with working(self._tools, NOBODY) as work:
                    found = await stream.standings(work, [one.actor for one in asked])
            except Exception as error:
                if unavailable_for(error) is None:
                    raise
                log.warning("nobody can be looked for: %s", error)
                return
            for one in asked:
                stands = found.get((one.actor.id, one.actor.family_id))
                one.perform(one.session.look() if stands is None else one.session.stands(standing_of(stands)))
        known = set(asked)
        self._due = {one: None for one in self._due if one not in known and one.closing is None}
