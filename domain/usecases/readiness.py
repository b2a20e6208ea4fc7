"""Whether a process can do its part now: what it depends on answers, and what it owes is not long overdue."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from domain.rules.errors import Unavailable
from domain.store import schema
from domain.usecases.backlog import Behind, behind
from domain.usecases.work import ENGINE, Tools, Work

WITHIN: Final = 2.0  # s; a balancer asks every few seconds, and a slower database serves nobody
RELAY_LAG_MOST: Final = 10.0  # s; a relay at work is 0.2 s behind, one that is told to wait by a restart 2 s
AGAIN_IN: Final = 5  # s


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found: the schema's version, and how old the oldest untold event is."""

    schema: str | None
    relay_lag_s: float


@dataclass(slots=True)
class Readiness:
    """The question of one process. `revisions` are the schema's that its code knows, oldest first.

    `relays`: it tells events itself, and is not ready while they lie about. A process that does not relay says how
    late they are and serves on: taking it out of the balance would tell nobody sooner.
    """

    tools: Tools
    revisions: Sequence[str] = field(default=())
    relays: bool = False
    leaving: bool = False
    """It was told to stop: a balancer that asks sends nobody here any more."""

    async def check(self) -> Standing:
        """`Unavailable` names what does not hold."""
        if self.leaving:
            raise Unavailable("this process is stopping", retry_after_s=AGAIN_IN)
        found, late = await self._database()
        try:
            async with asyncio.timeout(WITHIN):
                carries = await self.tools.bus.ready()
        except TimeoutError:
            carries = False
        if not carries:
            raise Unavailable("the bus does not carry", retry_after_s=AGAIN_IN)
        if self.relays and late.relay_s > RELAY_LAG_MOST:
            raise Unavailable(f"events are told {late.relay_s:.0f} s late", retry_after_s=AGAIN_IN)
        return Standing(found, late.relay_s)

    async def _database(self) -> tuple[str | None, Behind]:
        """Asked on a connection apart: that all others are at work is no outage, and who is taken out of the balance
        for it leaves their load to the rest."""
        sessions = self.tools.beside or self.tools.sessions
        try:
            async with asyncio.timeout(WITHIN), sessions() as db:
                found = await schema.version(db)
                self._require_schema(found)  # before tables are read that may not be there
                work = Work(db=db, tools=self.tools, actor=ENGINE, now=self.tools.clock.now())
                return found, await behind(work)
        except (SQLAlchemyError, OSError, TimeoutError):
            raise Unavailable("the database does not answer", retry_after_s=AGAIN_IN) from None

    def _require_schema(self, found: str | None) -> None:
        """A schema older than the code is not ready. A newer one is: migrations suit the version before them."""
        if self.revisions and (found is None or found in self.revisions[:-1]):
            raise Unavailable(
                f"the schema is at {found or 'nothing'}, this version wants {self.revisions[-1]}",
                retry_after_s=AGAIN_IN,
            )
