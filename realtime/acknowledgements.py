"""What apps have taken in, written for all sockets together: every event of every phone is acknowledged, and one by
one each would be a transaction."""

import logging
from uuid import UUID

from domain.usecases import pushes
from domain.usecases.outages import unavailable_for
from domain.usecases.work import ENGINE, Tools, working

log = logging.getLogger(__name__)


class Acknowledgements:
    """By account, the last number its apps have acknowledged, until it is written. Owned by one event loop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._taken_in: dict[UUID, int] = {}

    def __len__(self) -> int:
        """Accounts with something to write."""
        return len(self._taken_in)

    def note(self, account: UUID, seq: int) -> None:
        """An app of the account has taken in everything up to `seq`."""
        self._taken_in[account] = max(seq, self._taken_in.get(account, 0))

    async def step(self) -> None:
        """Write what has come since the last step. What could not be written waits for the next."""
        taken_in, self._taken_in = self._taken_in, {}
        if not taken_in:
            return
        try:
            async with working(self._tools, ENGINE) as work:
                await pushes.acknowledge(work, taken_in)
        except Exception as error:
            for account, seq in taken_in.items():
                self.note(account, seq)
            if unavailable_for(error) is None:
                raise
            log.warning("nothing can be acknowledged: %s", error)
