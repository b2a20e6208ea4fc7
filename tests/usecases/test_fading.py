"""Exact places leave the rows of the event log when the work is over, and no stream notices."""

import hashlib
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.fading import places_in
from domain.store.invariants import breaches
from domain.store.tables import Erasure, EventRow, Stream
from domain.usecases.cancelling import cancel_request
from domain.usecases.fading import on_places_fade
from domain.usecases.requests import request_seen
from domain.usecases.stream import events_after
from domain.usecases.timeline import timeline_of
from domain.usecases.tracks import track_of
from domain.usecases.work import ENGINE, Actor
from tests.factories import PORT, a_provider, a_round, put_at, run_as
from tests.usecases.engaged import Town

TELLING = ("rue du Plan", str(PORT.lat), "AB-123-CD")  # a street, a point, a plate


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


async def events(town: Town, actor: Actor | None = None) -> list[EventRow]:
    async with town.tools.sessions() as db:
        found = select(EventRow).order_by(EventRow.account_id, EventRow.seq)
        if actor is not None:
            found = found.where(EventRow.account_id == actor.id)
        return list((await db.execute(found)).scalars())


async def erasures(town: Town) -> list[Erasure]:
    async with town.tools.sessions() as db:
        return list((await db.execute(select(Erasure).order_by(Erasure.id))).scalars())


async def streams(town: Town) -> list[tuple[Any, ...]]:
    async with town.tools.sessions() as db:
        rows = (await db.execute(select(Stream).order_by(Stream.account_id))).scalars()
        return [(row.account_id, row.seq, row.kept_from, row.epoch) for row in rows]


def text_of(rows: list[EventRow]) -> str:
    return " ".join(str(row.data) for row in rows)


async def test_while_the_work_runs_both_parties_read_the_places_in_their_streams(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")
    await run_as(town.tools, ENGINE, on_places_fade, (await town.row(ride)).request_id)
    for actor in (town.customer, town.driver):
        told = [row for row in await events(town, actor) if row.type.startswith("engagement.")]
        assert len(told) == 4
        assert all(PORT.lat == row.data["stops"][0]["lat"] for row in told)
    assert await erasures(town) == []


@pytest.mark.parametrize("end", ["completed", "cancelled", "no_show"])
async def test_when_it_is_over_no_row_of_the_log_holds_a_place(town: Town, end: str) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "arrived")
    before = await events(town)
    assert all(word in text_of(before) for word in TELLING)
    if end == "completed":
        await town.drive_to(ride, "completed")
    elif end == "cancelled":
        await town.do(town.customer, ride, "cancel")
    else:
        town.clock.move(301)
        await town.do(town.driver, ride, "no_show")
    numbers = [(row.account_id, row.seq, row.type, row.at) for row in await events(town)]
    heads = await streams(town)
    async with town.tools.sessions() as db:
        assert (await breaches(db))["a gap in an account's stream"] == 0
    pin = (await town.row(ride)).pin or "?"
    await run_as(town.tools, ENGINE, on_places_fade, (await town.row(ride)).request_id)
    after = await events(town)
    assert [(row.account_id, row.seq, row.type, row.at) for row in after] == numbers
    assert await streams(town) == heads, "no gap, and the epoch unchanged"
    for word in TELLING:
        assert word not in text_of(after)
    assert not any(list(places_in(row.data)) for row in after)
    assert f"'pin': '{pin}'" not in text_of(after)
    confirmed = next(row for row in after if row.type == "engagement.confirmed")
    assert confirmed.data["stops"][0].keys() == {"seq", "kind", "cell", "label"}


async def test_the_timer_does_it_and_leaves_a_receipt_that_a_copy_can_be_checked_by(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")
    held = [row for row in await events(town) if list(places_in(row.data))]
    lines = [
        f"{row.at.astimezone(UTC).isoformat()},{lat!r},{lon!r}"
        for row in held
        for lat, lon in places_in(row.data)
    ]
    await town.drive_to(ride, "completed")
    await town.settle()
    (receipt,) = await erasures(town)
    assert (receipt.kind, receipt.engagement_id, receipt.rows) == ("places", ride, len(held))
    assert receipt.digest == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert (receipt.first_at, receipt.last_at) == (min(r.at for r in held), max(r.at for r in held))
    told = await run_as(town.tools, town.customer, timeline_of, ride)
    assert [item["receipt"]["what"] for item in told if item["kind"] == "erasure"] == ["places"]
    assert (await run_as(town.tools, town.driver, track_of, ride))["receipt"] is None
    await run_as(town.tools, ENGINE, on_places_fade, (await town.row(ride)).request_id)
    assert len(await erasures(town)) == 1, "twice does nothing"


async def test_a_client_that_was_away_resumes_over_faded_events_without_a_gap(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "completed")
    await town.settle()
    stands, told = await run_as(town.tools, town.driver, events_after, 0)
    assert [event.seq for event in told] == list(range(1, stands.seq + 1))
    assert "rue du Plan" not in str(told)


async def test_a_driver_who_drops_out_forgets_the_place_and_the_next_one_reads_it(town: Town) -> None:
    ride = await town.ride()
    await town.do(town.driver, ride, "cancel", reason="a flat tyre")
    other = await a_provider(town.tools, ("ride-vtc",), name="Other")
    town.clock.move(1)
    put_at(town.tools, other.id, PORT)
    await a_round(town.tools)
    again = await town.accept_pending(other)
    await town.settle()
    assert "rue du Plan" not in text_of(await events(town, town.driver))
    confirmed = [row for row in await events(town, other) if row.type == "engagement.confirmed"]
    assert confirmed[0].data["stops"][0]["lat"] == PORT.lat
    mine = [row for row in await events(town, town.customer) if row.type == "engagement.confirmed"]
    assert ["lat" in row.data["stops"][0] for row in mine] == [False, True]
    assert again != ride


async def test_a_destination_told_before_the_answer_is_gone_when_the_request_is(town: Town) -> None:
    request = await town.ask()
    town.clock.move(1)
    put_at(town.tools, town.driver.id, PORT)
    await a_round(town.tools)
    (told,) = [row for row in await events(town, town.driver) if row.type == "offer.created"]
    assert "lat" in told.data["terms"]["drop"], "a French VTC must know where to before the answer"
    await run_as(town.tools, ENGINE, on_places_fade, request)
    assert "lat" in (await events(town, town.driver))[0].data["terms"]["drop"], "not while it waits"
    await run_as(town.tools, town.customer, cancel_request, request)
    await town.settle()
    assert not any(list(places_in(row.data)) for row in await events(town, town.driver))


async def test_of_work_that_is_over_the_parties_read_cells_and_the_customer_their_own_request(
    town: Town,
) -> None:
    ride = await town.ride()
    for actor in (town.customer, town.driver):
        assert "lat" in (await town.seen(actor, ride))["stops"][0]
    await town.drive_to(ride, "completed")
    for actor in (town.customer, town.driver, town.staff):
        assert (await town.seen(actor, ride))["stops"][0].keys() == {"seq", "kind", "cell", "label"}
    own = await run_as(town.tools, town.customer, request_seen, (await town.row(ride)).request_id)
    assert own["stops"][0]["lat"] == PORT.lat


async def test_a_request_that_is_not_there_any_more_fades_nothing(town: Town) -> None:
    await run_as(town.tools, ENGINE, on_places_fade, UUID(int=1))
