"""The duty of everybody who reports positions, kept in memory for a few seconds: no query a fix.

A change is signalled on the bus (`duty.<account>`, and engagement events on `account.<account>`); a lost
signal costs at most `TTL`. What is stored of a position is guarded again in SQL, so a stale page of this book
can show a fix a moment too long, never keep one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.rules.turns import is_due
from domain.store.positions import Duty, duties_of
from domain.usecases.work import ENGINE, Tools, working

TTL: Final = 5.0  # s
REFRESH_AFTER: Final = 3.0  # s: those who keep reporting are read anew together, before their page is too old
FORGET_AFTER: Final = 60.0  # s without a report
AT_ONCE: Final = 2_000  # accounts a query


@dataclass(slots=True)
class Page:
    """One account's duty, by which reading it is known, and when that was and it was last wanted. Unix seconds."""

    duty: Duty
    reading: int
    read_at: float
    wanted_at: float


class DutyBook:
    """Owned by one event loop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._pages: dict[UUID, Page] = {}
        self._changed: set[UUID] = set()
        self._readings = 0  # begun so far

    def __contains__(self, account: UUID) -> bool:
        return account in self._pages

    async def of(self, account: UUID) -> Duty:
        """The account's duty, at most `TTL` old unless a signal said that it changed since."""
        now = self._now()
        duty = self.known(account, now)
        return await self.anew(account) if duty is None else duty

    def known(self, account: UUID, now: float) -> Duty | None:
        """What the book says of the account at this moment; None when it has to be read first."""
        page = self._pages.get(account)
        if page is None or is_due(now, page.read_at, TTL) or account in self._changed:
            return None
        page.wanted_at = now
        return page.duty

    async def learn(self, accounts: Iterable[UUID]) -> None:
        """Read together those whose page is missing, too old or no longer sure."""
        now = self._now()
        unknown = {account for account in accounts if self.known(account, now) is None}
        self._changed -= unknown
        await self.read(unknown, now)

    async def anew(self, account: UUID) -> Duty:
        """The account's duty, as it is stored now."""
        self._changed.discard(account)
        return (await self.read([account], self._now()))[account]

    def changed(self, account: UUID) -> None:
        """What the book says of this account is no longer sure."""
        self._changed.add(account)

    async def read(self, accounts: Iterable[UUID], wanted_at: float | None = None) -> dict[UUID, Duty]:
        """Read these accounts anew. `wanted_at` marks them as reporting; else they stay as they were."""
        now, found = self._now(), dict[UUID, Duty]()
        wanted = sorted(set(accounts))
        self._readings += 1
        reading = self._readings
        try:
            for start in range(0, len(wanted), AT_ONCE):
                async with working(self._tools, ENGINE) as work:
                    found |= await duties_of(work.db, wanted[start : start + AT_ONCE])
        except BaseException:  # what was not read is no surer than before
            self._changed.update(wanted)
            raise
        for account, duty in found.items():
            page = self._pages.get(account)
            if page is not None and page.reading > reading:  # somebody began later and was faster
                found[account] = page.duty
            elif page is not None:
                if (
                    page.duty != duty
                ):  # the same object as long as nothing changes: whoever keeps it sees that at once
                    page.duty = duty
                found[account], page.reading, page.read_at = page.duty, reading, now
                page.wanted_at = page.wanted_at if wanted_at is None else wanted_at
            elif wanted_at is not None:
                self._pages[account] = Page(duty, reading, now, wanted_at)
        return found

    async def refresh(self) -> dict[UUID, Duty]:
        """Read anew what changed and what is getting old; forget who stopped reporting. Returns what changed."""
        now = self._now()
        changed, self._changed = self._changed, set()
        self._pages = {
            account: page for account, page in self._pages.items() if now - page.wanted_at < FORGET_AFTER
        }
        ageing = {
            account
            for account, page in self._pages.items()
            if is_due(now, page.read_at, REFRESH_AFTER) and now - page.wanted_at < TTL
        }
        before = {account: self._pages[account].duty for account in ageing}
        found = await self.read(changed | ageing)
        return {
            account: duty
            for account, duty in found.items()
            if account in changed or before.get(account) != duty
        }

    def _now(self) -> float:
        return self._tools.clock.now().timestamp()
