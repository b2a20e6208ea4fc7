"""A request's life: made, read by each of its readers, cancelled, refused; and the reasons told about it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import (
    Forbidden,
    IllegalMove,
    Invalid,
    NotFound,
    OutsideServiceArea,
    PaymentDeclined,
    QuoteUsed,
    TooMany,
    UnknownService,
)
from domain.rules.places import Place
from domain.rules.ports import PspAnswer, PspOutcome
from domain.rules.states import RequestState
from domain.store.tables import Engagement, EventRow, Payment, Quote, Request, Stop, Timer
from domain.usecases.cancelling import cancel_request
from domain.usecases.offers import accept_offer, decline_offer, my_offers
from domain.usecases.quotes import quote
from domain.usecases.requests import Wish, create_request, my_requests, request_seen
from domain.usecases.why import rounds_of, why_not_me, why_offered
from domain.usecases.work import Actor, Tools
from tests.factories import (
    CASINO,
    HELSINKI,
    LARVOTTO,
    PORT,
    FakeClock,
    GoodPsp,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    at_present,
    make_tools,
    run_as,
    the_offers_of,
)

TRIP = (Place("pickup", PORT), Place("drop", CASINO))


@pytest.fixture
def clock() -> FakeClock:
    return at_present()


@pytest.fixture
async def tools(engine: AsyncEngine, database_url: str, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def rows(tools: Tools, table: type[Any], *where: Any) -> Sequence[Any]:
    async with tools.sessions() as db:
        return (await db.execute(select(table).where(*where))).scalars().all()


async def events_of(tools: Tools, actor: Actor) -> list[EventRow]:
    async with tools.sessions() as db:
        statement = select(EventRow).where(EventRow.account_id == actor.id).order_by(EventRow.seq)
        return list((await db.execute(statement)).scalars())


async def test_a_quote_becomes_one_request_at_its_price(tools: Tools):
    customer = await an_account(tools)
    quoted, _ = await run_as(tools, customer, quote, service="ride-vtc", places=TRIP)
    request = (await run_as(tools, customer, create_request, Wish(quote_id=quoted.id))).row
    assert request.price_cents == quoted.price_cents
    assert request.state == "open"
    (payment,) = await rows(tools, Payment)
    assert (payment.state, payment.amount_cents) == ("authorised", quoted.price_cents)
    with pytest.raises(QuoteUsed):
        await run_as(tools, customer, create_request, Wish(quote_id=quoted.id))
    with pytest.raises(NotFound):
        await run_as(tools, await an_account(tools), create_request, Wish(quote_id=quoted.id))


async def test_without_a_quote_the_price_is_made_on_the_spot(tools: Tools):
    customer = await an_account(tools)
    request_id = await a_ride(tools, customer)
    seen = await run_as(tools, customer, request_seen, request_id)
    (quoted,) = await rows(tools, Quote)
    assert seen["price"] == {"amount": quoted.price_cents, "currency": "EUR"}
    assert seen["quote_id"] == str(quoted.id)


async def test_a_declined_card_leaves_no_trace_of_the_request(engine: AsyncEngine, database_url: str):
    tools = make_tools(engine, clock=at_present(), psp=_Declining())
    await a_market(tools)
    with pytest.raises(PaymentDeclined):
        await a_ride(tools, await an_account(tools))
    for table in (Request, Stop, Payment, Timer, Quote):
        assert await rows(tools, table) == []


class _Declining(GoodPsp):
    async def authorise(self, key: str, amount: Any, *, method: str, meta: Any) -> PspAnswer:
        return PspAnswer(PspOutcome.DECLINED, "", "insufficient funds")


async def test_a_sixth_open_request_is_refused(tools: Tools):
    customer = await an_account(tools)
    for _ in range(5):
        await a_ride(tools, customer)
    with pytest.raises(TooMany):
        await a_ride(tools, customer)


async def test_bad_wishes_are_refused_with_what_is_wrong(tools: Tools, clock: FakeClock):
    customer = await an_account(tools)
    wrong: list[tuple[Wish, type[Exception]]] = [
        (Wish(), Invalid),
        (Wish(service="teleport", places=TRIP, market="monaco"), UnknownService),
        (Wish(service="ride-vtc", places=TRIP[:1]), Invalid),
        (Wish(service="ride-vtc", places=(Place("pickup", HELSINKI), TRIP[1])), OutsideServiceArea),
        (Wish(service="ride-vtc", places=TRIP, start_at=clock.now() - timedelta(hours=1)), Invalid),
        (Wish(service="ride-vtc", places=TRIP, start_at=clock.now() + timedelta(days=31)), Invalid),
        (Wish(service="odd-job", places=(Place("site", PORT),), window_s=9_000_000), Invalid),
        (Wish(service="odd-job", places=(Place("site", PORT),), budget_cents=1, currency="USD"), Invalid),
    ]
    for wish, refusal in wrong:
        with pytest.raises(refusal):
            await run_as(tools, customer, create_request, wish)
    assert await rows(tools, Request) == []


async def test_each_reader_sees_their_own_view(tools: Tools):
    customer, stranger = await an_account(tools), await an_account(tools)
    ops, driver = await an_account(tools, is_ops=True), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    own = await run_as(tools, customer, request_seen, request_id)
    assert own["stops"][0]["lat"] == PORT.lat
    assert (await run_as(tools, ops, request_seen, request_id))["role"] == "ops"
    coarse = await run_as(tools, driver, request_seen, request_id)
    assert coarse["role"] == "provider"
    assert all("lat" not in stop and "address" not in stop for stop in coarse["stops"])
    with pytest.raises(NotFound):
        await run_as(tools, stranger, request_seen, request_id)


async def test_ones_requests_come_newest_first_and_by_state(tools: Tools, clock: FakeClock):
    customer = await an_account(tools)
    ids = []
    for _ in range(3):
        ids.append(str(await a_ride(tools, customer)))
        clock.move(1)
    await run_as(tools, customer, cancel_request, UUID(ids[1]))
    mine = await run_as(tools, customer, my_requests, state=None, before=None, limit=10)
    assert [one["id"] for one in mine] == ids[::-1]
    still = await run_as(tools, customer, my_requests, state=RequestState.OPEN, before=None, limit=10)
    assert [one["id"] for one in still] == [ids[2], ids[0]]
    older = await run_as(tools, customer, my_requests, state=None, before=UUID(ids[1]), limit=10)
    assert [one["id"] for one in older] == [ids[0]]


async def test_cancelling_before_a_match_is_free_and_withdraws_the_offers(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    cancelled = await run_as(tools, customer, cancel_request, request_id, "changed my mind")
    assert cancelled["state"] == "cancelled"
    (payment,) = await rows(tools, Payment)
    assert payment.want == "release"
    assert await the_offers_of(tools, driver) == []
    assert [row.type for row in await events_of(tools, driver)] == ["offer.created", "offer.withdrawn"]
    assert (await events_of(tools, customer))[-1].type == "request.cancelled"
    with pytest.raises(IllegalMove):
        await run_as(tools, customer, cancel_request, request_id)
    with pytest.raises(NotFound):
        await run_as(tools, driver, cancel_request, request_id)


async def test_cancelling_after_a_match_ends_the_engagement(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    seen = await run_as(tools, customer, cancel_request, request_id, "no longer needed")
    assert seen["state"] == "cancelled"
    (engagement,) = await rows(tools, Engagement)
    assert engagement.state == "cancelled"
    assert engagement.ended_by == "customer"


async def test_an_offers_events_carry_no_exact_place(tools: Tools):
    driver = await a_provider(tools, ["parcel"])
    await a_ride(tools, await an_account(tools), service="parcel")
    await a_round(tools)
    (told,) = await events_of(tools, driver)
    assert str(PORT.lat) not in str(told.data)
    assert "rue du Plan" not in str(told.data)
    assert told.not_after is not None


async def test_an_accepted_offer_shows_the_places_and_hides_them_when_it_is_over(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    await run_as(tools, driver, accept_offer, UUID(offer["id"]))
    from_list = await _of(tools, driver)
    assert from_list["terms"]["pickup"]["lat"] == PORT.lat
    await run_as(tools, customer, cancel_request, request_id)
    assert "lat" not in (await _of(tools, driver))["terms"]["pickup"]


async def _of(tools: Tools, provider: Actor) -> dict[str, Any]:
    (only,) = await run_as(tools, provider, my_offers, state=None, before=None, limit=10)
    return dict(only)


async def test_a_driver_reads_why_they_were_asked_and_why_they_were_not(tools: Tools):
    customer = await an_account(tools)
    near = [await a_provider(tools, at=PORT) for _ in range(3)]
    far, eco = await a_provider(tools, at=LARVOTTO), await a_provider(tools, ["ride-eco"])
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, near[0])

    why = await run_as(tools, near[0], why_offered, UUID(offer["id"]))
    assert why["reasons"][0] == "offered"
    assert why["policy_version"] == "dispatch-2"
    assert "Refuser une proposition" in why["words"]
    assert {factor["name"] for factor in why["factors"]} >= {"approach"}
    not_me = await run_as(tools, far, why_not_me, request_id)
    assert not_me["reasons"][0] == "farther"
    assert not_me["of"] == 4
    for nobody in (eco, customer):
        with pytest.raises(NotFound):
            await run_as(tools, nobody, why_not_me, request_id)
    with pytest.raises(NotFound):
        await run_as(tools, far, why_offered, UUID(offer["id"]))


async def test_ops_read_the_whole_round_in_words(tools: Tools):
    customer, ops = await an_account(tools), await an_account(tools, is_ops=True)
    asked, passed = (
        await a_provider(tools, name="Ada"),
        await a_provider(tools, name="Bo", max_travel_s=1, at=CASINO),
    )
    request_id = await a_ride(tools, customer)
    await a_round(tools)
    (round_,) = await run_as(tools, ops, rounds_of, request_id)
    told = {one["name"]: one for one in round_["candidates"]}
    assert told["Ada"]["outcome"] == "offered"
    assert told["Ada"]["rank"] == 1
    assert told["Bo"]["reason"] == "beyond_own_limit"
    assert told["Bo"]["words"].startswith("Vous étiez à")
    assert round_["unserved"] is None
    with pytest.raises(Forbidden):
        await run_as(tools, asked, rounds_of, request_id)
    assert passed.account_id is not None


async def test_declining_twice_is_the_same_as_once(tools: Tools):
    customer, driver = await an_account(tools), await a_provider(tools)
    await a_ride(tools, customer)
    await a_round(tools)
    (offer,) = await the_offers_of(tools, driver)
    for _ in range(2):
        assert (await run_as(tools, driver, decline_offer, UUID(offer["id"]))).state == "declined"
    assert [row.type for row in await events_of(tools, driver)] == ["offer.created"]
