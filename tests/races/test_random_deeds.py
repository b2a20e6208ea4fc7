"""Many hands at once, at random: after every flurry of deeds what must hold still holds."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Refusal
from domain.rules.states import Verb
from domain.store.tables import Engagement, Offer, Request
from domain.usecases.actions import Deed, act
from domain.usecases.cancelling import cancel_request
from domain.usecases.offers import accept_offer, decline_offer, on_offer_expired
from domain.usecases.requests import on_request_expired
from domain.usecases.work import ENGINE, Actor, Tools
from tests.factories import (
    CASINO,
    PORT,
    ROCK,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    run_as,
)

FLURRIES, AT_ONCE = 12, 8
DEEDS = {
    "ask": 6,
    "round": 5,
    "accept": 7,
    "decline": 2,
    "cancel": 2,
    "drop": 3,
    "late": 2,
    "give_up": 1,
}  # weights

# Each counts what must never be, whatever the interleaving.
NEVER = {
    "two engagements that stand for one request": """
        select count(*) from (select request_id from engagements where state <> 'cancelled'
        group by request_id having count(*) > 1) t""",
    "a matched request without its engagement": """
        select count(*) from requests r where state = 'matched' and not exists (select 1 from engagements e
        where e.request_id = r.id and e.state not in ('cancelled'))""",
    "an open request with an engagement that stands": """
        select count(*) from requests r where state = 'open' and exists (select 1 from engagements e
        where e.request_id = r.id and e.state not in ('cancelled'))""",
    "an offer to answer on a request that is not open": """
        select count(*) from offers o join requests r on r.id = o.request_id
        where o.state = 'pending' and r.state <> 'open'""",
    "two offers to answer at once": """
        select count(*) from (select provider_id from offers where state = 'pending' and origin = 'dispatch'
        group by provider_id having count(*) > 1) t""",
    "two jobs that each take a whole driver": """
        select count(*) from (select provider_id from engagements where exclusive
        and state in ('confirmed', 'en_route', 'arrived', 'in_progress') group by provider_id having count(*) > 1) t""",
    "a hole in a numbered stream": """
        select count(*) from (select account_id from events group by account_id
        having max(seq) <> count(*) or min(seq) <> 1) t""",
    "an agenda still claimed by work that was cancelled": """
        select count(*) from holds h join engagements e on e.id = h.engagement_id
        where h.state = 'held' and e.state = 'cancelled'""",
}


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str) -> Tools:
    tools = make_tools(engine, clock=at_present())
    await a_market(tools)
    return tools


class Town:
    """Five drivers, four customers, and everything that any of them may do next."""

    def __init__(
        self, tools: Tools, chance: random.Random, drivers: list[Actor], customers: list[Actor]
    ) -> None:
        self._tools, self._chance = tools, chance
        self._actors = {actor.id: actor for actor in (*drivers, *customers)}
        self._customers = customers

    async def flurry(self) -> None:
        """Several deeds at once; refusals are part of life, anything else is a bug."""
        deeds = [await self._deed() for _ in range(AT_ONCE)]
        for outcome in await asyncio.gather(*(deed() for deed in deeds), return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
                raise outcome

    async def _deed(self) -> Callable[[], Awaitable[Any]]:
        (kind,) = self._chance.choices(list(DEEDS), weights=list(DEEDS.values()))
        match kind:
            case "ask":
                customer = self._chance.choice(self._customers)
                return lambda: a_ride(self._tools, customer)
            case "round":
                return lambda: a_round(self._tools)
            case "accept" | "decline":
                states = ["pending"] if self._chance.random() < 0.8 else ["pending", "withdrawn", "accepted"]
                offer = await self._one(Offer, Offer.state.in_(states))
                use_case = accept_offer if kind == "accept" else decline_offer
                return self._as(offer and offer.provider_id, use_case, offer and offer.id)
            case "cancel":
                request = await self._one(Request, Request.state.in_(["open", "matched"]))
                return self._as(request and request.customer_id, cancel_request, request and request.id)
            case "drop":
                job = await self._one(Engagement, Engagement.state == "confirmed")
                return self._as(job and job.provider_id, act, job and job.id, Deed(verb=Verb.CANCEL))
            case "late":
                return self._late(await self._one(Offer, Offer.state == "pending"))
            case _:
                request = await self._one(Request, Request.state == "open")
                return self._give_up(request and request.id)

    async def _one(self, table: type[Any], condition: Any) -> Any:
        async with self._tools.sessions() as db:
            found = (await db.execute(select(table).where(condition).order_by(table.id))).scalars().all()
        return self._chance.choice(found) if found else None

    def _as(self, who: UUID | None, use_case: Callable[..., Any], *args: Any) -> Callable[[], Awaitable[Any]]:
        if who is None:
            return lambda: a_round(self._tools)
        return lambda: run_as(self._tools, self._actors[who], use_case, *args)

    def _late(self, offer: Offer | None) -> Callable[[], Awaitable[Any]]:
        async def ring() -> None:
            if offer is None:
                return
            async with self._tools.sessions.begin() as db:
                ago = datetime.now(UTC) - timedelta(seconds=1)
                await db.execute(update(Offer).where(Offer.id == offer.id).values(answer_by=ago))
            await run_as(self._tools, ENGINE, on_offer_expired, offer.id)

        return ring

    def _give_up(self, request_id: UUID | None) -> Callable[[], Awaitable[Any]]:
        async def ring() -> None:
            if request_id is None:
                return
            async with self._tools.sessions.begin() as db:
                ago = datetime.now(UTC) - timedelta(seconds=1)
                await db.execute(update(Request).where(Request.id == request_id).values(expires_at=ago))
            await run_as(self._tools, ENGINE, on_request_expired, request_id)

        return ring


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_at_once_nothing_impossible_is_left(tools: Tools, seed: int):
    drivers = [await a_provider(tools, at=at) for at in (PORT, PORT, ROCK, CASINO, ROCK)]
    customers = [await an_account(tools) for _ in range(4)]
    town = Town(tools, random.Random(seed), drivers, customers)
    for customer in customers:
        await a_ride(tools, customer)
    await a_round(tools)
    for _ in range(FLURRIES):
        await town.flurry()
        async with tools.sessions() as db:
            found = {what: (await db.execute(text(sql))).scalar_one() for what, sql in NEVER.items()}
        assert found == dict.fromkeys(NEVER, 0)
    async with tools.sessions() as db:
        assert (await db.execute(select(Engagement.id))).scalars().first() is not None, "the town slept"
