"""Events told, pushes planned, claimed and settled: what relay and pusher do, a step at a time."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from domain.rules.errors import TokenInvalid
from domain.rules.events import EventType
from domain.rules.ports import PushFate, PushResult
from domain.store import streams
from domain.store.tables import Device, PushRow
from domain.usecases import pushes
from domain.usecases.pushes import DuePush
from domain.usecases.work import ENGINE, Actor, Tools, working
from tests.factories import run_as

OFFER = "01900000-0000-7000-8000-00000000000a"
OTHER_OFFER = "01900000-0000-7000-8000-00000000000b"
ENGAGEMENT = "01900000-0000-7000-8000-00000000000c"


class NoTokens:
    """Firebase is configured: pushes go to devices."""

    def verify(self, id_token: str) -> Mapping[str, Any]:
        raise TokenInvalid


async def a_device(tools: Tools, whose: Actor, name: str = "phone", **changes: Any) -> str:
    """A registered device; returns its push token."""
    token = f"token-of-{name}"
    async with working(tools, ENGINE) as work:
        values = {"platform": "android", "push_token": token, "language": "fr", "updated_at": work.now}
        work.db.add(Device(account_id=whose.id, device_id=name, **(values | changes)))
    return token


async def tell(
    tools: Tools, whose: Actor, type_: EventType, data: dict[str, Any], lives_s: float = 0
) -> None:
    """An event, as a use case would emit it."""
    async with working(tools, ENGINE) as work:
        work.emit(whose.id, type_, data, not_after=work.after(lives_s) if lives_s else None)


async def an_offer_told(tools: Tools, whose: Actor, offer: str = OFFER, lives_s: float = 15) -> None:
    """The event of the engine's offer."""
    data = {"id": offer, "origin": "dispatch", "market": "monaco", "terms": {"price": {"amount": 1250}}}
    await tell(tools, whose, EventType.OFFER_CREATED, data, lives_s)


async def plan_all(tools: Tools) -> int:
    """What the relay does: claim and plan in one transaction."""
    async with working(tools, ENGINE) as work:
        return await pushes.plan(work, await streams.claim_unsent(work.db, 1_000))


async def claim(tools: Tools, limit: int = 100) -> list[DuePush]:
    """What a pusher does first."""
    found: list[DuePush] = await run_as(tools, ENGINE, pushes.due, limit)
    return found


async def settle(tools: Tools, push: DuePush, fate: PushFate, retry_after_s: float | None = None) -> None:
    """What a pusher does last."""
    await run_as(tools, ENGINE, pushes.settle, push, PushResult(fate, "said so", retry_after_s))


async def states(tools: Tools) -> dict[tuple[str, int], str]:
    """`(device, seq)` -> state."""
    async with tools.sessions() as db:
        rows = (await db.execute(select(PushRow))).scalars().all()
    found = {(row.device_id, row.seq): row.state for row in rows}
    assert len(found) == len(rows), "a device got a number twice"
    return found
