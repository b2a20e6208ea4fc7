"""The law of the stream: an old snapshot and the events since make a new snapshot.

It is what a `reset` promises, and what lets a phone that resumes trust what it has. The phone of this test keeps what
API.md's snapshot has, by id; it knows what it was answered itself, and everything else from its own stream alone.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Refusal
from domain.rules.events import EventType
from domain.rules.states import Verb
from domain.store.tables import Engagement, Offer, Request
from domain.usecases import duty, stream
from domain.usecases.call import Bid, propose
from domain.usecases.cancelling import cancel_request
from domain.usecases.offers import accept_offer, decline_offer, on_offer_expired, withdraw_offer
from domain.usecases.requests import on_request_expired
from domain.usecases.work import ENGINE, Actor
from tests.factories import PORT, a_posted_job, a_provider, a_ride, a_round, an_account, put_at, run_as
from tests.usecases.engaged import Town

STEPS = 30
SERVICES = ("ride-vtc", "odd-job")
ENDED_OFFER = {EventType.OFFER_WITHDRAWN, EventType.OFFER_EXPIRED, EventType.OFFER_DECLINED}
ENDED_REQUEST = {EventType.REQUEST_MATCHED, EventType.REQUEST_EXPIRED, EventType.REQUEST_CANCELLED}
NOUNS = ("offers", "proposals", "requests", "calls")
ACTIVE = {"confirmed", "en_route", "arrived", "in_progress"}


@dataclass(frozen=True)
class View:
    """What a phone shows, and the number it stands for."""

    seq: int
    on_duty: bool
    offers: frozenset[str]
    requests: frozenset[str]
    proposals: frozenset[str]
    calls: frozenset[str]
    engagements: Mapping[str, str] = field(default_factory=dict)  # their states, by id

    @classmethod
    def of(cls, seq: int, snapshot: Mapping[str, Any]) -> "View":
        ids = {noun: frozenset(one["id"] for one in snapshot[noun]) for noun in NOUNS}
        work = {one["id"]: one["state"] for one in snapshot["engagements"]}
        return cls(seq, bool(snapshot["duty"]["on"]), engagements=work, **ids)

    def after(self, event: stream.Told) -> "View":
        """The same once an event has been taken in."""
        assert event.seq == self.seq + 1, "a gap"
        return replace(self._changed(EventType(event.type), event.data), seq=event.seq)

    def _changed(self, kind: EventType, data: Mapping[str, Any]) -> "View":
        if kind is EventType.DUTY_CHANGED and "on" in data:
            return replace(self, on_duty=data["on"])
        if kind is EventType.OFFER_CREATED and "provider" in data:  # a proposal, to its customer
            return replace(self, proposals=self.proposals | {data["id"]})
        if kind is EventType.OFFER_CREATED:
            return replace(self, offers=self.offers | {data["id"]})
        if kind in ENDED_OFFER:
            ended = {data["offer_id"]}
            return replace(self, offers=self.offers - ended, proposals=self.proposals - ended)
        if kind is EventType.REQUEST_POSTED:
            return replace(self, calls=self.calls | {data["request_id"]})
        if kind is EventType.REQUEST_REOPENED:
            return replace(self, requests=self.requests | {data["request_id"]})
        if kind in ENDED_REQUEST:
            ended = {data["request_id"]}
            return replace(self, requests=self.requests - ended, calls=self.calls - ended)
        if kind.startswith("engagement."):
            return self._work(data)
        return self

    def _work(self, data: Mapping[str, Any]) -> "View":
        others = {id_: state for id_, state in self.engagements.items() if id_ != data["engagement_id"]}
        mine = {data["engagement_id"]: data["state"]} if data["state"] in ACTIVE else {}
        agreed, calls = {data["offer_id"]}, self.calls - {data["request_id"]}
        offers, proposals = self.offers - agreed, self.proposals - agreed
        return replace(self, engagements=others | mine, offers=offers, proposals=proposals, calls=calls)


class Life:
    """Three providers, two customers, and what any of them may do next. Each has a phone that was told everything."""

    def __init__(
        self, town: Town, chance: random.Random, providers: Sequence[Actor], customers: Sequence[Actor]
    ):
        self._town, self._chance, self._tools = town, chance, town.tools
        self._providers, self._customers = providers, customers
        self._actors = {actor.id: actor for actor in (*providers, *customers)}
        self.views: dict[UUID, View] = {}
        self.seen: set[str] = set()

    async def snapshot(self, actor: Actor) -> View:
        stands, snapshot = await run_as(self._tools, actor, stream.snapshot)
        return View.of(stands.seq, snapshot)

    async def begin(self) -> None:
        """Every phone starts with a snapshot, in the middle of things."""
        self.views = {id_: await self.snapshot(actor) for id_, actor in self._actors.items()}

    async def judge(self) -> None:
        """The law, for everybody."""
        late = await self._past_their_time()
        for id_, actor in self._actors.items():
            new = await self.snapshot(actor)
            _, events = await run_as(self._tools, actor, stream.events_after, self.views[id_].seq)
            for event in events:
                self.views[id_] = self.views[id_].after(event)
                self.seen.add(event.type)
            told = self.views[id_]
            # A posted job's `expires_at` was told with it: past it the phone shows it no more, whatever still comes.
            assert replace(told, calls=told.calls - late) == new

    async def step(self) -> None:
        """Somebody does something, sensible or not; refusals are part of life."""
        self._town.clock.move(1)
        for provider in self._providers:
            if self.views and self.views[provider.id].on_duty:
                put_at(self._tools, provider.id, PORT, SERVICES)
        deed = self._chance.choice(DEEDS)
        try:
            await deed(self)
        except Refusal:
            return

    def _knows(self, actor: Actor, **changes: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """A phone takes in what it was answered."""
        if actor.id in self.views:
            view = self.views[actor.id]
            changed: dict[str, Any] = {noun: change(getattr(view, noun)) for noun, change in changes.items()}
            self.views[actor.id] = replace(view, **changed)

    async def asks(self) -> None:
        customer = self._chance.choice(self._customers)
        made = await a_ride(self._tools, customer)
        self._knows(customer, requests=lambda known: known | {str(made)})

    async def posts(self) -> None:
        customer = self._chance.choice(self._customers)
        made = await a_posted_job(self._tools, customer)
        self._knows(customer, requests=lambda known: known | {str(made)})

    async def a_round(self) -> None:
        await a_round(self._tools)

    async def proposes(self) -> None:
        provider = self._chance.choice(self._providers)
        job = await self._one(Request, Request.state == "open", Request.allocator == "call")
        if job is not None:
            start = self._town.clock.at + timedelta(hours=2)
            bid = Bid(price_cents=self._chance.randint(3_000, 9_000), currency="EUR", start_at=start)
            made = await run_as(self._tools, provider, propose, job.id, bid)
            self._knows(provider, offers=lambda known: known | {str(made.id)})

    async def accepts(self) -> None:
        await self._answers(accept_offer)

    async def declines(self) -> None:
        await self._answers(decline_offer)

    async def _answers(self, use_case: Callable[..., Any]) -> None:
        offer = await self._one(Offer, Offer.state == "pending")
        if offer is not None:
            who = self._actors[offer.to_account]
            await run_as(self._tools, who, use_case, offer.id)
            over = {str(offer.id)}
            self._knows(who, offers=lambda known: known - over, proposals=lambda known: known - over)

    async def withdraws(self) -> None:
        offer = await self._one(Offer, Offer.state == "pending", Offer.origin == "proposal")
        if offer is not None:
            await run_as(self._tools, self._actors[offer.provider_id], withdraw_offer, offer.id)
            self._knows(self._actors[offer.provider_id], offers=lambda known: known - {str(offer.id)})

    async def cancels(self) -> None:
        request = await self._one(Request, Request.state.in_(["open", "matched"]))
        if request is not None:
            await run_as(self._tools, self._actors[request.customer_id], cancel_request, request.id)

    async def works(self) -> None:
        job = await self._one(Engagement, Engagement.state.in_(ACTIVE))
        if job is not None:
            verb = {"confirmed": "set_off", "en_route": "arrive", "arrived": "start", "in_progress": "finish"}
            await self._town.do(self._actors[job.provider_id], job.id, verb[job.state], pin=job.pin)

    async def drops(self) -> None:
        job = await self._one(Engagement, Engagement.state.in_(ACTIVE))
        if job is not None:
            await self._town.do(self._actors[job.provider_id], job.id, Verb.CANCEL)

    async def comes_and_goes(self) -> None:
        provider = self._chance.choice(self._providers)
        if self.views and self.views[provider.id].on_duty:
            await run_as(self._tools, provider, duty.go_off_duty)
        else:
            await run_as(self._tools, provider, duty.go_on_duty, "monaco", list(SERVICES))

    async def is_late(self) -> None:
        offer = await self._one(Offer, Offer.state == "pending")
        if offer is not None:
            await self._aged(update(Offer).where(Offer.id == offer.id).values(answer_by=_ago()))
            await run_as(self._tools, ENGINE, on_offer_expired, offer.id)

    async def gives_up(self) -> None:
        request = await self._one(Request, Request.state == "open")
        if request is not None:
            await self._aged(update(Request).where(Request.id == request.id).values(expires_at=_ago()))
            await run_as(self._tools, ENGINE, on_request_expired, request.id)

    async def _past_their_time(self) -> frozenset[str]:
        """Requests that are open and beyond their patience, because somebody's answer is still waited for."""
        late = select(Request.id).where(Request.state == "open", Request.expires_at <= self._town.clock.at)
        async with self._tools.sessions() as db:
            return frozenset(map(str, (await db.execute(late)).scalars()))

    async def _aged(self, statement: Any) -> None:
        async with self._tools.sessions.begin() as db:
            await db.execute(statement)

    async def _one(self, table: type[Any], *conditions: Any) -> Any:
        async with self._tools.sessions() as db:
            found = (await db.execute(select(table).where(*conditions).order_by(table.id))).scalars().all()
        return self._chance.choice(found) if found else None


DEEDS: Sequence[Callable[[Life], Awaitable[None]]] = (
    *[Life.asks, Life.a_round, Life.accepts] * 4,
    *[Life.works, Life.posts, Life.proposes] * 3,
    *(
        Life.declines,
        Life.withdraws,
        Life.cancels,
        Life.drops,
        Life.comes_and_goes,
        Life.is_late,
        Life.gives_up,
    ),
)


def _ago() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


async def a_life(engine: AsyncEngine, seed: int) -> Life:
    town = await Town.founded(engine)
    providers = [
        town.driver,
        *[await a_provider(town.tools, SERVICES, name=name) for name in ("Alix", "Sacha")],
    ]
    customers = [town.customer, await an_account(town.tools, name="Charlie")]
    return Life(town, random.Random(seed), providers, customers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_an_old_snapshot_and_the_events_since_are_a_new_snapshot(engine: AsyncEngine, seed: int):
    life = await a_life(engine, seed)
    for _ in range(6):
        await life.step()
    await life.begin()
    for _ in range(STEPS):
        await life.step()
        await life.judge()
    assert len(life.seen) >= 5, "the town slept"
