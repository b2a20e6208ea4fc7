"""Open requests with an offer to each of several providers, as rounds would make them, quickly."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert

from domain.rules.catalogue import ServiceSpec
from domain.rules.places import Place
from domain.rules.states import OfferOrigin, OfferState
from domain.rules.terms import terms
from domain.store.tables import Account, DutySession, Offer, Provider, Request, Timer
from domain.store.timers import TimerKind
from domain.usecases.requests import Wish, create_request
from domain.usecases.specs import specs_of
from domain.usecases.work import ENGINE, Actor, Tools, Work, working
from geo.points import LatLng

MARKET: Final = "monaco"
SERVICE: Final = "ride-vtc"
PORT: Final = LatLng(43.7348, 7.4206)
CASINO: Final = LatLng(43.7392, 7.4277)
AT_ONCE: Final = 8  # requests made side by side
ANSWER_WITHIN: Final = timedelta(minutes=10)  # no offer runs out while it is measured
APPROACH_S: Final = 120.0
APPROACH_M: Final = 800.0


@dataclass(frozen=True, slots=True)
class Race:
    """A request and who may accept it: `(provider, offer)`."""

    request_id: UUID
    offers: Sequence[tuple[UUID, UUID]]


async def offered_requests(tools: Tools, requests: int, racers: int) -> list[Race]:
    """So many open, paid requests, each offered to `racers` providers of its own who are on duty."""
    async with working(tools, ENGINE) as work:
        customers = await _accounts(work, requests)
        providers = await _providers(work, requests * racers)
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(customer: UUID) -> UUID:
        wish = Wish(service=SERVICE, places=(Place("pickup", PORT), Place("drop", CASINO)))
        async with gate, working(tools, Actor(account_id=customer)) as work:
            return (await create_request(work, wish)).row.id

    made = await asyncio.gather(*(ask(customer) for customer in customers))
    async with working(tools, ENGINE) as work:
        return await _offer(work, made, providers, racers)


async def _accounts(work: Work, count: int) -> list[UUID]:
    ids = [work.new_id() for _ in range(count)]
    rows = [{"id": id_, "name": "Camille", "language": "fr", "created_at": work.now} for id_ in ids]
    await work.db.execute(insert(Account), rows)
    return ids


async def _providers(work: Work, count: int) -> list[UUID]:
    ids = await _accounts(work, count)
    provides = [
        {"account_id": id_, "services": [SERVICE], "languages": ["fr"], "updated_at": work.now} for id_ in ids
    ]
    await work.db.execute(insert(Provider), provides)
    duty = [
        {
            "id": work.new_id(),
            "market_id": MARKET,
            "account_id": id_,
            "services": [SERVICE],
            "on_at": work.now,
        }
        for id_ in ids
    ]
    await work.db.execute(insert(DutySession), duty)
    return ids


async def _offer(work: Work, made: Sequence[UUID], providers: Sequence[UUID], racers: int) -> list[Race]:
    waiting = iter(providers)
    until = work.now + ANSWER_WITHIN
    races: list[Race] = []
    rows: list[dict[str, Any]] = []
    specs: dict[UUID, ServiceSpec] = {}
    for request_id in made:
        request = await work.db.get_one(Request, request_id)
        if request.service_id not in specs:
            specs |= await specs_of(work, [request])
        spec = specs[request.service_id]
        mine = list(_offers(work, request, spec, [next(waiting) for _ in range(racers)], until))
        rows += mine
        races.append(Race(request_id, [(row["provider_id"], row["id"]) for row in mine]))
    await work.db.execute(insert(Offer), rows)
    timers = [
        {
            "id": work.new_id(),
            "kind": TimerKind.OFFER_EXPIRES,
            "ref": row["id"],
            "due_at": until,
            "attempts": 0,
        }
        for row in rows
    ]
    await work.db.execute(insert(Timer), timers)
    return races


def _offers(
    work: Work, request: Request, spec: ServiceSpec, providers: Sequence[UUID], until: datetime
) -> Iterator[dict[str, Any]]:
    assert request.price_cents is not None, "a dispatched request has its price"
    agreed = terms(
        spec,
        price_cents=request.price_cents,
        distance_m=request.distance_m,
        duration_s=request.duration_s,
        approach_s=APPROACH_S,
        approach_m=APPROACH_M,
    ).as_json()
    for provider in providers:
        yield {
            "id": work.new_id(),
            "market_id": request.market_id,
            "request_id": request.id,
            "customer_id": request.customer_id,
            "provider_id": provider,
            "to_account": provider,
            "origin": OfferOrigin.DISPATCH,
            "state": OfferState.PENDING,
            "answer_by": until,
            "price_cents": request.price_cents,
            "currency": request.currency,
            "terms": agreed,
            "created_at": work.now,
        }
