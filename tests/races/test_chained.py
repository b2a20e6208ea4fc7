"""The end of a ride against everything that waits for it: whatever the interleaving, what waits is promoted once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import AgendaConflict, AlreadyBusy, LostRace, NotYourTurn
from domain.rules.states import Verb
from domain.store.tables import Engagement, Offer, Request
from domain.usecases.actions import Deed, act
from domain.usecases.cancelling import cancel_request
from domain.usecases.offers import accept_offer
from domain.usecases.work import Actor
from tests.factories import CASINO, LARVOTTO, a_provider, a_ride, a_round, an_account, run_as
from tests.races.held import outcome, unfinished, until_it_waits
from tests.usecases.chained import Street, sound

NEXT = {"confirmed": Verb.SET_OFF, "in_progress": Verb.FINISH, "en_route": Verb.ARRIVE}
AHEAD = sorted(NEXT)


@pytest.fixture
async def street(engine: AsyncEngine, database_url: str) -> AsyncIterator[Street]:
    """A driver near the end of a ride. Afterwards the world is sound."""
    street = await Street.founded(engine)
    await street.near_its_end()
    yield street
    await sound(street)


async def an_offer(street: Street, origin: str, *, after: UUID | None, request: UUID | None = None) -> UUID:
    """An offer of a request to the driver: the engine makes one at a time, so the other comes from a customer."""
    if request is None:
        request = await a_ride(street.tools, await an_account(street.tools), pickup=CASINO, drop=LARVOTTO)
    async with street.tools.sessions.begin() as db:
        row = await db.get_one(Request, request)
        offer = Offer(
            id=street.tools.new_id(),
            market_id=row.market_id,
            request_id=row.id,
            customer_id=row.customer_id,
            provider_id=street.driver.id,
            to_account=street.driver.id,
            origin=origin,
            state="pending",
            answer_by=street.clock.now() + timedelta(seconds=30),
            price_cents=row.price_cents,
            currency="EUR",
            terms={"approach_s": 0, "duration_s": 300, "free_in_s": 60 if after else None},
            after_id=after,
            created_at=street.clock.now(),
        )
        db.add(offer)
    return offer.id


def accepts(street: Street, offer: UUID) -> Awaitable[Any]:
    return run_as(street.tools, street.driver, accept_offer, offer)


def does(street: Street, engagement: UUID, verb: Verb, actor: Actor | None = None) -> Awaitable[Any]:
    return run_as(street.tools, actor or street.driver, act, engagement, Deed(verb=verb))


async def standing(street: Street) -> list[Engagement]:
    """What the driver still has ahead, besides the first ride."""
    async with street.tools.sessions() as db:
        found = select(Engagement).where(
            Engagement.provider_id == street.driver.id,
            Engagement.id != street.first,
            Engagement.state == "confirmed",
        )
        return list((await db.execute(found.order_by(Engagement.id))).scalars())


async def test_a_ride_that_ends_while_the_next_is_agreed_promotes_it(street: Street):
    offer = await an_offer(street, "dispatch", after=street.first)
    async with unfinished(street.tools, street.driver, accept_offer, offer):
        finish = asyncio.create_task(outcome(does(street, street.first, Verb.FINISH)))
        await until_it_waits(street.tools, finish)
    assert await finish == "won"
    (second,) = await standing(street)
    assert (second.exclusive, second.after_id) == (True, None)
    assert second.promoted_at is not None


async def test_the_next_agreed_while_the_ride_ends_binds_at_once(street: Street):
    offer = await an_offer(street, "dispatch", after=street.first)
    async with unfinished(street.tools, street.driver, act, street.first, Deed(verb=Verb.FINISH)):
        accept = asyncio.create_task(outcome(accepts(street, offer)))
        await until_it_waits(street.tools, accept)
    assert await accept == "won"
    (second,) = await standing(street)
    assert (second.exclusive, second.after_id, second.promoted_at) == (True, None, None)


@pytest.mark.parametrize("turn", range(6))
async def test_accepting_against_the_end_both_come_true(street: Street, turn: int):
    offer = await an_offer(street, "dispatch", after=street.first)
    verb, actor = (Verb.FINISH, None) if turn % 3 else (Verb.CANCEL, street.riding)
    deeds = [accepts(street, offer), does(street, street.first, verb, actor)]
    results = await asyncio.gather(*(outcome(deed) for deed in (deeds if turn % 2 else reversed(deeds))))
    assert results == ["won", "won"]
    (second,) = await standing(street)
    assert (second.exclusive, second.after_id) == (True, None)


@pytest.mark.parametrize("_", range(3))
async def test_of_two_that_would_wait_for_one_end_one_does(street: Street, _: int):
    offers = [await an_offer(street, origin, after=street.first) for origin in ("dispatch", "counter")]
    results = Counter(await asyncio.gather(*(outcome(accepts(street, offer)) for offer in offers)))
    assert results["won"] == 1
    assert results[AlreadyBusy.code] + results[AgendaConflict.code] + results[LostRace.code] == 1
    (second,) = await standing(street)
    assert second.after_id == street.first


@pytest.mark.parametrize("turn", range(4))
async def test_one_for_now_and_one_for_afterwards_come_to_one(street: Street, turn: int):
    """And the ride ends at the same moment: then either may be the one."""
    offers = [
        await an_offer(street, "dispatch", after=street.first),
        await an_offer(street, "counter", after=None),
    ]
    deeds = [accepts(street, offer) for offer in (offers if turn % 2 else offers[::-1])]
    if turn >= 2:
        deeds.append(does(street, street.first, Verb.FINISH))
    results = await asyncio.gather(*(outcome(deed) for deed in deeds))
    assert results[:2].count("won") == 1
    (second,) = await standing(street)
    if turn >= 2:
        assert results[2] == "won"
        assert second.exclusive
    else:
        assert second.after_id == street.first  # the ride runs: nothing else could begin now


@pytest.mark.parametrize("turn", range(4))
async def test_the_end_against_the_next_customers_cancel(street: Street, turn: int):
    request = await street.next_request()
    second = (
        await accepts(street, await an_offer(street, "dispatch", after=street.first, request=request))
    ).engagement
    deeds = [
        does(street, street.first, Verb.FINISH),
        run_as(street.tools, street.waiting, cancel_request, request, "changed my mind"),
    ]
    results = await asyncio.gather(*(outcome(deed) for deed in (deeds if turn % 2 else reversed(deeds))))
    assert results == ["won", "won"]
    assert (await street.row(second.id)).state == "cancelled"
    assert await standing(street) == []


@pytest.mark.parametrize("turn", range(4))
async def test_the_end_against_setting_off_to_the_next(street: Street, turn: int):
    second = (await accepts(street, await an_offer(street, "dispatch", after=street.first))).engagement
    deeds = [does(street, second.id, Verb.SET_OFF), does(street, street.first, Verb.FINISH)]
    order = deeds if turn % 2 else deeds[::-1]
    results = dict(
        zip(
            ("set_off", "finish") if turn % 2 else ("finish", "set_off"),
            await asyncio.gather(*(outcome(deed) for deed in order)),
            strict=True,
        )
    )
    assert results["finish"] == "won"
    assert results["set_off"] in {"won", NotYourTurn.code}
    row = await street.row(second.id)
    assert (row.exclusive, row.after_id) == (True, None)
    assert row.state == ("en_route" if results["set_off"] == "won" else "confirmed")


@pytest.mark.parametrize("column", ["provider_id", "after_id"])
async def test_the_schema_holds_it_without_any_code(street: Street, column: str):
    """A second row that waits for the same driver, or for the same end, cannot be written."""
    second = (await accepts(street, await an_offer(street, "dispatch", after=street.first))).engagement
    other = await a_provider(street.tools, at=CASINO)
    values = {c.name: getattr(second, c.name) for c in Engagement.__table__.columns}
    values |= {"id": street.tools.new_id(), "offer_id": await an_offer(street, "counter", after=None)}
    values["request_id"] = await a_ride(street.tools, await an_account(street.tools))
    if column == "after_id":
        values["provider_id"] = other.id
    else:
        values["after_id"] = street.tools.new_id()
    with pytest.raises(IntegrityError, match="uq_engagements_waiting"):
        async with street.tools.sessions.begin() as db:
            db.add(Engagement(**values))


@pytest.mark.parametrize("seed", range(6))
async def test_everybody_at_once_in_any_order_leaves_a_sound_world(street: Street, seed: int):
    """The driver, both customers and two rounds, all in one moment, and again until the dust has settled."""
    chance = random.Random(seed)
    request = await street.next_request()
    await a_round(street.tools)
    await an_offer(street, "counter", after=street.first)
    for _ in range(3):
        async with street.tools.sessions() as db:
            offers = list((await db.execute(select(Offer.id).where(Offer.state == "pending"))).scalars())
            ahead = (await db.execute(select(Engagement).where(Engagement.state.in_(AHEAD)))).scalars().all()
        deeds = [accepts(street, offer) for offer in offers]
        deeds += [does(street, one.id, NEXT[one.state]) for one in ahead if one.state in NEXT]
        deeds += [
            run_as(street.tools, street.waiting, cancel_request, request),
            a_round(street.tools),
            a_round(street.tools),
        ]
        chance.shuffle(deeds)
        await asyncio.gather(*(outcome(deed) for deed in deeds))
        await sound(street)
